// The entry: a key opens the console. The key is in this tab's session storage until it is closed.

import { Api } from "./api.js";
import { Console } from "./console.js";
import { attempt, byId, fieldsOf, part, say } from "./dom.js";
import { forgetKey, readKey, takeFarewell, writeFarewell, writeKey } from "./session.js";

const A_KEY = /^[\x21-\x7e]+$/; // what a header can hold

const form = byId("entry-form");
form.addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(form, () => open(fieldsOf(form).key ?? ""));
});
byId("close").addEventListener("click", () => close());
const kept = readKey();
if (kept) open(kept).catch((fault) => askForKey(fault.message));
else askForKey(takeFarewell());

/** Open the console. Throws Problem where the key is none of the gateway's, and Lost. */
async function open(key) {
  if (!A_KEY.test(key)) throw new Error("Paste a key of this gateway: it has no spaces.");
  const api = new Api(key, close);
  const own = await api.get("key");
  writeKey(key);
  form.reset();
  byId("entry").hidden = true;
  new Console(api, own).start();
}

/** Show the entry, and why there is need of it. */
function askForKey(why) {
  byId("entry").hidden = false;
  say(part(form, "error"), why);
  form.elements.key.focus();
}

/** Forget the key and everything that is shown. `why`: the problem, where it is not accepted. */
function close(why) {
  if (why && !readKey()) return; // it was never opened: the form tells why
  forgetKey();
  if (why) writeFarewell(why.message);
  location.reload();
}
