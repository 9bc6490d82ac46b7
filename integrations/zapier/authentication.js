'use strict';

const { baseUrl, call } = require('./lib/http');

module.exports = {
  type: 'custom',
  fields: [
    {
      key: 'gateway_url',
      label: 'Gateway URL',
      type: 'string',
      required: true,
      placeholder: 'https://gateway.example.com',
      isNoSecret: true,
      helpText: 'Where your Getatext Gateway listens. Zapier reaches only public https addresses.',
    },
    {
      key: 'api_key',
      label: 'API Key',
      type: 'password',
      required: true,
      helpText:
        'A key of the gateway (`gtw_…`), best with a budget of its own: ' +
        '`getatext-gateway keys create --name zapier --budget-day 5`.',
    },
  ],
  test: (z, bundle) => call(z, bundle, 'GET', '/v1/balance'),
  connectionLabel: (z, bundle) => new URL(baseUrl(z, bundle)).host,
};
