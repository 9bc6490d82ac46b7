'use strict';

// Triggers told by a webhook of the gateway, and what they have in common.

const { call } = require('./http');
const { isNew, read } = require('./deliveries');
const { FIELDS, WITH_CODE } = require('./rentals');

const EVENT = {
  id: 'evt_71',
  type: 'rental.code_received',
  timestamp: '2026-12-01T14:30:41Z',
  data: WITH_CODE,
  details: null,
};

const EVENT_FIELDS = [
  { key: 'id', label: 'Event ID', type: 'string', primary: true },
  { key: 'type', label: 'Event Type', type: 'string' },
  { key: 'timestamp', label: 'Happened At', type: 'datetime' },
];

const RENTAL_FIELDS = FIELDS.map((field) => ({ ...field, key: `data__${field.key}` }));

const SERVICE = {
  key: 'service_code',
  label: 'Service',
  type: 'string',
  dynamic: 'service_list.id.name',
  search: 'find_service.service_code',
  helpText: 'Only numbers rented for this service. Leave it empty for all.',
};

/** Events of a key that the gateway keeps, newest first. */
const list = async (z, bundle, type = 'any') =>
  (await call(z, bundle, 'GET', '/v1/events', { params: { type } })).data;

/**
 * The operation of a trigger that the gateway tells at once.
 * @param types the events it is about
 * @param description what the webhook is called in the gateway's list
 */
const instantly = (types, description, { inputFields, outputFields, sample }) => {
  const concerns = (bundle, event) => {
    const { service_code: service } = bundle.inputData;
    return types.includes(event.type) && (!service || event.data?.service_code === service);
  };

  const create = (z, bundle) =>
    call(z, bundle, 'POST', '/v1/webhooks', {
      body: {
        url: bundle.targetUrl,
        events: types,
        service_code: bundle.inputData.service_code,
        description,
      },
    });

  const remove = (z, bundle, { id }) =>
    call(z, bundle, 'DELETE', `/v1/webhooks/${encodeURIComponent(id)}`, {
      tolerated: [401, 404],
    });

  // A webhook tells its secret once: where that answer was lost, another one is made.
  const subscribe = async (z, bundle) => {
    let webhook = await create(z, bundle);
    if (!webhook.secret) {
      await remove(z, bundle, webhook);
      webhook = await create(z, bundle);
    }
    return { id: webhook.id, secret: webhook.secret };
  };

  // A webhook that is gone, also with its key, is what was wanted.
  const unsubscribe = async (z, bundle) => {
    await remove(z, bundle, bundle.subscribeData);
    return { id: bundle.subscribeData.id };
  };

  const perform = async (z, bundle) => {
    const event = read(z, bundle);
    return concerns(bundle, event) && (await isNew(z, bundle, event)) ? [event] : [];
  };

  const performList = async (z, bundle) => {
    const only = types.length === 1 ? types[0] : 'any';
    return (await list(z, bundle, only)).filter((event) => concerns(bundle, event));
  };

  return {
    type: 'hook',
    performSubscribe: subscribe,
    performUnsubscribe: unsubscribe,
    perform,
    performList,
    inputFields,
    outputFields: [...EVENT_FIELDS, ...outputFields],
    sample,
  };
};

module.exports = { EVENT, EVENT_FIELDS, RENTAL_FIELDS, SERVICE, instantly, list };
