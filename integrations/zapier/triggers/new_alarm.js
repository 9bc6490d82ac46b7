'use strict';

const { EVENT, instantly } = require('../lib/events');

const TYPES = [
  'purchase.outcome_unknown',
  'purchase.overcharged',
  'balance.low',
  'key.budget_reached',
  'webhook.disabled',
];

module.exports = {
  key: 'new_alarm',
  noun: 'Alarm',
  display: {
    label: 'New Alarm',
    description:
      'Triggers when a purchase needs somebody to look at it, the balance is low, a budget is reached, or a webhook is disabled.',
  },
  operation: instantly(TYPES, 'Zapier: New Alarm', {
    inputFields: [],
    outputFields: [
      { key: 'details__balance', label: 'Balance', type: 'string' },
      { key: 'details__threshold', label: 'Balance Threshold', type: 'string' },
      { key: 'details__key_name', label: 'Key Name', type: 'string' },
      { key: 'details__limit', label: 'Budget', type: 'string' },
      { key: 'details__percent', label: 'Percent of Budget', type: 'integer' },
      { key: 'details__spent', label: 'Spent', type: 'string' },
      { key: 'details__ledger_id', label: 'Purchase ID', type: 'string' },
      { key: 'details__reserved', label: 'Reserved', type: 'string' },
      { key: 'details__charged', label: 'Charged', type: 'string' },
      { key: 'details__webhook_id', label: 'Webhook ID', type: 'string' },
      { key: 'details__reason', label: 'Reason', type: 'string' },
    ],
    sample: {
      ...EVENT,
      id: 'evt_75',
      type: 'balance.low',
      data: null,
      details: {
        ledger_id: null,
        operation: null,
        reserved: null,
        charged: null,
        key_id: null,
        key_name: null,
        limit: null,
        percent: null,
        spent: null,
        budget: null,
        balance: '4.45',
        threshold: '5.00',
        webhook_id: null,
        reason: null,
      },
    },
  }),
};
