// The keys of the gateway: made, limited, rotated, suspended and revoked. For admin keys only.

import { announce, attempt, byId, copyText, fieldsOf, fill, part, say, showList } from "./dom.js";
import { moment, usd } from "./format.js";

const AMOUNTS = ["budget_day", "budget_total", "max_price", "confirm_above"];
const COUNTS = ["max_per_day", "max_active"];
const FLAGS = ["admin", "read_only", "long_rentals", "test"];
const CHANGED = [...AMOUNTS, ...COUNTS, "services", "expires_at"]; // what null removes

/** The view of keys. */
export class Keys {
  #api;
  #keys = new Map();
  #form = byId("key-form");
  #dialog = byId("key-dialog");
  #changing = null; // the key that the dialog changes; null: it makes one
  #shown = {}; // the fields of the dialog as it opened: what differs is sent

  constructor(api) {
    this.#api = api;
    const actions = {
      change: async (key) => this.#ask(key),
      suspend: (key) => this.#change(key, { suspended: true }),
      resume: (key) => this.#change(key, { suspended: false }),
      rotate: async (key) => this.#confirm("Rotate", key, "The old secret works for 24 hours more.",
        () => this.#rotate(key)),
      revoke: async (key) => this.#confirm("Revoke", key, "It ends at once, and for good.",
        () => this.#revoke(key)),
    };
    byId("keys-list").addEventListener("click", (event) => {
      const button = event.target.closest("button");
      const row = button?.closest("li");
      if (row) attempt(row, () => actions[button.dataset.part](this.#keys.get(row.dataset.key)));
    });
    byId("key-new").addEventListener("click", () => this.#ask(null));
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      attempt(this.#form, () => this.#send());
    });
    for (const dialog of [this.#dialog, byId("sure"), byId("secret-dialog")]) {
      part(dialog, "close").addEventListener("click", () => dialog.close());
    }
    byId("secret-dialog").addEventListener("close", () => say(byId("secret"), null));
    byId("secret-copy").addEventListener("click", () => copyText(byId("secret"), "key"));
  }

  /** Whether the key of this console may manage keys: an admin key with limits may not. */
  async mayOpen() {
    try {
      await this.#read();
      return true;
    } catch {
      return false;
    }
  }

  open() {
    return attempt(byId("keys"), () => this.#read());
  }

  async #read() {
    const { data } = await this.#api.get("keys");
    this.#keys = new Map(data.map((key) => [key.id, key]));
    this.#show();
  }

  /** Ask for a new key, or for the changes of one. */
  #ask(key) {
    this.#changing = key;
    this.#form.reset();
    fill(this.#form, { error: null, title: key ? `Change ${key.name}` : "New key" });
    for (const name of ["name", ...CHANGED]) {
      const value = key?.[name] ?? "";
      this.#form.elements[name].value = name === "expires_at" ? value.slice(0, 10) : value;
    }
    part(this.#form, "kind").hidden = key !== null;
    this.#shown = fieldsOf(this.#form);
    this.#dialog.showModal();
  }

  async #send() {
    const fields = fieldsOf(this.#form);
    const differs = ([name, value]) => value !== this.#shown[name];
    const asked = inputsOf(Object.fromEntries(Object.entries(fields).filter(differs)));
    const path = this.#changing ? `keys/${this.#changing.id}` : "keys";
    if (this.#changing) asked.clear = CHANGED.filter((name) => name in this.#shown && !(name in fields));
    const key = await this.#api.post(path, asked);
    this.#dialog.close();
    this.#take(key);
  }

  async #change(key, changes) {
    this.#take(await this.#api.post(`keys/${key.id}`, changes));
  }

  async #rotate(key) {
    this.#take(await this.#api.post(`keys/${key.id}/rotate`, { overlap_hours: 24 }));
  }

  async #revoke(key) {
    this.#take(await this.#api.delete(`keys/${key.id}`));
  }

  #confirm(what, key, consequence, action) {
    const dialog = byId("sure");
    fill(dialog, { title: `${what} ${key.name}?`, facts: consequence, go: what, error: null });
    part(dialog, "go").onclick = () => attempt(dialog, async () => {
      await action();
      dialog.close();
    });
    dialog.showModal();
  }

  /** Take a key as an answer tells it; its secret is shown once, and nowhere kept. */
  #take({ secret, ...key }) {
    this.#keys.set(key.id, key);
    this.#show();
    announce(`Key ${key.name}: ${key.status}`);
    if (!secret) return;
    say(byId("secret"), secret);
    byId("secret-dialog").showModal();
  }

  #show() {
    const newestFirst = [...this.#keys.values()].reverse();
    showList(byId("keys-list"), newestFirst, (key) => key.id, "key", showRow);
  }
}

/** The inputs of a key that the fields of the form say. */
function inputsOf(fields) {
  const inputs = { ...fields };
  for (const name of COUNTS) if (name in inputs) inputs[name] = Number(inputs[name]);
  if (inputs.services) inputs.services = inputs.services.split(/[\s,]+/).filter(Boolean);
  if (inputs.expires_at) inputs.expires_at = `${inputs.expires_at}T00:00:00Z`;
  return inputs;
}

function showRow(row, key) {
  const living = key.status !== "revoked" && key.status !== "expired";
  fill(row, {
    name: key.name,
    id: key.id,
    status: key.status,
    limits: limitsOf(key).join(" · ") || "no limits",
    spent: `spent ${usd(key.spent_today)} today, ${usd(key.spent_total)} in all`,
    overlap: key.previous_secret_until && `the old secret works until ${moment(key.previous_secret_until)}`,
  });
  for (const name of ["change", "rotate", "revoke"]) part(row, name).hidden = !living;
  part(row, "suspend").hidden = key.status !== "active";
  part(row, "resume").hidden = key.status !== "suspended";
}

/** The limits of a key, in words. */
function limitsOf(key) {
  const words = (name) => name.replace("_", " ").replace("max", "highest");
  return [
    ...FLAGS.filter((name) => key[name]).map((name) => name.replace("_", " ")),
    ...AMOUNTS.filter((name) => key[name] != null).map((name) => `${words(name)} ${usd(key[name])}`),
    ...(key.max_per_day == null ? [] : [`${key.max_per_day} a day`]),
    ...(key.max_active == null ? [] : [`${key.max_active} at once`]),
    ...(key.services ? [`only ${key.services.join(", ")}`] : []),
    ...(key.expires_at ? [`until ${moment(key.expires_at)}`] : []),
  ];
}
