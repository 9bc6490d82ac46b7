// The gateway's event stream, read with fetch: an EventSource cannot send a key in a header.

import { Problem } from "./api.js";

const SILENT_SECONDS = 75; // the gateway sends something every 30
const FIRST_PAUSE = 1000, LONGEST_PAUSE = 30_000; // milliseconds between tries

/** One stream of events that comes back by itself, after the last event it read. */
export class EventStream {
  #api;
  #hear;
  #last = null;
  #connection = null; // the AbortController of what runs; null while it is stopped

  /**
   * @param {import("./api.js").Api} api
   * @param {object} hear
   * @param {(type: string, data: object) => void} hear.event
   * @param {() => void} hear.opened  events may have been missed before this: read anew
   * @param {(connected: boolean) => void} hear.state
   */
  constructor(api, hear) {
    this.#api = api;
    this.#hear = hear;
    // The browser knows before a silent connection tells.
    for (const change of ["online", "offline"]) {
      addEventListener(change, () => this.#connection && this.#again());
    }
  }

  start() {
    if (!this.#connection) this.#again();
  }

  stop() {
    this.#connection?.abort();
    this.#connection = null;
  }

  #again() {
    this.stop();
    this.#connection = new AbortController();
    this.#run(this.#connection);
  }

  async #run(connection) {
    let pause = FIRST_PAUSE;
    while (!connection.signal.aborted) {
      try {
        await this.#listen(connection, () => (pause = FIRST_PAUSE));
      } catch (fault) {
        if (fault instanceof Problem && fault.status === 401) return; // the page closes
      }
      if (connection.signal.aborted) return;
      this.#hear.state(false);
      await new Promise((done) => setTimeout(done, pause));
      pause = Math.min(2 * pause, LONGEST_PAUSE);
    }
  }

  async #listen(connection, connected) {
    const trying = new AbortController(); // ends this try alone
    const signal = AbortSignal.any([connection.signal, trying.signal]);
    let silence = setTimeout(() => trying.abort(), SILENT_SECONDS * 1000);
    try {
      const response = await this.#api.stream(this.#last, signal);
      connected();
      this.#hear.state(true);
      if (this.#last === null) this.#hear.opened();
      for await (const message of messages(response.body)) {
        clearTimeout(silence);
        silence = setTimeout(() => trying.abort(), SILENT_SECONDS * 1000);
        this.#take(message);
      }
    } finally {
      clearTimeout(silence);
    }
  }

  #take({ id, event, data }) {
    if (id) this.#last = id;
    if (event === "stream.reset") this.#hear.opened();
    else if (event) this.#hear.event(event, JSON.parse(data));
  }
}

/** The messages of a body of server-sent events, as objects of their fields; comments are empty. */
async function* messages(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (text + value).split("\n\n");
    text = parts.pop();
    for (const each of parts) yield fieldsOf(each);
  }
}

function fieldsOf(message) {
  const lines = message.split("\n").map((line) => line.match(/^(\w+): ?(.*)$/));
  return Object.fromEntries(lines.filter(Boolean).map(([, name, value]) => [name, value]));
}
