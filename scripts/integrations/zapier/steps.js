'use strict';

// Actions and searches, as a Zap runs them.

const assert = require('node:assert/strict');

const { AUTH, app, asked, control, fails, newEventId, run, sold } = require('./stand');

const { rent_number, wait_for_code, complete_rental, cancel_rental, replace_rental } =
  Object.fromEntries(Object.entries(app.creates).map(([key, { operation }]) => [key, operation]));
const { find_rental, find_service } = Object.fromEntries(
  Object.entries(app.searches).map(([key, { operation }]) => [key, operation]),
);

const rent = (inputs, more) =>
  run(rent_number.perform, { service_code: 'whatsapp', request_id: newEventId(), ...inputs }, more);

const sameKeys = (result, { sample }) =>
  assert.deepEqual(Object.keys(result).sort(), Object.keys(sample).sort());

module.exports = {
  'the connection is tested, and labelled with the host': async () => {
    const told = await run(app.authentication.test);
    assert.match(told.balance, /^[0-9]+\.[0-9]{2,}$/);
    assert.equal(await run(app.authentication.connectionLabel), new URL(AUTH.gateway_url).host);
  },
  'a wrong key is told, and the connection with it': async () => {
    const authData = { ...AUTH, api_key: 'gtw_wrong' };
    await fails(run(app.authentication.test, {}, { authData }), 'ExpiredAuthError', 'unauthorized');
  },
  'a key is sent over https or to this machine only': async () => {
    for (const gateway_url of [
      'http://gateway.example.com',
      'gateway.example.com',
      'ftp://localhost',
    ]) {
      const authData = { ...AUTH, gateway_url };
      await fails(run(app.authentication.test, {}, { authData }), 'AppError', 'https');
    }
  },
  'dropdowns and search tell services': async () => {
    const listed = await run(app.triggers.service_list.operation.perform);
    assert.ok(listed.find(({ id }) => id === 'whatsapp').name.includes(' USD)'));
    const [found, ...more] = await run(find_service.perform, {
      query: 'whatsapp',
      in_stock: true,
    });
    assert.deepEqual([found.service_code, more], ['whatsapp', []]);
    sameKeys(found, find_service);
    assert.deepEqual(await run(find_service.perform, { query: 'no such service' }), []);
  },
  'rent, wait, complete': async () => {
    const rental = await rent({
      max_price: '1',
      carrier: 'any',
      area_codes: '',
      keep_carrier: false,
      reference: 'zap 1',
    });
    sameKeys(rental, rent_number);
    assert.equal(rental.status, 'active');
    await control('code', { rental_id: rental.id, code: '012345' });
    const code = await run(wait_for_code.perform, { rental_id: rental.id });
    assert.deepEqual([code.status, code.code], ['received', '012345']);
    sameKeys(code, wait_for_code);
    const done = await run(complete_rental.perform, { rental_id: rental.id });
    assert.equal(done.status, 'completed');
    sameKeys(done, complete_rental);
  },
  'no code within 25 seconds: Zapier is to ask again': async () => {
    const { id } = await rent();
    const began = Date.now();
    const message = await fails(run(wait_for_code.perform, { rental_id: id }), 'ThrottledError');
    assert.ok(Number.isInteger(JSON.parse(message).delay), message);
    assert.ok(Date.now() - began >= 24_000);
    await control('code', { rental_id: id, code: '140891' });
    assert.equal((await run(wait_for_code.perform, { rental_id: id })).code, '140891');
  },
  'a rental that ends without a code stops the Zap, or not, as wanted': async () => {
    const { id } = await rent();
    await control('expire', { rental_id: id });
    await fails(run(wait_for_code.perform, { rental_id: id }), 'HaltedError', 'No code has come');
    const code = await run(wait_for_code.perform, { rental_id: id, continue_without: true });
    assert.deepEqual([code.status, code.code], ['ended', null]);
  },
  'cancel and replace': async () => {
    const first = await rent();
    const second = await run(replace_rental.perform, {
      rental_id: first.id,
      request_id: newEventId(),
    });
    assert.equal(second.replaces, first.id);
    sameKeys(second, replace_rental);
    const cancelled = await run(cancel_rental.perform, { rental_id: second.id });
    assert.ok(cancelled.cancel_requested_at);
    sameKeys(cancelled, cancel_rental);
  },
  'a rental is found by id, number and reference': async () => {
    const reference = newEventId();
    const rental = await rent({ reference });
    for (const inputs of [{ rental_id: rental.id }, { number: rental.number }, { reference }]) {
      const [found] = await run(find_rental.perform, inputs);
      assert.equal(found.id, rental.id);
      sameKeys(found, find_rental);
    }
    assert.deepEqual(await run(find_rental.perform, { rental_id: 999999999999 }), []);
    assert.deepEqual(await run(find_rental.perform, { reference: 'nobody' }), []);
    await fails(run(find_rental.perform, {}), 'AppError', 'Enter a Rental ID');
  },
  'the same Request ID buys once: tests, retries, replays': async () => {
    const [before, request_id] = [await sold(), newEventId()];
    const rental = await rent({ request_id });
    const replayed = await rent({ request_id });
    const [one, other] = await Promise.all([rent({ request_id }), rent({ request_id })]);
    assert.deepEqual([replayed, one, other], [rental, rental, rental]);
    assert.equal(await sold(), before + 1);
  },
  'two Zaps that map the same row rent a number each': async () => {
    const [before, request_id] = [await sold(), newEventId()];
    const one = await rent({ request_id }, { meta: { zap: { id: '1' } } });
    const other = await rent({ request_id }, { meta: { zap: { id: '2' } } });
    assert.notEqual(one.id, other.id);
    assert.equal(await sold(), before + 2);
  },
  'one number a run: another purchase with its id, and lists, are refused': async () => {
    const request_id = newEventId();
    await rent({ request_id });
    const before = await asked();
    const other = rent({ request_id, service_code: 'telegram' });
    await fails(other, 'HaltedError', 'request_id_reused', 'charged: no');
    await fails(rent({ service_code: ['whatsapp', 'telegram'] }), 'AppError', 'one number');
    await fails(rent({ service_code: 'whatsapp,telegram' }), 'AppError', 'service_not_found');
    await fails(rent({ request_id: ' ' }), 'AppError', 'Request ID is empty');
    assert.equal(await asked(), before);
  },
};
