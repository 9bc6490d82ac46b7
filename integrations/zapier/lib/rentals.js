'use strict';

// A rental as Zapier shows it: its fields, and the sample for those who test before they rent.

const SAMPLE = {
  id: 12345,
  ledger_id: '644e5b1b5c940c5f4c1f0a2d7',
  status: 'active',
  service_code: 'whatsapp',
  service_name: 'Whatsapp',
  number: '+16466999999',
  code: null,
  code_received_at: null,
  codes: [],
  price: '0.55',
  refunded: null,
  currency: 'USD',
  balance: '99.45',
  created_at: '2026-12-01T14:30:05Z',
  ends_at: '2026-12-01T14:35:05Z',
  ended_reason: null,
  cancel_requested_at: null,
  cancel_available_at: null,
  replaces: null,
  replaced_by: null,
  reference: null,
  notice: null,
};

const WITH_CODE = {
  ...SAMPLE,
  status: 'code_received',
  code: '140891',
  code_received_at: '2026-12-01T14:30:41Z',
  codes: null,
  balance: null,
};

const FIELDS = [
  { key: 'id', label: 'Rental ID', type: 'integer' },
  { key: 'number', label: 'Phone Number', type: 'string' },
  { key: 'code', label: 'Code', type: 'string' },
  { key: 'status', label: 'Status', type: 'string' },
  { key: 'service_code', label: 'Service Code', type: 'string' },
  { key: 'service_name', label: 'Service Name', type: 'string' },
  { key: 'price', label: 'Price', type: 'string' },
  { key: 'refunded', label: 'Refunded', type: 'string' },
  { key: 'currency', label: 'Currency', type: 'string' },
  { key: 'created_at', label: 'Rented At', type: 'datetime' },
  { key: 'ends_at', label: 'Ends At', type: 'datetime' },
  { key: 'ended_reason', label: 'Why It Ended', type: 'string' },
  { key: 'cancel_requested_at', label: 'Cancel Requested At', type: 'datetime' },
  { key: 'cancel_available_at', label: 'Cancel Available At', type: 'datetime' },
  { key: 'reference', label: 'Reference', type: 'string' },
];

const RENTAL_ID = {
  key: 'rental_id',
  label: 'Rental ID',
  type: 'integer',
  required: true,
  search: 'find_rental.id',
  helpText: 'The **Rental ID** of the step that rented the number.',
};

/** The path of one rental, or of something below it. */
const pathOf = (bundle, below = '') =>
  `/v1/rentals/${encodeURIComponent(bundle.inputData.rental_id)}${below}`;

module.exports = { FIELDS, RENTAL_ID, SAMPLE, WITH_CODE, pathOf };
