'use strict';

const { call } = require('../lib/http');
const { FIELDS, WITH_CODE, pathOf } = require('../lib/rentals');

const byId = async (z, bundle) => {
  const rental = await call(z, bundle, 'GET', pathOf(bundle), { tolerated: [404] });
  return rental.id ? [rental] : [];
};

module.exports = {
  key: 'find_rental',
  noun: 'Rental',
  display: {
    label: 'Find Rental',
    description: 'Finds a rental by its ID, number or reference: the newest one that fits.',
  },
  operation: {
    perform: async (z, bundle) => {
      const { rental_id: id, number, reference, service_code } = bundle.inputData;
      if (id) return byId(z, bundle);
      if (!number && !reference) {
        throw new z.errors.Error('Enter a Rental ID, a Phone Number or a Reference.', 'no_input');
      }
      const params = { number, reference, service_code, limit: 10 };
      return (await call(z, bundle, 'GET', '/v1/rentals', { params })).data;
    },
    inputFields: [
      { key: 'rental_id', label: 'Rental ID', type: 'integer' },
      {
        key: 'number',
        label: 'Phone Number',
        type: 'string',
        helpText: 'Such as +14104287665.',
      },
      {
        key: 'reference',
        label: 'Reference',
        type: 'string',
        helpText: 'The label that Rent Number gave it.',
      },
      {
        key: 'service_code',
        label: 'Service',
        type: 'string',
        dynamic: 'service_list.id.name',
        helpText: 'Only of this service.',
      },
    ],
    outputFields: FIELDS,
    sample: WITH_CODE,
  },
};
