'use strict';

// Triggers: polled, and told by a webhook that is made, heard and deleted.

const assert = require('node:assert/strict');

const {
  AUTH,
  PROVIDER_KEY,
  app,
  control,
  fails,
  gateway,
  newEventId,
  run,
  withServer,
} = require('./stand');

const { new_code, rental_ended, new_alarm, new_event } = Object.fromEntries(
  Object.entries(app.triggers).map(([key, { operation }]) => [key, operation]),
);
const hears = (response) => response.end();

const rentWithCode = async (service_code, code) => {
  const { status, body } = await gateway('POST', '/v1/rentals', {
    service_code,
    request_id: newEventId(),
  });
  assert.equal(status, 201, JSON.stringify(body));
  await control('code', { rental_id: body.id, code });
  const known = await gateway('GET', `/v1/rentals/${body.id}/code?wait_seconds=25`);
  assert.equal(known.body.code, code, JSON.stringify(known.body));
  return body;
};

/** A delivery as Zapier hands it to a trigger. */
const asZapierGives = ({ headers, content }) => ({
  rawRequest: {
    method: 'POST',
    querystring: '',
    headers: Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [`Http-${name}`, value]),
    ),
    content,
  },
  cleanedRequest: { ...JSON.parse(content), querystring: {} },
});

const webhooks = async () => (await gateway('GET', '/v1/webhooks')).body.data;

const about = (rental) => (came) => JSON.parse(came.content).data?.id === rental.id;

module.exports = {
  'polling: newest first, each with an id, of one type where wanted': async () => {
    await rentWithCode('whatsapp', '111111');
    const all = await run(new_event.perform, { type: 'any' });
    const numbers = all.map(({ id }) => Number(id.slice('evt_'.length)));
    assert.deepEqual(
      numbers,
      numbers.toSorted((one, other) => other - one),
    );
    assert.equal(new Set(numbers).size, numbers.length);
    const codes = await run(new_event.perform, { type: 'rental.code_received' });
    assert.equal(codes[0].data.code, '111111');
    assert.ok(codes.every(({ type }) => type === 'rental.code_received'));
    assert.deepEqual(Object.keys(codes[0]).sort(), Object.keys(new_event.sample).sort());
    assert.deepEqual(Object.keys(codes[0].data).sort(), Object.keys(new_event.sample.data).sort());
  },
  'samples of instant triggers are events that have happened': async () => {
    const [newest, ...others] = await run(new_code.performList, { service_code: 'whatsapp' });
    assert.ok([newest, ...others].every(({ data }) => data.service_code === 'whatsapp'));
    assert.equal(newest.type, 'rental.code_received');
    assert.deepEqual(await run(new_code.performList, { service_code: 'nothing' }), []);
    assert.ok(Array.isArray(await run(rental_ended.performList)));
    assert.ok(Array.isArray(await run(new_alarm.performList)));
  },
  'subscribe, a code comes, it is heard once, unsubscribe': async () => {
    await withServer(hears, async ({ url, first }) => {
      const inputs = { service_code: 'whatsapp' };
      const targetUrl = `${url}/hooks/standard/1/`;
      const subscribeData = await run(new_code.performSubscribe, inputs, { targetUrl });
      assert.match(subscribeData.secret, /^whsec_/);
      const [hook] = (await webhooks()).filter(({ id }) => id === subscribeData.id);
      assert.deepEqual([hook.url, hook.events], [targetUrl, ['rental.code_received']]);

      await rentWithCode('telegram', '222222');
      const rental = await rentWithCode('whatsapp', '333333');
      const delivery = asZapierGives(await first(about(rental)));
      const heard = { subscribeData, ...delivery };

      const forged = structuredClone(heard);
      forged.rawRequest.content = forged.rawRequest.content.replace('333333', '999999');
      await fails(run(new_code.perform, inputs, forged), 'HaltedError', 'signature');
      const unsigned = structuredClone(heard);
      delete unsigned.rawRequest.headers['Http-webhook-signature'];
      await fails(run(new_code.perform, inputs, unsigned), 'HaltedError', 'signature');

      const events = await run(new_code.perform, inputs, heard);
      assert.deepEqual(events, [JSON.parse(delivery.rawRequest.content)]);
      assert.deepEqual([events.length, events[0].data.code], [1, '333333']);
      assert.deepEqual(await run(new_code.perform, inputs, heard), []);

      await run(new_code.performUnsubscribe, inputs, { subscribeData });
      assert.ok(!(await webhooks()).some(({ id }) => id === subscribeData.id));
      await run(new_code.performUnsubscribe, inputs, { subscribeData });
    });
  },
  'a subscription whose answer was lost gets a secret when it is repeated': async () => {
    const targetUrl = 'http://127.0.0.1:9/hooks/standard/3/';
    const lost = await run(new_alarm.performSubscribe, {}, { targetUrl });
    const subscribeData = await run(new_alarm.performSubscribe, {}, { targetUrl });
    assert.match(subscribeData.secret, /^whsec_/);
    const [hook, ...others] = (await webhooks()).filter(({ url }) => url === targetUrl);
    assert.deepEqual([hook.id, others], [subscribeData.id, []]);
    assert.notEqual(hook.id, lost.id);
    await run(new_alarm.performUnsubscribe, {}, { subscribeData });
  },
  'a test delivery starts no Zap': async () => {
    await withServer(hears, async ({ url, first }) => {
      const targetUrl = `${url}/hooks/standard/2/`;
      const subscribeData = await run(rental_ended.performSubscribe, {}, { targetUrl });
      const tried = await gateway('POST', `/v1/webhooks/${subscribeData.id}/test`, {});
      assert.equal(tried.body.delivered, true, JSON.stringify(tried.body));
      const came = await first(() => true);
      const heard = { subscribeData, ...asZapierGives(came) };
      assert.equal(JSON.parse(came.content).type, 'webhook.test');
      assert.deepEqual(await run(rental_ended.perform, {}, heard), []);
      await run(rental_ended.performUnsubscribe, {}, { subscribeData });
    });
  },
  "a provider's key is told why it cannot subscribe": async () => {
    const authData = { ...AUTH, api_key: PROVIDER_KEY };
    const subscribing = run(
      new_alarm.performSubscribe,
      {},
      {
        authData,
        targetUrl: 'http://127.0.0.1:9/',
      },
    );
    await fails(subscribing, 'AppError', 'gateway_key_required');
  },
};
