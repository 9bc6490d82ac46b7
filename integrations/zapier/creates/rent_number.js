'use strict';

const { REQUEST_ID, acceptableUse, purchase } = require('../lib/purchases');
const { FIELDS, SAMPLE } = require('../lib/rentals');

const INPUTS = [
  {
    key: 'service_code',
    label: 'Service',
    type: 'string',
    required: true,
    dynamic: 'service_list.id.name',
    search: 'find_service.service_code',
    helpText: 'The service that will send the code.',
  },
  REQUEST_ID,
  {
    key: 'max_price',
    label: 'Maximum Price',
    type: 'string',
    placeholder: '0.60',
    helpText: 'The most to pay in USD, surcharges included. Dearer numbers are not rented.',
  },
  {
    key: 'carrier',
    label: 'Carrier',
    type: 'string',
    choices: { any: 'Any', 'at&t': 'AT&T', tmobile: 'T-Mobile', verizon: 'Verizon' },
    default: 'any',
    helpText: "Only this carrier's numbers; a match costs 1.2 times the price.",
  },
  {
    key: 'area_codes',
    label: 'Area Codes',
    type: 'string',
    placeholder: '212,646',
    helpText: 'Preferred area codes, with commas; a match costs 1.2 times the price.',
  },
  {
    key: 'number',
    label: 'Phone Number',
    type: 'string',
    placeholder: '+14104287665',
    helpText: 'Rent just this US number, if it is free; without carrier and area codes.',
  },
  {
    key: 'reference',
    label: 'Reference',
    type: 'string',
    helpText: 'Your own label. Find Rental finds the number by it.',
  },
];

module.exports = {
  key: 'rent_number',
  noun: 'Number',
  display: {
    label: 'Rent Number',
    description: "Rents one US number to receive one service's SMS code.",
  },
  operation: {
    perform: (z, bundle) => {
      const inputs = Object.fromEntries(INPUTS.map(({ key }) => [key, bundle.inputData[key]]));
      return purchase(z, bundle, 'rent_number', '/v1/rentals', inputs);
    },
    inputFields: [acceptableUse, ...INPUTS],
    outputFields: FIELDS,
    sample: SAMPLE,
  },
};
