'use strict';

const { call } = require('../lib/http');

module.exports = {
  key: 'find_service',
  noun: 'Service',
  display: {
    label: 'Find Service',
    description: 'Finds a service by its name, with its price and stock.',
  },
  operation: {
    perform: async (z, bundle) => {
      const { query, max_price, in_stock } = bundle.inputData;
      const params = { query, max_price, in_stock, limit: 10, sort: 'price' };
      return (await call(z, bundle, 'GET', '/v1/prices', { params })).data;
    },
    inputFields: [
      {
        key: 'query',
        label: 'Name',
        type: 'string',
        required: true,
        helpText: 'What its name or code holds. The cheapest one that fits comes first.',
      },
      {
        key: 'max_price',
        label: 'Maximum Price',
        type: 'string',
        helpText: 'Only services whose numbers cost no more than this, in USD.',
      },
      {
        key: 'in_stock',
        label: 'In Stock',
        type: 'boolean',
        default: 'false',
        helpText: 'Only services that have numbers now.',
      },
    ],
    outputFields: [
      { key: 'service_code', label: 'Service Code', type: 'string', primary: true },
      { key: 'service_name', label: 'Service Name', type: 'string' },
      { key: 'price', label: 'Price', type: 'string' },
      { key: 'currency', label: 'Currency', type: 'string' },
      { key: 'stock', label: 'Stock', type: 'integer' },
      { key: 'ttl_minutes', label: 'Minutes Rented', type: 'integer' },
      { key: 'multiple_sms', label: 'Several Codes', type: 'boolean' },
    ],
    sample: {
      service_code: 'whatsapp',
      service_name: 'Whatsapp',
      price: '0.55',
      currency: 'USD',
      stock: 120,
      ttl_minutes: 5,
      multiple_sms: true,
    },
  },
};
