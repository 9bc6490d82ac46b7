'use strict';

const { call } = require('../lib/http');

// Hidden: what the dropdowns of services show.
module.exports = {
  key: 'service_list',
  noun: 'Service',
  display: {
    label: 'List of Services',
    description: 'Fills the dropdowns of services.',
    hidden: true,
  },
  operation: {
    type: 'polling',
    perform: async (z, bundle) => {
      const { data } = await call(z, bundle, 'GET', '/v1/prices', {
        params: { limit: 1000 },
      });
      return data.map(({ service_code: id, service_name: name, price, currency }) => ({
        id,
        name: `${name} (${price} ${currency})`,
      }));
    },
    sample: { id: 'whatsapp', name: 'Whatsapp (0.55 USD)' },
    outputFields: [
      { key: 'id', label: 'Service Code', type: 'string', primary: true },
      { key: 'name', label: 'Service', type: 'string' },
    ],
  },
};
