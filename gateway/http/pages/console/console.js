// The console with a key: its parts, and the events that they hear of.

import { Account } from "./account.js";
import { PurchaseDialog } from "./dialog.js";
import { byId, say } from "./dom.js";
import { Health } from "./health.js";
import { History } from "./history.js";
import { Keys } from "./keys.js";
import { LiveRentals } from "./live.js";
import { Purchases } from "./purchases.js";
import { RentSearch } from "./rent.js";
import { EventStream } from "./stream.js";
import { Unanswered, UnknownPurchases } from "./unknown.js";
import { UsageView } from "./usage.js";

const FIRST_VIEW = "rent";

/** Everything behind the entry, made once for a page. */
export class Console {
  #key;
  #account;
  #search;
  #live;
  #unanswered;
  #unknown;
  #stream;
  #views;
  #told = Promise.resolve(); // what was heard is taken one after another

  /**
   * @param {import("./api.js").Api} api
   * @param {object} key  what `GET /v1/key` says of the key
   */
  constructor(api, key) {
    const bought = (rental) => this.#bought(rental);
    const purchases = new Purchases(api, key.id, () => this.#unanswered.show());
    const dialog = new PurchaseDialog(purchases, bought, () => this.#unknown.read());
    this.#key = key;
    this.#account = new Account(api, key);
    this.#search = new RentSearch(api, key, (row) => dialog.rent(row));
    this.#live = new LiveRentals(api, key, (rental) =>
      dialog.replace(rental, this.#search.price(rental.service_code)));
    this.#unanswered = new Unanswered(purchases, bought);
    this.#unknown = new UnknownPurchases(api);
    this.#stream = new EventStream(api, {
      opened: () => this.#inTurn(() => this.#read()),
      event: (type, data) => this.#inTurn(() => this.#take(type, data)),
      state: (connected) => (byId("away").hidden = connected),
    });
    this.#views = {
      rent: { open: () => this.#search.refresh() },
      history: new History(api, key),
      usage: new UsageView(api),
      health: new Health(api),
      keys: new Keys(api),
    };
  }

  /** Show what the key may, and listen. */
  async start() {
    byId("console").hidden = false;
    byId("next").hidden = this.#key.read_only || this.#key.status === "suspended";
    this.#stream.start();
    this.#account.read();
    this.#unanswered.show();
    this.#unanswered.resume();
    addEventListener("hashchange", () => this.#openView());
    document.addEventListener("visibilitychange", () => this.#looked());
    byId("keys-link").hidden = !(this.#key.admin && (await this.#views.keys.mayOpen()));
    this.#openView();
  }

  #openView() {
    const links = [...document.querySelectorAll("#console nav a")].filter((link) => !link.hidden);
    const named = links.find((link) => link.hash === location.hash);
    const shown = named ?? links.find((link) => link.hash === `#${FIRST_VIEW}`);
    for (const link of links) {
      byId(link.hash.slice(1)).hidden = link !== shown;
      link.ariaCurrent = link === shown ? "page" : null;
    }
    this.#views[shown.hash.slice(1)].open();
  }

  /** A hidden tab listens only while a code is awaited. */
  #looked() {
    if (document.hidden) {
      if (!this.#live.awaitsCode) this.#stream.stop();
      return;
    }
    this.#stream.start();
    this.#account.refresh();
  }

  #inTurn(action) {
    this.#told = this.#told.then(action).catch((fault) => say(byId("trouble"), fault.message));
  }

  async #read() {
    say(byId("trouble"), null);
    await Promise.all([this.#live.read(), this.#unknown.read()]);
  }

  async #take(type, data) {
    if (type.startsWith("rental.") && data?.id) this.#live.take(data);
    if (type === "rental.created") this.#account.told(data);
    if (type === "purchase.outcome_unknown" || this.#unknown.any) await this.#unknown.read();
  }

  #bought(rental) {
    this.#live.take(rental);
    this.#live.focus(rental);
    this.#account.read();
  }
}
