// All rentals that this key sees, page by page, with filters.

import { attempt, byId, fieldsOf, fill, part, showList } from "./dom.js";
import { moment, serviceOf, standing, usd } from "./format.js";

const PAGE = 50;

/** The view of past rentals. */
export class History {
  #api;
  #form = byId("filters");
  #rentals = [];
  #asked = {};
  #cursor = null;

  constructor(api, key) {
    this.#api = api;
    part(this.#form, "key").hidden = !key.admin;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.open();
    });
    byId("history-more").addEventListener("click", () =>
      attempt(this.#form, () => this.#readPage()));
  }

  /** Read the first page of what the filters say. */
  open() {
    return attempt(this.#form, async () => {
      const { since, until, ...others } = fieldsOf(this.#form);
      this.#asked = { ...others, since: startOf(since), until: startOf(until, 1) };
      this.#rentals = [];
      this.#cursor = null;
      await this.#readPage();
    });
  }

  async #readPage() {
    const page = await this.#api.get("rentals", {
      ...this.#asked, limit: PAGE, cursor: this.#cursor,
    });
    this.#rentals.push(...page.data);
    this.#cursor = page.next_cursor;
    showList(byId("past"), this.#rentals, (rental) => rental.ledger_id, "past-rental", showRow);
    byId("past-none").hidden = this.#rentals.length > 0;
    byId("history-more").hidden = this.#cursor === null;
  }
}

/** The instant at which a day begins here, or one that comes some days later. */
function startOf(day, later = 0) {
  if (!day) return null;
  const [year, month, date] = day.split("-").map(Number);
  return new Date(year, month - 1, date + later).toISOString();
}

function showRow(element, rental) {
  fill(element, {
    service: serviceOf(rental),
    number: rental.number,
    code: rental.code,
    standing: standing(rental),
    created: moment(rental.created_at),
    price: usd(rental.price),
    refunded: rental.refunded ? `${usd(rental.refunded)} back` : null,
    reference: rental.reference,
  });
}
