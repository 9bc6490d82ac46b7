'use strict';

const { version: platformVersion } = require('zapier-platform-core');

const { version } = require('./package.json');
const authentication = require('./authentication');
const { identify, readProblem } = require('./lib/http');

const byKey = (...operations) => Object.fromEntries(operations.map((one) => [one.key, one]));

module.exports = {
  version,
  platformVersion,
  authentication,
  beforeRequest: [identify],
  afterResponse: [readProblem],
  // A 429 is read like every other refusal: its words reach the user, and its wait is kept.
  flags: { throwForThrottlingEarly: false },
  triggers: byKey(
    require('./triggers/new_code'),
    require('./triggers/rental_ended'),
    require('./triggers/new_alarm'),
    require('./triggers/new_event'),
    require('./triggers/service_list'),
  ),
  creates: byKey(
    require('./creates/rent_number'),
    require('./creates/wait_for_code'),
    require('./creates/complete_rental'),
    require('./creates/cancel_rental'),
    require('./creates/replace_rental'),
  ),
  searches: byKey(require('./searches/find_rental'), require('./searches/find_service')),
};
