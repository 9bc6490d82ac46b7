'use strict';

const { EVENT, RENTAL_FIELDS, SERVICE, instantly } = require('../lib/events');

module.exports = {
  key: 'new_code',
  noun: 'Code',
  display: {
    label: 'New Code',
    description: 'Triggers when the SMS code of a rented number has come.',
  },
  operation: instantly(['rental.code_received'], 'Zapier: New Code', {
    inputFields: [SERVICE],
    outputFields: RENTAL_FIELDS,
    sample: EVENT,
  }),
};
