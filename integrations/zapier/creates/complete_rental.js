'use strict';

const { call } = require('../lib/http');
const { FIELDS, RENTAL_ID, WITH_CODE, pathOf } = require('../lib/rentals');

module.exports = {
  key: 'complete_rental',
  noun: 'Rental',
  display: {
    label: 'Complete Rental',
    description: 'Marks a rental whose code was used as done. It refunds nothing.',
  },
  operation: {
    perform: (z, bundle) => call(z, bundle, 'POST', pathOf(bundle, '/complete')),
    inputFields: [RENTAL_ID],
    outputFields: FIELDS,
    sample: { ...WITH_CODE, status: 'completed', ended_reason: 'completed' },
  },
};
