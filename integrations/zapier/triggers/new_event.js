'use strict';

const { EVENT, EVENT_FIELDS, RENTAL_FIELDS, list } = require('../lib/events');

const CHOICES = {
  any: 'Any event',
  'rental.created': 'A number was rented',
  'rental.code_received': 'A code has come',
  'rental.cancel_requested': 'A rental is to be cancelled',
  'rental.refunded': 'A rental was refunded',
  'rental.ended': 'A rental has ended',
  'purchase.outcome_unknown': 'The outcome of a purchase is unknown',
  'purchase.overcharged': 'More was charged than reserved',
  'balance.low': 'The balance is low',
  'key.budget_reached': 'A budget is reached',
  'webhook.disabled': 'A webhook was disabled',
};

module.exports = {
  key: 'new_event',
  noun: 'Event',
  display: {
    label: 'New Event',
    description:
      'Triggers when something happens to rentals, purchases or budgets. Zapier looks every few minutes.',
  },
  operation: {
    type: 'polling',
    perform: (z, bundle) => list(z, bundle, bundle.inputData.type || 'any'),
    inputFields: [
      {
        key: 'type',
        label: 'Event Type',
        type: 'string',
        required: true,
        choices: CHOICES,
        default: 'any',
      },
    ],
    outputFields: [...EVENT_FIELDS, ...RENTAL_FIELDS],
    sample: EVENT,
  },
};
