// Runs the scripts of docs/platforms.md as their platforms do, with the parts of them that are used.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

const { PAGE, GATEWAY_URL, GATEWAY_KEY } = process.env;
const page = readFileSync(PAGE, "utf8");

function script(platform) {
  const section = page.split(/^## /m).find((each) => each.startsWith(`${platform}\n`));
  return section.match(/^```js\n([^]*?)^```$/m)[1];
}

// A flow: the function node, and an http request node that its first output leads to and from.
async function nodeRed(topic, key, code) {
  const run = new Function("msg", "env", "node", code);
  const env = { get: (name) => ({ GATEWAY_URL, GATEWAY_KEY: key })[name] };
  const wrong = [];
  let msg = { topic, payload: "go" };
  for (let step = 0; step < 30; step++) {
    const outputs = run(msg, env, { error: (text) => wrong.push(text) });
    if (outputs === null) throw new Error(wrong[0]);
    if (outputs[1]) return outputs[1].payload;
    const { method, url, headers, payload } = outputs[0];
    const sent = method === "GET" ? {} : { body: JSON.stringify(payload) };
    if (sent.body) headers["content-type"] = "application/json";
    const answer = await fetch(url, { method, headers, ...sent });
    msg = { ...outputs[0], statusCode: answer.status, payload: await answer.json() };
  }
  throw new Error("It does not end.");
}

// Apps Script waits for each answer; here a Node of its own makes each call.
const FETCH = `const [url, asked] = JSON.parse(require("fs").readFileSync(0, "utf8"));
const type = asked.contentType && { "content-type": asked.contentType };
const request = { method: asked.method, headers: { ...asked.headers, ...type }, body: asked.payload };
fetch(url, request).then(async (a) => console.log(JSON.stringify([a.status, await a.text()])));`;

const UrlFetchApp = {
  fetch(url, asked) {
    const input = JSON.stringify([url, asked]);
    const [status, text] = JSON.parse(execFileSync(process.execPath, ["-e", FETCH], { input }));
    return { getResponseCode: () => status, getContentText: () => text };
  },
};

// A sheet with one row; a text that begins with an apostrophe is shown without it, and is no number.
async function googleSheets(id, key, code) {
  const cells = [id, "whatsapp", 1, "", "", ""];
  const getRange = (row, column) => ({
    getValues: () => [cells.slice(0, 3)],
    setValues: ([values]) => cells.splice(column - 1, values.length, ...values),
    setValue: (value) => cells.splice(column - 1, 1, value),
  });
  const sheet = { getActiveCell: () => ({ getRow: () => 2 }), getRange };
  const run = new Function("UrlFetchApp", "PropertiesService", "SpreadsheetApp",
    `${code.replace("https://sms.example.com", GATEWAY_URL)}\nrentForThisRow();`);
  run(
    UrlFetchApp,
    { getScriptProperties: () => ({ getProperty: () => key }) },
    { getActiveSheet: () => sheet, flush() {} },
  );
  assert.match(cells[4], /^'\+1\d{10}$/);
  return cells[5].replace(/^'/, "");
}

async function rentals() {
  const headers = { "X-API-Key": GATEWAY_KEY };
  return (await (await fetch(`${GATEWAY_URL}/v1/rentals`, { headers })).json()).data;
}

async function check(name, run) {
  try {
    await run();
    console.log(JSON.stringify({ check: name, reason: null }));
  } catch (error) {
    console.log(JSON.stringify({ check: name, reason: String(error) }));
  }
}

for (const [platform, run] of [["Node-RED", nodeRed], ["Google Sheets", googleSheets]]) {
  const code = script(platform);
  let told;
  await check(`${platform}: rents, waits, completes`, async () => {
    const before = (await rentals()).length;
    told = await run("7", GATEWAY_KEY, code);
    const [newest, ...others] = await rentals();
    assert.match(told, /^\d+$/);
    assert.deepEqual([newest.status, newest.code, others.length], ["completed", told, before]);
  });
  await check(`${platform}: run again it buys nothing and tells the same code`, async () => {
    const before = (await rentals()).length;
    assert.equal(await run("7", GATEWAY_KEY, code), told);
    assert.equal((await rentals()).length, before);
  });
  await check(`${platform}: ends with what went wrong and whether money moved`, async () => {
    const dear = code.replace('"1.00"', '"0.01"').replace("String(price)", '"0.01"');
    await assert.rejects(run("8", GATEWAY_KEY, dear), /price_too_high, charged: no\. The price/);
    await assert.rejects(run("9", "gtw_wrong", code), /unauthorized, charged: no\./);
  });
}
