// What was spent, by day and by service, and how many codes it brought.

import { attempt, byId, copyOf, fill } from "./dom.js";
import { moment, percent, usd } from "./format.js";

const DAY = 86_400_000; // milliseconds
const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 100;

/** The view of usage. */
export class UsageView {
  #api;
  #form = byId("usage-form");

  constructor(api) {
    this.#api = api;
    this.#form.addEventListener("change", () => this.open());
    this.#form.addEventListener("submit", (event) => event.preventDefault());
  }

  /** Read and show the days and services of the period that is chosen. */
  open() {
    return attempt(this.#form, async () => {
      const days = Number(this.#form.elements.days.value);
      const since = new Date(today() - (days - 1) * DAY).toISOString();
      const [byDay, byService] = await Promise.all(["day", "service"].map((group_by) =>
        this.#api.get("usage", { group_by, since, limit: 1000 })));
      drawChart(byDay.data, days);
      showTotal(byDay.total);
      showTable("usage-days", byDay.data);
      showTable("usage-services", byService.data);
    });
  }
}

/** The begin of this day in UTC, by which the gateway reckons. */
const today = () => Math.floor(Date.now() / DAY) * DAY;

function showTotal(total) {
  fill(byId("usage-total"), {
    net: usd(total.net),
    refunded: usd(total.refunded),
    reserved: usd(total.reserved),
    rentals: total.rentals,
    codes: total.codes,
    rate: total.success_rate == null ? "–" : percent(total.success_rate),
    median: total.median_seconds == null ? "–" : `${total.median_seconds} s`,
  });
}

function showTable(id, rows) {
  byId(id).replaceChildren(...rows.map((row) => {
    const element = copyOf("usage-row");
    fill(element, {
      group: row.group ?? "–",
      rentals: row.rentals,
      codes: row.codes,
      rate: row.success_rate == null ? "–" : percent(row.success_rate),
      net: usd(row.net),
    });
    return element;
  }));
}

/** A bar for each day, oldest first; the table below the chart says the same in numbers. */
function drawChart(rows, days) {
  const net = new Map(rows.map((row) => [row.group, Number(row.net)]));
  const highest = Math.max(...net.values(), 0.01);
  const bars = Array.from({ length: days }, (_, place) => {
    const day = new Date(today() - (days - 1 - place) * DAY).toISOString().slice(0, 10);
    return bar(day, net.get(day) ?? 0, highest, place);
  });
  const chart = byId("chart");
  chart.setAttribute("viewBox", `0 0 ${days * 10} ${HEIGHT}`);
  chart.setAttribute("aria-label", `Spent on each of ${days} days, ${usd(highest.toFixed(2))} at the most`);
  chart.replaceChildren(...bars);
}

function bar(day, net, highest, place) {
  const height = (HEIGHT * Math.max(0, net)) / highest;
  const rect = document.createElementNS(SVG, "rect");
  const sizes = { x: place * 10 + 1, y: HEIGHT - height, width: 8, height };
  for (const [name, value] of Object.entries(sizes)) rect.setAttribute(name, value);
  const title = document.createElementNS(SVG, "title");
  title.textContent = `${day}: ${usd(net.toFixed(2))}`;
  rect.append(title);
  return rect;
}
