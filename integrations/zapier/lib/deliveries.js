'use strict';

// Deliveries of the gateway's webhooks, after Standard Webhooks (standardwebhooks.com).

const crypto = require('node:crypto');

// Their library allows five minutes. Zapier may keep a delivery in a queue for longer before it
// runs the trigger, so an age is allowed here in which seen ids are remembered.
const REMEMBERED_SECONDS = 24 * 60 * 60;
const PREFIX = 'whsec_';

/** A header by its name, also where Zapier has put `Http-` in front. */
const header = (headers, name) => {
  const found = Object.keys(headers).find(
    (key) => key.toLowerCase().replace(/^http-/, '') === name,
  );
  return found === undefined ? '' : String(headers[found]);
};

const signs = (secret, signed, signatures) => {
  const key = Buffer.from(secret.slice(PREFIX.length), 'base64');
  const expected = crypto.createHmac('sha256', key).update(signed).digest();
  return signatures.split(' ').some((one) => {
    const [version, text] = one.split(',');
    const told = Buffer.from(text || '', 'base64');
    return (
      version === 'v1' && told.length === expected.length && crypto.timingSafeEqual(told, expected)
    );
  });
};

const isGenuine = (secret, { headers = {}, content }) => {
  const id = header(headers, 'webhook-id');
  const timestamp = header(headers, 'webhook-timestamp');
  const age = Math.abs(Date.now() / 1000 - Number(timestamp));
  const signatures = header(headers, 'webhook-signature');
  return age < REMEMBERED_SECONDS && signs(secret, `${id}.${timestamp}.${content}`, signatures);
};

/** The event that was delivered. @throws z.errors.HaltedError where it is not the gateway's. */
const read = (z, bundle) => {
  const { secret } = bundle.subscribeData || {};
  const raw = bundle.rawRequest || {};
  if (typeof raw.content !== 'string') return bundle.cleanedRequest;
  if (secret && !isGenuine(secret, raw)) {
    throw new z.errors.HaltedError('The signature of this delivery is not that of the gateway.');
  }
  return JSON.parse(raw.content);
};

/**
 * Whether an event has not been seen before: deliveries come at least once, and Zapier drops
 * repeated rows of polling triggers only.
 */
const isNew = async (z, bundle, event) => {
  const key = `${(bundle.subscribeData || {}).id}:${event.id}`;
  try {
    if (await z.cache.get(key)) return false;
    await z.cache.set(key, true, REMEMBERED_SECONDS);
  } catch (error) {
    z.console.log(`The event counts as new, for Zapier's cache cannot be asked: ${error.message}`);
  }
  return true;
};

module.exports = { isNew, read };
