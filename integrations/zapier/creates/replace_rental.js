'use strict';

const { REQUEST_ID, acceptableUse, purchase } = require('../lib/purchases');
const { FIELDS, RENTAL_ID, SAMPLE, pathOf } = require('../lib/rentals');

module.exports = {
  key: 'replace_rental',
  noun: 'Number',
  display: {
    label: 'Replace Number',
    description:
      'Rents another number for the same service in place of one whose code does not come, and cancels that one for a refund.',
  },
  operation: {
    perform: (z, bundle) =>
      purchase(z, bundle, 'replace_rental', pathOf(bundle, '/replace'), {
        max_price: bundle.inputData.max_price,
      }),
    inputFields: [
      acceptableUse,
      RENTAL_ID,
      REQUEST_ID,
      {
        key: 'max_price',
        label: 'Maximum Price',
        type: 'string',
        helpText: 'The most to pay in USD. Empty: as for the first number.',
      },
    ],
    outputFields: FIELDS,
    sample: { ...SAMPLE, id: 12346, number: '+13477999997', balance: '98.90', replaces: 12345 },
  },
};
