// The official client, told by lines: it says where its person has to go, and calls tools then.
// Its arguments: the URL of the server, and how it proves at the token endpoint who it is.

import { createInterface } from "node:readline";
import { UnauthorizedError } from "@modelcontextprotocol/sdk/client/auth.js";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const [url, method] = process.argv.slice(2);
const redirectUrl = "http://localhost:3030/callback";
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (said) => process.stdout.write(`${JSON.stringify(said)}\n`);
const read = async () => (await lines.next()).value;
const kept = {};

const authProvider = {
  redirectUrl,
  clientMetadata: {
    client_name: "Agent in TypeScript",
    redirect_uris: [redirectUrl],
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
    ...(method && { token_endpoint_auth_method: method }),
  },
  state: () => "a state",
  clientInformation: () => kept.client,
  saveClientInformation: (client) => void (kept.client = client),
  tokens: () => kept.tokens,
  saveTokens: (tokens) => void (kept.tokens = tokens),
  codeVerifier: () => kept.verifier,
  saveCodeVerifier: (verifier) => void (kept.verifier = verifier),
  invalidateCredentials: (scope) => {
    if (scope === "all" || scope === "client") delete kept.client;
    if (scope === "all" || scope === "tokens") delete kept.tokens;
  },
  redirectToAuthorization: (address) => say({ authorize: address.href }),
};

async function connect() {
  const client = new Client({ name: "sign-in", version: "1.0.0" });
  const transport = new StreamableHTTPClientTransport(new URL(url), { authProvider });
  try {
    await client.connect(transport);
    return client;
  } catch (error) {
    if (!(error instanceof UnauthorizedError)) throw error;
    await transport.finishAuth(new URL(await read()).searchParams.get("code"));
    return connect();
  }
}

const client = await connect();
client.onerror = () => undefined; // the stream of a session whose key has ended breaks off
say({ connected: true });
for (let line = await read(); line; line = await read()) {
  const { tool, given } = JSON.parse(line);
  const result = await client.callTool({ name: tool, arguments: given });
  say({ error: Boolean(result.isError), text: result.content[0].text, token: kept.tokens.access_token });
}
await client.close();
