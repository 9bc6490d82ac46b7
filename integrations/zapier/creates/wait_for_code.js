'use strict';

const { call } = require('../lib/http');
const { RENTAL_ID, pathOf } = require('../lib/rentals');

// Zapier ends a step after 30 seconds, so one run of it waits 25. Where no code has come by then
// it is run again by Zapier: until the code is there, or the rental has ended without.
const WAIT_SECONDS = 25;
const AGAIN_SECONDS = 15;

module.exports = {
  key: 'wait_for_code',
  noun: 'Code',
  display: {
    label: 'Wait for Code',
    description: 'Waits until the SMS code of a rented number has come, and gives it.',
  },
  operation: {
    perform: async (z, bundle) => {
      const { after_code: after, continue_without: goesOn } = bundle.inputData;
      const code = await call(z, bundle, 'GET', pathOf(bundle, '/code'), {
        params: { wait_seconds: WAIT_SECONDS, after_code: after },
      });
      if (code.status === 'pending') {
        throw new z.errors.ThrottledError(
          'No code has come yet. Zapier asks again by itself; in the editor, test this step again.',
          code.retry_after_seconds || AGAIN_SECONDS,
        );
      }
      if (code.status === 'ended' && String(goesOn) !== 'true') {
        throw new z.errors.HaltedError(
          `No code has come: the rental has ended (${code.ended_reason}).`,
        );
      }
      return code;
    },
    inputFields: [
      RENTAL_ID,
      {
        key: 'after_code',
        label: 'After Code',
        type: 'string',
        helpText:
          'A code that you have already, of a service that sends several: another one is waited for.',
      },
      {
        key: 'continue_without',
        label: 'Continue Without a Code',
        type: 'boolean',
        default: 'false',
        helpText:
          'Where the rental ends without a code: **no** stops the Zap here; **yes** goes on, with the status `ended`.',
      },
    ],
    outputFields: [
      { key: 'code', label: 'Code', type: 'string' },
      { key: 'status', label: 'Status', type: 'string' },
      { key: 'rental_id', label: 'Rental ID', type: 'integer' },
      { key: 'received_at', label: 'Received At', type: 'datetime' },
      { key: 'ended_reason', label: 'Why It Ended', type: 'string' },
      { key: 'provisional', label: 'Provisional', type: 'boolean' },
    ],
    sample: {
      rental_id: 12345,
      status: 'received',
      code: '140891',
      received_at: '2026-12-01T14:30:41Z',
      ended_reason: null,
      retry_after_seconds: null,
      provisional: false,
    },
  },
};
