// What outlives a reload: the key and the purchases whose answers are not read yet. Both are in this
// tab's session storage, and gone with the tab.

const KEY = "getatext.key";
const PURCHASES = "getatext.purchases";
const FAREWELL = "getatext.farewell";

export const readKey = () => sessionStorage.getItem(KEY);
export const writeKey = (key) => sessionStorage.setItem(KEY, key);
export const forgetKey = () => sessionStorage.removeItem(KEY);

/** Why the console closed itself, for the page that follows it. */
export const writeFarewell = (why) => sessionStorage.setItem(FAREWELL, why);

/** Read and forget it; null: it did not. */
export function takeFarewell() {
  const why = sessionStorage.getItem(FAREWELL);
  sessionStorage.removeItem(FAREWELL);
  return why;
}

/** All that are stored, of any key. */
export const readPurchases = () => JSON.parse(sessionStorage.getItem(PURCHASES) ?? "[]");

/** Store a purchase, in place of one with its request id. */
export function writePurchase(purchase) {
  store([...others(purchase), purchase]);
}

export function forgetPurchase(purchase) {
  store(others(purchase));
}

const others = ({ requestId }) => readPurchases().filter((each) => each.requestId !== requestId);

function store(purchases) {
  if (purchases.length) sessionStorage.setItem(PURCHASES, JSON.stringify(purchases));
  else sessionStorage.removeItem(PURCHASES);
}
