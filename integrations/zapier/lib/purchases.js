'use strict';

// What every step that costs money has: an id that makes it buy once, and the rules of use.

const crypto = require('node:crypto');

const { baseUrl, call } = require('./http');

const REQUEST_ID = {
  key: 'request_id',
  label: 'Request ID',
  type: 'string',
  required: true,
  helpText:
    'Map what names the event that started this Zap, best the **ID** of its trigger. The same ' +
    'Request ID rents one number, however often the step is tested, retried or replayed within ' +
    '24 hours. Two steps of one Zap, or two items of a loop, share it on purpose: one number a run.',
};

/** A link to the gateway's own page, where its address is known. */
const acceptableUse = (z, bundle) => [
  {
    key: 'acceptable_use',
    type: 'copy',
    helpText:
      'This step costs money, also when you test it. Rent only for an account that is yours: ' +
      `[acceptable use](${baseUrl(z, bundle)}/acceptable-use).`,
  },
];

/**
 * The gateway's request_id: the same for every try of one step, another for another Zap.
 *
 * Zapier names no run, so what names it is mapped by the user. Hashed, for it may be long or hold
 * letters that an id may not. The Zap keeps two Zaps apart that map rows of the same numbers.
 */
const requestId = (z, bundle, operation) => {
  const mapped = String(bundle.inputData.request_id || '').trim();
  if (!mapped) throw new z.errors.Error('The Request ID is empty: nothing was rented.', 'no_id');
  const zap = (bundle.meta && bundle.meta.zap && bundle.meta.zap.id) || '';
  const named = JSON.stringify([String(zap), operation, mapped]);
  return `zapier-${crypto.createHash('sha256').update(named).digest('hex')}`;
};

/** Buy one number: the inputs of the step, but for the id, are the gateway's own. */
const purchase = (z, bundle, operation, path, inputs) => {
  const lists = Object.keys(inputs).filter((key) => Array.isArray(inputs[key]));
  if (lists.length) {
    throw new z.errors.Error(
      `One run rents one number: ${lists.join(', ')} is a list. Nothing was rented.`,
      'one_number_a_run',
    );
  }
  return call(z, bundle, 'POST', path, {
    body: { ...inputs, request_id: requestId(z, bundle, operation) },
  });
};

module.exports = { REQUEST_ID, acceptableUse, purchase };
