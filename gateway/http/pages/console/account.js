// The line that tells the key, the balance, and what is left of the key's budgets.

import { byId, fill } from "./dom.js";
import { usd } from "./format.js";

const FRESH = 60_000; // milliseconds; each reading is a call to the provider

/** The account of the key. */
export class Account {
  #api;
  #line = byId("account");
  #readAt = 0;

  constructor(api, key) {
    this.#api = api;
    fill(this.#line, { name: key.name, may: restrictionOf(key) });
  }

  /** Read it, at the provider. */
  async read() {
    this.#readAt = Date.now();
    try {
      this.#show(await this.#api.get("balance"));
    } catch (fault) {
      fill(this.#line, { balance: fault.message });
    }
  }

  /** Read again what was read a while ago. */
  refresh() {
    if (Date.now() - this.#readAt > FRESH) this.read();
  }

  /** Take the balance that the answer of a purchase told, be it another tab's. */
  told({ balance }) {
    if (balance != null) fill(this.#line, { balance: `Balance ${usd(balance)}` });
  }

  #show(held) {
    fill(this.#line, {
      balance: `Balance ${usd(held.balance)}`,
      spent: held.spent_today == null ? null : `${usd(held.spent_today)} spent today`,
      "left-today": held.left_today == null ? null : `${usd(held.left_today)} left today`,
      "left-total": held.left_total == null ? null : `${usd(held.left_total)} left in all`,
    });
  }
}

/** What a key may not do at all, in words; null where there is nothing. */
function restrictionOf(key) {
  if (key.status === "suspended") return "suspended: buys nothing";
  return key.read_only ? "reads only" : null;
}
