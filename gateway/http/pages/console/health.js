// Whether the provider, the database and the webhooks of this key are well.

import { readiness } from "./api.js";
import { attempt, byId, copyOf, fill, showList } from "./dom.js";
import { moment } from "./format.js";

/** The view of health. */
export class Health {
  #api;

  constructor(api) {
    this.#api = api;
    byId("health-again").addEventListener("click", () => this.open());
  }

  open() {
    return attempt(byId("health"), async () => {
      const [state, webhooks] = await Promise.all([readiness(), this.#webhooks()]);
      showState(state);
      byId("webhooks-none").hidden = webhooks.length > 0;
      showList(byId("webhooks"), webhooks, (each) => each.id, "webhook", showWebhook);
    });
  }

  /** The webhooks, each with its newest delivery as `last`. */
  async #webhooks() {
    const { data } = await this.#api.get("webhooks");
    return Promise.all(data.map(async (webhook) => {
      const deliveries = await this.#api.get(`webhooks/${webhook.id}/deliveries`, { limit: 1 });
      return { ...webhook, last: deliveries.data[0] };
    }));
  }
}

function showState({ status, ledger, provider, breakers = {} }) {
  const parts = { Gateway: status, Database: ledger, Provider: provider };
  for (const [group, state] of Object.entries(breakers)) {
    if (state !== "closed") parts[`Provider, ${group}`] = `calls rest (${state})`;
  }
  byId("state").replaceChildren(...Object.entries(parts).map(([name, state]) => {
    const row = copyOf("state-row");
    fill(row, { name, state: state ?? "not known" });
    row.dataset.state = state;
    return row;
  }));
}

function showWebhook(row, { url, status, disabled_reason: reason, last }) {
  fill(row, {
    url,
    status: reason ? `${status}: ${reason}` : status,
    last: last
      ? `${last.type} ${last.state}${last.error ? `: ${last.error}` : ""}, ${moment(last.tried_at)}`
      : "nothing sent yet",
  });
}
