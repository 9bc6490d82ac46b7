'use strict';

const { EVENT, RENTAL_FIELDS, SERVICE, instantly } = require('../lib/events');

module.exports = {
  key: 'rental_ended',
  noun: 'Rental',
  display: {
    label: 'Rental Ended',
    description: 'Triggers when a rental is completed, cancelled or over.',
  },
  operation: instantly(['rental.ended'], 'Zapier: Rental Ended', {
    inputFields: [SERVICE],
    outputFields: RENTAL_FIELDS,
    sample: {
      ...EVENT,
      id: 'evt_74',
      type: 'rental.ended',
      timestamp: '2026-12-01T14:32:10Z',
      data: { ...EVENT.data, status: 'completed', ended_reason: 'completed' },
    },
  }),
};
