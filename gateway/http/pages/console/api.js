// Calls of the gateway. The key goes into a header, never into an address.

const ANSWER_SECONDS = 120; // a purchase may take its time

/** The gateway's answer where it is no: a problem document, whose `detail` is the message. */
export class Problem extends Error {
  /** @param {object} document  see /docs: `code`, `detail`, `status`, `retry_after` and more */
  constructor(document) {
    super(document.detail);
    this.document = document;
    this.code = document.code;
    this.status = document.status;
  }
}

/** No answer: the network, or something between us and the gateway. */
export class Lost extends Error {
  constructor() {
    super("The gateway did not answer. Is the network there?");
  }
}

/** The gateway, asked with one key. */
export class Api {
  #key;
  #refused;

  /** `refused` is called with the problem once the key is not accepted any more. */
  constructor(key, refused = () => {}) {
    this.#key = key;
    this.#refused = refused;
  }

  /** What is at a path below /v1/; inputs that are null or "" are left out. */
  get(path, inputs = {}) {
    const given = Object.entries(inputs).filter(([, value]) => value != null && value !== "");
    const query = new URLSearchParams(given).toString();
    return this.#read("GET", query ? `${path}?${query}` : path);
  }

  post(path, body = {}) {
    return this.#read("POST", path, body);
  }

  delete(path) {
    return this.#read("DELETE", path);
  }

  /** The open response of the event stream. Throws Problem and Lost. */
  stream(lastEventId, signal) {
    const resuming = lastEventId === null ? {} : { "Last-Event-ID": lastEventId };
    return this.#ask("events/stream", { headers: resuming, signal });
  }

  async #read(method, path, body) {
    const signal = AbortSignal.timeout(ANSWER_SECONDS * 1000);
    const sent = body && { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
    const response = await this.#ask(path, { method, signal, ...sent });
    try {
      return await response.json();
    } catch {
      throw new Lost();
    }
  }

  async #ask(path, { headers, ...options }) {
    const response = await answerOf(`v1/${path}`, {
      ...options,
      headers: { ...headers, "X-API-Key": this.#key },
    });
    if (response.ok) return response;
    const problem = await problemOf(response);
    if (problem.status === 401) this.#refused(problem);
    throw problem;
  }
}

/** What /readyz says, whatever its status; it needs no key. */
export async function readiness() {
  const response = await answerOf("readyz", {});
  try {
    return await response.json();
  } catch {
    throw new Lost();
  }
}

/** Addresses are relative: a proxy may serve the gateway below a path. */
async function answerOf(address, options) {
  try {
    return await fetch(address, { credentials: "omit", redirect: "error", ...options });
  } catch {
    throw new Lost();
  }
}

async function problemOf(response) {
  const type = response.headers.get("Content-Type") ?? "";
  if (!type.startsWith("application/problem+json")) return new Lost(); // a proxy between us
  try {
    return new Problem(await response.json());
  } catch {
    return new Lost();
  }
}
