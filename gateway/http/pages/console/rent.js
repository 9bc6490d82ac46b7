// The next rental: the services with price, stock and success rate, searched as one types.

import { byId, fill, say, showList } from "./dom.js";
import { atMost, count, exceeds, percent, usd } from "./format.js";

const SHOWN = 12;
const FRESH = 300_000; // milliseconds for which prices are not asked for again
const RATED_DAYS = 30;

/** The form that finds a service. `chosen` is called with the price row that was picked. */
export class RentSearch {
  #api;
  #key;
  #rows = [];
  #rates = new Map();
  #readAt = 0;

  constructor(api, key, chosen) {
    this.#api = api;
    this.#key = key;
    const search = byId("search");
    search.addEventListener("input", () => this.#show());
    search.addEventListener("focus", () => this.refresh());
    byId("services").addEventListener("click", (event) => {
      const row = event.target.closest("button")?.closest("li");
      if (row) chosen(this.price(row.dataset.key));
    });
  }

  /** The price row of a service; undefined where it is not listed. */
  price(serviceCode) {
    return this.#rows.find((row) => row.service_code === serviceCode);
  }

  /** Read the prices, unless they are fresh; an unchanged list is a 304 to the browser. */
  async refresh() {
    if (Date.now() - this.#readAt < FRESH) return;
    this.#readAt = Date.now();
    try {
      [this.#rows, this.#rates] = await Promise.all([this.#readPrices(), this.#readRates()]);
      say(byId("search-error"), null);
    } catch (fault) {
      this.#readAt = 0;
      say(byId("search-error"), fault.message);
    }
    this.#show();
  }

  async #readPrices() {
    const rows = [];
    let cursor = null;
    do {
      const page = await this.#api.get("prices", { limit: 1000, cursor });
      rows.push(...page.data);
      cursor = page.next_cursor;
    } while (cursor);
    const { services } = this.#key;
    return services ? rows.filter((row) => services.includes(row.service_code)) : rows;
  }

  /** How many of the rentals of a service got their code lately, as this key sees them. */
  async #readRates() {
    const since = new Date(Date.now() - RATED_DAYS * 86_400_000).toISOString();
    const usage = await this.#api.get("usage", { group_by: "service", since, limit: 1000 });
    return new Map(usage.data.map((row) => [row.group, row.success_rate]));
  }

  #show() {
    const words = byId("search").value.trim().toLowerCase();
    const fits = (row) =>
      row.service_name.toLowerCase().includes(words) || row.service_code.includes(words);
    const found = this.#rows.filter(fits).sort((one, other) => this.#rank(other) - this.#rank(one));
    const shown = found.slice(0, SHOWN);
    showList(byId("services"), shown, (row) => row.service_code, "service", (element, row) =>
      this.#showRow(element, row));
    const more = found.length > SHOWN ? `, ${SHOWN} of them shown: type more of the name` : "";
    say(byId("found"), this.#readAt ? `${count(found.length, "service")}${more}` : null);
  }

  /** Services that this key rented lately come first; otherwise the order is the gateway's. */
  #rank = (row) => (this.#rates.has(row.service_code) ? 1 : 0);

  #showRow(element, row) {
    const rate = this.#rates.get(row.service_code);
    const tooDear = exceeds(atMost(row.price), this.#key.max_price);
    fill(element, {
      name: row.service_name,
      price: usd(row.price),
      stock: row.stock == null ? "stock not known" : row.stock ? `${row.stock} in stock` : "sold out",
      rate: rate == null ? null : `${percent(rate)} got a code`,
      limit: tooDear ? "above this key's highest price" : null,
    });
    element.querySelector("button").disabled = tooDear;
  }
}
