'use strict';

const { call } = require('../lib/http');
const { FIELDS, RENTAL_ID, SAMPLE, pathOf } = require('../lib/rentals');

module.exports = {
  key: 'cancel_rental',
  noun: 'Rental',
  display: {
    label: 'Cancel Rental',
    description:
      'Gives a number that has no code back for a refund: now, or as soon as the provider allows.',
  },
  operation: {
    perform: (z, bundle) => call(z, bundle, 'POST', pathOf(bundle, '/cancel')),
    inputFields: [RENTAL_ID],
    outputFields: FIELDS,
    sample: {
      ...SAMPLE,
      status: 'cancelled',
      refunded: '0.55',
      balance: '100.00',
      ended_reason: 'cancelled',
      cancel_requested_at: '2026-12-01T14:32:05Z',
    },
  },
};
