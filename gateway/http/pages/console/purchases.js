// Purchases from the moment they are confirmed until their answer is read.
//
// Each has a request id and is written down before it is sent. The gateway buys once for one id and
// answers a repetition with the first answer, so that a lost answer, or one that a reload cut off,
// is simply asked for again. That ends some time after the confirmation: nobody wants a purchase
// that never reached the gateway to be made an hour later. Then a person decides.

import { Lost } from "./api.js";
import { forgetPurchase, readPurchases, writePurchase } from "./session.js";

const PATIENCE = 120_000; // milliseconds after the confirmation
const FIRST_PAUSE = 1000, LONGEST_PAUSE = 10_000;
const NO_ANSWER_YET = [429, 503]; // these say nothing of a purchase that was sent before

/**
 * @typedef {object} Purchase
 * @property {string} requestId
 * @property {string} keyId  the key that buys
 * @property {string} path  of the call, below /v1/
 * @property {object} body
 * @property {string} title  what is bought, in words
 * @property {string} most  what it may cost, in USD
 * @property {number} confirmedAt  milliseconds
 */

/** The purchases of one key in this tab. */
export class Purchases {
  #api;
  #keyId;
  #asked = new Set(); // the request ids that are being asked for
  #changed;

  /** `changed` is called when `unanswered` may have changed. */
  constructor(api, keyId, changed) {
    this.#api = api;
    this.#keyId = keyId;
    this.#changed = changed;
  }

  /** What has no answer yet; `asked`: it is being asked for. @returns {Purchase[]} */
  get unanswered() {
    return readPurchases()
      .filter((each) => each.keyId === this.#keyId)
      .map((each) => ({ ...each, asked: this.#asked.has(each.requestId) }));
  }

  /** Buy what was just confirmed. Returns the rental; throws Problem, or Lost: still unanswered. */
  buy(path, body, title, most) {
    const requestId = `console-${crypto.getRandomValues(new Uint32Array(4)).join("-")}`;
    return this.ask({ requestId, keyId: this.#keyId, path, body, title, most });
  }

  /** Ask for the answer of a purchase that is confirmed now, be it for the first time or anew. */
  ask(purchase) {
    const { asked, ...confirmed } = { ...purchase, confirmedAt: Date.now() };
    writePurchase(confirmed);
    return this.#answer(confirmed);
  }

  /** After a reload: ask for the answers of what was confirmed a moment ago. @returns {Promise[]} */
  resume() {
    const recent = this.unanswered.filter((each) => Date.now() - each.confirmedAt < PATIENCE);
    return recent.map((each) => this.#answer(each, { sentBefore: true }));
  }

  forget(purchase) {
    forgetPurchase(purchase);
    this.#changed();
  }

  async #answer(purchase, { sentBefore = false } = {}) {
    this.#asked.add(purchase.requestId);
    this.#changed();
    try {
      return await this.#untilAnswered(purchase, sentBefore);
    } catch (fault) {
      if (!(fault instanceof Lost)) forgetPurchase(purchase);
      throw fault;
    } finally {
      this.#asked.delete(purchase.requestId);
      this.#changed();
    }
  }

  async #untilAnswered(purchase, sentBefore) {
    for (let pause = FIRST_PAUSE; ; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
      try {
        const body = { ...purchase.body, request_id: purchase.requestId };
        const rental = await this.#api.post(purchase.path, body);
        forgetPurchase(purchase);
        return rental;
      } catch (fault) {
        if (isAnswer(fault, sentBefore)) throw fault;
        if (Date.now() - purchase.confirmedAt > PATIENCE) throw new Lost();
        sentBefore = true;
      }
      await pauseOrNetwork(pause);
    }
  }
}

function isAnswer(fault, sentBefore) {
  if (fault instanceof Lost || fault.code === "request_in_progress") return false;
  return !(sentBefore && NO_ANSWER_YET.includes(fault.status));
}

/** Wait so many milliseconds, or until the network is back. */
async function pauseOrNetwork(milliseconds) {
  const waited = new AbortController();
  await new Promise((done) => {
    setTimeout(done, milliseconds);
    addEventListener("online", done, { once: true, signal: waited.signal });
  });
  waited.abort();
}
