// Purchases whose outcome is not known: those this tab has no answer to, and those the gateway has
// none to.

import { attempt, byId, copyText, fill, part, say, showList } from "./dom.js";
import { moment, serviceOf, usd } from "./format.js";

/** Purchases of this tab without an answer: asked for again, by themselves or by a person. */
export class Unanswered {
  #purchases;
  #bought;

  constructor(purchases, bought) {
    this.#purchases = purchases;
    this.#bought = bought;
    byId("unanswered").addEventListener("click", (event) => {
      const button = event.target.closest("button");
      const row = button?.closest("li");
      if (!row) return;
      const purchase = purchases.unanswered.find((each) => each.requestId === row.dataset.key);
      if (button.dataset.part === "forget") purchases.forget(purchase);
      else attempt(row, async () => bought(await purchases.ask(purchase)));
    });
  }

  /** Ask for what a reload cut off. */
  resume() {
    for (const answer of this.#purchases.resume()) {
      answer.then(this.#bought, (fault) => say(byId("refused"), fault.message));
    }
  }

  show() {
    const { unanswered } = this.#purchases;
    byId("unanswered-section").hidden = unanswered.length === 0;
    showList(byId("unanswered"), unanswered, (each) => each.requestId, "unanswered-purchase",
      (row, purchase) => {
        fill(row, {
          title: purchase.title,
          most: purchase.most && `${usd(purchase.most)} at most`,
          state: purchase.asked
            ? "Waiting for the answer; it is asked for again with the same request id."
            : "No answer came. If the purchase did not reach the gateway, asking again makes it.",
        });
        for (const name of ["again", "forget"]) part(row, name).hidden = purchase.asked;
      });
  }
}

/** Purchases whose answers the gateway itself has lost. */
export class UnknownPurchases {
  #api;

  constructor(api) {
    this.#api = api;
    byId("unknown").addEventListener("click", (event) => {
      const row = event.target.closest("button")?.closest("li");
      if (row) copyText(part(row, "command"), "command");
    });
  }

  /** Whether there are any. */
  get any() {
    return !byId("unknown-section").hidden;
  }

  async read() {
    const { data } = await this.#api.get("rentals", { status: "unknown", limit: 50 });
    byId("unknown-section").hidden = data.length === 0;
    showList(byId("unknown"), data, (each) => each.ledger_id, "unknown-purchase", (row, each) =>
      fill(row, {
        title: serviceOf(each),
        created: moment(each.created_at),
        command: `getatext-gateway ledger resolve ${each.ledger_id}`,
      }));
  }
}
