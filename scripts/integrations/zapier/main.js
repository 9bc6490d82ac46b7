'use strict';

// Runs the checks one after another and writes a line of JSON for each.

// The platform fails a step whose answer breaks its rules only where it is tested.
process.env.NODE_ENV = 'test';

const { control } = require('./stand');

const PARTS = ['definition', 'steps', 'failures', 'triggers'];

const main = async () => {
  // Codes come when a check says so.
  await control('settings', { code_after: 'never' });
  for (const part of PARTS) {
    for (const [name, check] of Object.entries(require(`./${part}`))) {
      const reason = await check().then(
        () => null,
        (error) => error.message || String(error),
      );
      process.stdout.write(`${JSON.stringify({ check: name, reason })}\n`);
    }
  }
};

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exitCode = 1;
});
