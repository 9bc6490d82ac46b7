// The question before each purchase: what is bought, with which wishes, and for how much at most.

import { attempt, byId, fieldsOf, part, say } from "./dom.js";
import { atMost, higher, usd } from "./format.js";

/** The dialog of all purchases. */
export class PurchaseDialog {
  #dialog = byId("purchase");
  #form = byId("purchase-form");
  #purchases;
  #bought;
  #unsettled;
  #offer;
  #needed; // the price that the provider asked for instead of ours; null: none

  /** `bought` is called with each new rental; `unsettled` after a purchase of unknown outcome. */
  constructor(purchases, bought, unsettled) {
    this.#purchases = purchases;
    this.#bought = bought;
    this.#unsettled = unsettled;
    this.#form.addEventListener("input", () => this.#reckon());
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      attempt(this.#form, () => this.#buy());
    });
    part(this.#form, "close").addEventListener("click", () => this.#dialog.close());
  }

  /** Ask whether to rent a number of the service of a price row. */
  rent(row) {
    this.#ask({
      title: `Rent a number for ${row.service_name}`,
      path: "rentals",
      body: { service_code: row.service_code },
      facts: row.ttl_minutes ? `It waits ${row.ttl_minutes} minutes for a code.` : null,
      most: (wishes) =>
        atMost(row.price, { carrier: wishes.carrier !== undefined, area: "area_codes" in wishes }),
    });
    byId("wishes").hidden = false;
  }

  /** Ask whether to replace a rental; `row`: the price of its service, where that is known. */
  replace(rental, row) {
    const price = higher(rental.price, row?.price);
    this.#ask({
      title: `Replace ${rental.number ?? "this number"}`,
      path: `rentals/${rental.id}/replace`,
      body: {},
      facts:
        "A number of the same service, with the same wishes, is rented now. This one is cancelled " +
        "for a refund as soon as the provider allows.",
      most: () => price && atMost(price),
    });
    byId("wishes").hidden = true;
  }

  #ask(offer) {
    this.#offer = offer;
    this.#needed = null;
    this.#form.reset();
    say(part(this.#form, "title"), offer.title);
    say(part(this.#form, "facts"), offer.facts);
    const busy = this.#form.ariaBusy === "true";
    say(part(this.#form, "error"), busy ? "The purchase before still waits for its answer." : null);
    this.#dialog.showModal();
    this.#reckon();
  }

  /** Show the price of what is filled in. */
  #reckon() {
    const wishes = fieldsOf(this.#form);
    const most = this.#most(wishes);
    part(this.#form, "keep").hidden = !wishes.carrier;
    part(this.#form, "lock").hidden = !wishes.area_codes;
    say(part(this.#form, "buy"), most ? `Buy for ${usd(most)} at most` : "Buy; no price is known");
  }

  #most(wishes) {
    const most = this.#offer.most(wishes);
    return this.#needed ? higher(most, this.#needed) : most;
  }

  async #buy() {
    const offer = this.#offer;
    const wishes = fieldsOf(this.#form);
    const most = this.#most(wishes);
    const asked = { ...offer.body, ...wishes, ...(most && { max_price: most }) };
    try {
      const rental = await this.#purchases.buy(offer.path, asked, offer.title, most);
      if (this.#shows(offer)) this.#dialog.close();
      this.#bought(rental);
    } catch (fault) {
      if (fault.code === "outcome_unknown") this.#unsettled();
      if (!this.#shows(offer)) {
        say(byId("refused"), `${offer.title}: ${fault.message}`);
        return;
      }
      this.#needed = fault.document?.price_needed ?? null;
      this.#reckon();
      throw fault;
    }
  }

  /** Whether an offer is still asked about: the dialog can be left while the answer is awaited. */
  #shows(offer) {
    return this.#dialog.open && this.#offer === offer;
  }
}
