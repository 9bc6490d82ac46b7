'use strict';

// Runs the checks one after another and writes a line of JSON for each.

const PARTS = ['definition', 'steps', 'failures', 'triggers'];

const main = async () => {
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
