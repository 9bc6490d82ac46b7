'use strict';

// The app as Zapier runs it, by zapier-platform-core, before a gateway and its simulated provider.

const assert = require('node:assert/strict');
const http = require('node:http');

const zapier = require('zapier-platform-core');

const { ZAPIER_APP, GATEWAY_URL, GATEWAY_KEY, SIMULATOR_URL, PROVIDER_KEY } = process.env;

const app = require(ZAPIER_APP);
const tester = zapier.createAppTester(app);
const handler = zapier.createAppHandler(app);

const AUTH = { gateway_url: GATEWAY_URL, api_key: GATEWAY_KEY };
const LONG = 40_000;

/** What one command of the platform answers, as `zapier validate` runs it. */
const command = async (name) => (await handler({ command: name })).results;

/** Run one function of the app with these inputs. */
const run = (perform, inputData = {}, { authData = AUTH, meta = {}, ...rest } = {}) =>
  tester(perform, {
    authData,
    inputData,
    meta: { isLoadingSample: false, zap: { id: '101' }, ...meta },
    ...rest,
  });

/** The error that it must fail with: its name, and words in it. Gives its message. */
const fails = async (running, name, ...words) => {
  const error = await running.then(
    (answer) => assert.fail(`${name} was due, not ${JSON.stringify(answer)}`),
    (thrown) => thrown,
  );
  assert.equal(error.name, name, error.message);
  for (const word of words) assert.ok(error.message.includes(word), error.message);
  return error.message;
};

const json = async (url, method, body, headers = {}) => {
  const answer = await fetch(url, {
    method,
    headers,
    body: body && JSON.stringify(body),
    signal: AbortSignal.timeout(LONG),
  });
  return { status: answer.status, body: await answer.json() };
};

/** Steer the simulator; gives what it answers. */
const control = async (name, body) => {
  const { status, body: told } = await json(
    `${SIMULATOR_URL}/_control/${name}`,
    body === undefined ? 'GET' : 'POST',
    body,
  );
  assert.equal(status, 200, JSON.stringify(told));
  return told;
};

/** Call the gateway itself, besides the app. */
const gateway = (method, path, body) =>
  json(GATEWAY_URL + path, method, body, {
    'X-API-Key': GATEWAY_KEY,
    ...(body && { 'Content-Type': 'application/json' }),
  });

/** How many numbers the provider was asked to rent, and how many it has sold. */
const asked = async () => (await control('books')).calls['rent-a-number'] || 0;
const sold = async () => (await control('books')).rentals.length;

let last = 0;
/** A Request ID, as an event of some trigger would give one. */
const newEventId = () => `event-${Date.now()}-${(last += 1)}`;

/** Run with a server of one's own that answers as told; gives what it was asked too. */
const withServer = async (answer, use) => {
  const requests = [];
  const waiting = [];
  const server = http.createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const came = { headers: request.headers, content: Buffer.concat(chunks).toString() };
      requests.push(came);
      waiting.splice(0).forEach((wake) => wake());
      answer(response, came);
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${server.address().port}`;
  const first = async (fits) => {
    const deadline = AbortSignal.timeout(LONG);
    for (;;) {
      const found = requests.find(fits);
      if (found) return found;
      await new Promise((resolve, reject) => {
        waiting.push(resolve);
        deadline.onabort = () => reject(new Error('Nothing came to the server.'));
      });
    }
  };
  try {
    return await use({ url, requests, first });
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
};

module.exports = {
  AUTH,
  PROVIDER_KEY,
  app,
  asked,
  command,
  control,
  fails,
  gateway,
  newEventId,
  run,
  sold,
  withServer,
};
