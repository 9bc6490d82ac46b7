'use strict';

// What goes wrong: which errors Zapier may repeat, and which it must not.

const assert = require('node:assert/strict');

const { AUTH, app, asked, control, fails, newEventId, run, sold, withServer } = require('./stand');

const { perform } = app.creates.rent_number.operation;
const rent = (inputs, more) =>
  run(perform, { service_code: 'whatsapp', request_id: newEventId(), ...inputs }, more);
const balanceAt = (gateway_url) =>
  run(app.authentication.test, {}, { authData: { ...AUTH, gateway_url } });

module.exports = {
  'a lost answer is halted, and a replay of it sends nothing': async () => {
    const [before, soldBefore, request_id] = [await asked(), await sold(), newEventId()];
    await control('faults', { call: 'rent-a-number', kind: 'drop_after' });
    const words = ['outcome_unknown', 'charged: unknown', 'trace: '];
    await fails(rent({ request_id }), 'HaltedError', ...words);
    await fails(rent({ request_id }), 'HaltedError', ...words);
    assert.equal(await asked(), before + 1);
    assert.equal(await sold(), soldBefore + 1);
  },
  'what repeating does not mend halts, and tells that nothing was charged': async () => {
    await fails(rent({ max_price: '0.01' }), 'HaltedError', 'price_too_high', 'charged: no');
  },
  'what may be mended later is an error that may be replayed': async () => {
    await control('settings', { services: { telegram: { stock: 0 } } });
    const refused = rent({ service_code: 'telegram' });
    await fails(refused, 'AppError', 'out_of_stock', 'charged: no');
    await control('settings', { services: { telegram: { stock: 100 } } });
  },
  'a wait that is told is kept': async () => {
    const problem = {
      type: 'about:blank',
      title: 'Rate limited',
      status: 429,
      detail: 'Too many requests.',
      code: 'rate_limited',
      charged: 'no',
      retryable: true,
      retry_after: 7,
      trace_id: 't1',
    };
    const refuse = (response) => {
      response.writeHead(429, { 'Content-Type': 'application/problem+json' });
      response.end(JSON.stringify(problem));
    };
    await withServer(refuse, async ({ url, requests }) => {
      const message = await fails(balanceAt(url), 'ThrottledError', 'Too many requests.');
      assert.equal(JSON.parse(message).delay, 7);
      assert.equal(requests.length, 1);
    });
  },
  'a redirect is not followed, and the key stays here': async () => {
    await withServer(
      (elsewhere) => elsewhere.end('{}'),
      async (other) => {
        const redirect = (response) => {
          response.writeHead(307, { Location: `${other.url}/v1/balance` });
          response.end();
        };
        await withServer(redirect, async ({ url }) => {
          await fails(balanceAt(url), 'AppError', 'leads elsewhere');
        });
        assert.deepEqual(other.requests, []);
      },
    );
  },
  "a proxy's page is told as such": async () => {
    const page = (response) => {
      response.writeHead(502, { 'Content-Type': 'text/html' });
      response.end('<h1>Bad gateway</h1>');
    };
    await withServer(page, async ({ url }) => {
      await fails(balanceAt(url), 'AppError', 'HTTP 502');
    });
  },
};
