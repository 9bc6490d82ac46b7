// The rentals that are under way: their countdowns, their codes as they come, and what can be done.

import { announce, attempt, byId, copyText, fill, part, say, showList } from "./dom.js";
import { countdown, serviceOf, standing, timeOfDay, usd } from "./format.js";

const PAGE = 50;
const OVER = ["completed", "cancelled", "expired"];

const hasCode = (rental) => rental.code != null;

/** Whether a rental may still bring a code. */
export const isLive = (rental) =>
  !OVER.includes(rental.status) && rental.id != null && Date.parse(rental.ends_at) > Date.now();

/** The list of live rentals. */
export class LiveRentals {
  #api;
  #list = byId("live");
  #rentals = new Map(); // by their ids at the provider
  #cursors = {}; // by status: where its list goes on; null: it is whole
  #mayBuy;
  #mayChange;

  /** `replace` is called with a rental that somebody wants to replace. */
  constructor(api, key, replace) {
    this.#api = api;
    this.#mayChange = !key.read_only;
    this.#mayBuy = this.#mayChange && key.status !== "suspended";
    const actions = {
      code: (rental, card) => copyText(part(card, "code"), "code"),
      number: (rental, card) => copyText(part(card, "number"), "number"),
      replace: async (rental) => replace(rental),
      cancel: (rental) => this.#end(rental, "cancel"),
      complete: (rental) => this.#end(rental, "complete"),
    };
    this.#list.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      const card = button?.closest("li");
      const rental = card && this.#rentals.get(card.dataset.key);
      if (rental) attempt(card, () => actions[button.dataset.part](rental, card));
    });
    byId("live-more").addEventListener("click", (event) =>
      attempt(event.target.parentElement, () => this.#readMore()));
    setInterval(() => document.hidden || this.#tick(), 1000);
  }

  /** Whether a code is awaited, so that events matter while nobody looks. */
  get awaitsCode() {
    return [...this.#rentals.values()].some((rental) => isLive(rental) && !hasCode(rental));
  }

  /** Read the list anew. */
  async read() {
    this.#cursors = { active: undefined, code_received: undefined };
    const read = await this.#pages();
    this.#rentals = new Map();
    for (const rental of read) this.#keep(rental);
    this.#show();
  }

  /** Take a rental as an event or an answer tells it. */
  take(rental) {
    const before = this.#rentals.get(String(rental.id));
    if (hasCode(rental) && rental.code !== before?.code) {
      announce(`Code for ${serviceOf(rental)}: ${rental.code}`);
    } else if (before && !isLive(rental)) {
      const back = rental.refunded ? `, ${usd(rental.refunded)} came back` : "";
      announce(`${serviceOf(rental)} ${rental.number}: ${standing(rental)}${back}`);
    }
    this.#keep(rental);
    this.#show();
  }

  /** Put the focus on a rental. */
  focus(rental) {
    [...this.#list.children].find((card) => card.dataset.key === String(rental.id))?.focus();
  }

  #keep(rental) {
    if (isLive(rental)) this.#rentals.set(String(rental.id), rental);
    else this.#rentals.delete(String(rental.id));
  }

  async #readMore() {
    for (const rental of await this.#pages()) this.#keep(rental);
    this.#show();
  }

  /** The next page of each status that has one. */
  async #pages() {
    const open = Object.entries(this.#cursors).filter(([, cursor]) => cursor !== null);
    const pages = await Promise.all(open.map(([status, cursor]) =>
      this.#api.get("rentals", { status, limit: PAGE, cursor })));
    open.forEach(([status], place) => (this.#cursors[status] = pages[place].next_cursor));
    return pages.flatMap((page) => page.data);
  }

  async #end(rental, how) {
    const ended = await this.#api.post(`rentals/${rental.id}/${how}`);
    this.take(ended);
    if (ended.notice) announce(ended.notice);
  }

  #tick() {
    const over = [...this.#rentals.values()].filter((rental) => !isLive(rental));
    over.forEach((rental) => this.#keep(rental));
    if (over.length) this.#show();
    for (const card of this.#list.children) {
      say(part(card, "left"), leftOf(this.#rentals.get(card.dataset.key)));
    }
  }

  #show() {
    const newestFirst = [...this.#rentals.values()].sort(
      (one, other) => Date.parse(other.created_at) - Date.parse(one.created_at));
    showList(this.#list, newestFirst, (rental) => String(rental.id), "rental",
      (card, rental) => this.#showCard(card, rental));
    byId("live-none").hidden = newestFirst.length > 0;
    byId("live-more").hidden = Object.values(this.#cursors).every((cursor) => cursor === null);
  }

  #showCard(card, rental) {
    fill(card, {
      service: serviceOf(rental),
      number: rental.number,
      code: rental.code,
      standing: standing(rental),
      left: leftOf(rental),
      price: usd(rental.price),
      reference: rental.reference,
      wish: wishOf(rental),
    });
    const open = this.#mayChange && !hasCode(rental);
    part(card, "replace").hidden = !open || !this.#mayBuy || rental.replaced_by != null;
    part(card, "cancel").hidden = !open || rental.cancel_requested_at != null;
    part(card, "complete").hidden = !this.#mayChange || !hasCode(rental);
  }
}

const leftOf = (rental) => `${countdown(rental.ends_at)} left`;

/** What becomes of a wish to cancel; null where there is none. */
function wishOf(rental) {
  if (rental.cancel_requested_at == null || hasCode(rental)) return null;
  const from = rental.cancel_available_at;
  const why = rental.replaced_by == null ? "To be cancelled" : "Replaced, to be cancelled";
  const when = from == null ? "as soon as the provider allows" : `at ${timeOfDay(from)}`;
  return `${why} ${when}, unless a code comes before.`;
}
