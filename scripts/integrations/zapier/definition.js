'use strict';

// What can be told from the definition alone. The style checks of Zapier's own server want an
// account there; those of its published rules that can be held here are held here.

const assert = require('node:assert/strict');

const { app, command } = require('./stand');

const visible = () =>
  ['triggers', 'creates', 'searches'].flatMap((kind) =>
    Object.values(app[kind])
      .filter(({ display }) => !display.hidden)
      .map((one) => ({ kind, ...one })),
  );

/** A field's value in a sample, by the name that Zapier gives it. */
const at = (sample, key) => key.split('__').reduce((value, part) => value?.[part], sample);

const has = (sample, key) => {
  const parts = key.split('__');
  const last = parts.pop();
  const holder = parts.length ? at(sample, parts.join('__')) : sample;
  // Of an event without a rental the rental's fields are empty.
  return holder === null || (holder !== undefined && last in holder);
};

const SMALL = ['for', 'a', 'of', 'the'];
const isTitle = (text) =>
  text.split(' ').every((word) => SMALL.includes(word) || /^[A-Z0-9]/.test(word));

module.exports = {
  'the schema of the platform finds no error': async () => {
    assert.deepEqual(await command('validate'), []);
  },
  'the definition can be pushed': async () => {
    const definition = await command('definition');
    assert.equal(definition.version, app.version);
    assert.ok(definition.creates.rent_number);
  },
  'labels are titles, descriptions are sentences': async () => {
    for (const { kind, key, noun, display } of visible()) {
      const { label, description } = display;
      assert.ok(isTitle(label) && !/app|zapier|gateway/i.test(label), `${key}: ${label}`);
      assert.ok(isTitle(noun), `${key}: ${noun}`);
      assert.match(description, /^[A-Z].*\.$/s, key);
      if (kind === 'triggers') assert.match(description, /^Triggers when /, key);
    }
  },
  'every input has a label, and every output a label and a place in the sample': async () => {
    for (const { key, operation } of visible()) {
      for (const field of operation.inputFields.filter((one) => typeof one === 'object')) {
        assert.ok(isTitle(field.label), `${key}.${field.key}: ${field.label}`);
        assert.match(field.helpText || 'None.', /[.!]$/, `${key}.${field.key}`);
      }
      for (const field of operation.outputFields) {
        assert.ok(isTitle(field.label), `${key}.${field.key}: ${field.label}`);
        assert.ok(has(operation.sample, field.key), `${key}: no ${field.key} in the sample`);
      }
    }
  },
  'whatever costs money wants a request id and links acceptable use': async () => {
    const paid = visible().filter(({ operation }) =>
      operation.inputFields.some(({ key }) => key === 'request_id'),
    );
    assert.deepEqual(
      paid.map(({ key }) => key),
      ['rent_number', 'replace_rental'],
    );
    for (const { operation } of paid) {
      const { required } = operation.inputFields.find(({ key }) => key === 'request_id');
      assert.ok(required);
      const [rules] = operation.inputFields[0](null, {
        authData: { gateway_url: 'https://gateway.example.com/' },
      });
      assert.ok(rules.helpText.includes('(https://gateway.example.com/acceptable-use)'));
    }
  },
};
