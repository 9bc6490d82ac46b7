// Amounts, times and names in the words of the page.

const CENT = 10_000; // in millionths of a dollar, in which amounts are reckoned exactly
const ONE = 10, EITHER = 12, BOTH = 14; // tenths: the provider's surcharges of wishes that it meets

const micros = (amount) => Math.round(Number(amount) * 1e6);

/** An amount for people: "0.55" is "$0.55", null is "". */
export const usd = (amount) => (amount == null ? "" : `$${amount}`.replace("$-", "-$"));

/** The most that a rent may cost, as text: the listed price with the surcharges of its wishes. */
export function atMost(price, { carrier = false, area = false } = {}) {
  const factor = carrier && area ? BOTH : carrier || area ? EITHER : ONE;
  return (Math.ceil((micros(price) * factor) / ONE / CENT) / 100).toFixed(2);
}

/** The higher of two amounts; one of them may be null. */
export function higher(one, other) {
  if (one == null || other == null) return one ?? other;
  return micros(one) >= micros(other) ? one : other;
}

/** Whether the first amount is above the second; null is no limit. */
export const exceeds = (amount, limit) => limit != null && micros(amount) > micros(limit);

/** What remains until an instant, as 4:05; "0:00" once it has passed. */
export function countdown(instant) {
  const seconds = Math.max(0, Math.ceil((Date.parse(instant) - Date.now()) / 1000));
  const [minutes, rest] = [Math.floor(seconds / 60), seconds % 60];
  return `${minutes}:${String(rest).padStart(2, "0")}`;
}

const moments = new Intl.DateTimeFormat([], { dateStyle: "medium", timeStyle: "short" });
const clock = new Intl.DateTimeFormat([], { timeStyle: "medium" });

/** An instant as date and time of this machine's zone; "" for null. */
export const moment = (instant) => (instant == null ? "" : moments.format(new Date(instant)));

/** An instant as time of day. */
export const timeOfDay = (instant) => clock.format(new Date(instant));

/** A share as whole percents. */
export const percent = (share) => `${Math.round(share * 100)} %`;

/** A count with its noun: "1 code", "2 codes". */
export const count = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;

const STATUSES = {
  active: "waiting for a code",
  code_received: "code received",
  completed: "done",
  cancelled: "cancelled",
  expired: "expired",
  unknown: "outcome unknown",
};
const ENDS = { cancelled_unused: "cancelled: no code came", replaced: "replaced" };

/** Where a rental stands, in words. */
export const standing = (rental) => ENDS[rental.ended_reason] ?? STATUSES[rental.status];

/** What a rental is for, in words. */
export const serviceOf = (rental) =>
  rental.service_name ?? rental.service_code ?? "Unknown service";
