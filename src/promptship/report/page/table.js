/* The list of cases. Only rows in view are in the document, however many cases there are. */

import { element, foreign } from "./dom.js";
import { OUTCOMES, asText } from "./data.js";
import { count, plain, seconds, usd } from "./figures.js";
import { RATING_MARKS } from "./rating_box.js";

const SPARE = 6;
const SNIPPET = 280;
export const MARKS = { passed: "✓", failed: "✕", error: "!", unscored: "?" };
const HEADS = [
  ["result", "Result"], ["case", "Case"], ["text", "Input and output"], ["why", "Scores"], ["time", "Latency"], ["cost", "Cost"],
];

export class CaseTable {
  constructor(onOpen) {
    this.onOpen = onOpen;
    this.numbers = [];
    this.selected = -1;
    this.rows = new Map();
    this.body = element("div", { role: "rowgroup", class: "rows" });
    this.head = element("div", { role: "row", class: "row head", "aria-rowindex": 1 },
      HEADS.map(([name, title]) => element("span", { role: "columnheader", class: `cell ${name}` }, title)));
    this.node = element("div", { role: "table", class: "cases", "aria-label": "Cases", tabindex: 0 },
      element("div", { role: "rowgroup", class: "head-group" }, this.head), this.body);
    this.empty = element("p", { class: "empty", hidden: true }, "No case fits. Take a filter away to see more.");
    addEventListener("scroll", () => this.#soon(), { passive: true });
    // The height of a row depends on the width of the list; a style sheet decides it.
    new ResizeObserver(() => this.#layout()).observe(this.node);
  }

  show(run, numbers, variant) {
    Object.assign(this, { run, numbers, variant });
    this.node.setAttribute("aria-rowcount", String(numbers.length + 1));
    this.empty.hidden = numbers.length > 0;
    this.#layout();
  }

  select(number, { reveal = true } = {}) {
    this.rows.get(this.selected)?.removeAttribute("aria-current");
    this.selected = number;
    const place = this.numbers.indexOf(number);
    if (place >= 0 && reveal) this.#reveal(place);
    this.rows.get(number)?.setAttribute("aria-current", "true");
  }

  /* Draws rows anew: one case's, or all. */
  redraw(number = -1) {
    for (const [shown, row] of this.rows) if (number < 0 || shown === number) { row.remove(); this.rows.delete(shown); }
    this.#draw();
  }

  /* The case `step` places after the selected one; the first where none is selected. */
  neighbour(step) {
    const place = this.numbers.indexOf(this.selected);
    const next = place < 0 ? 0 : Math.min(Math.max(place + step, 0), this.numbers.length - 1);
    return this.numbers[next] ?? -1;
  }

  position(number) {
    return this.numbers.indexOf(number);
  }

  #layout() {
    if (!this.run) return;
    this.height = parseFloat(getComputedStyle(this.head).getPropertyValue("--row-height")) || 64;
    this.body.style.height = `${this.numbers.length * this.height}px`;
    for (const row of this.rows.values()) row.remove();
    this.rows.clear();
    this.#draw();
  }

  #soon() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => { this.waiting = 0; this.#draw(); });
  }

  #draw() {
    if (!this.run) return;
    const top = -this.body.getBoundingClientRect().top;
    const total = this.numbers.length;
    // Also with the list out of sight a few rows stand in it, for those who do not scroll: find in page, readers aloud.
    const first = Math.max(Math.min(Math.floor(top / this.height), total) - SPARE, 0);
    const last = Math.min(Math.max(Math.ceil((top + innerHeight) / this.height), first + SPARE) + SPARE, total);
    const wanted = new Set(this.numbers.slice(first, last));
    for (const [number, row] of this.rows) if (!wanted.has(number)) { row.remove(); this.rows.delete(number); }
    for (let place = first; place < last; place += 1) this.#place(place);
  }

  #place(place) {
    const number = this.numbers[place];
    if (this.rows.has(number)) return;
    const row = drawRow(this.run, number, this.variant, place);
    row.style.transform = `translateY(${place * this.height}px)`;
    row.addEventListener("click", () => this.onOpen(number));
    if (number === this.selected) row.setAttribute("aria-current", "true");
    this.rows.set(number, row);
    this.body.append(row);
  }

  #reveal(place) {
    const sticky = this.head.getBoundingClientRect().height + stickyHeight(this.node);
    const top = this.body.getBoundingClientRect().top + place * this.height;
    if (top < sticky) scrollBy(0, top - sticky);
    else if (top + this.height > innerHeight) scrollBy(0, top + this.height - innerHeight + 8);
    this.#draw();
  }
}

function stickyHeight(node) {
  const toolbar = node.previousElementSibling;
  return toolbar && getComputedStyle(toolbar).position === "sticky" ? toolbar.offsetHeight : 0;
}

function drawRow(run, number, variant, place) {
  const cells = run.cells(number, variant);
  const worst = run.worst(cells);
  const times = cells.map((cell) => run.cell("latency_s", cell)).filter((value) => value !== null);
  const costs = cells.map((cell) => run.cell("cost_usd", cell)).filter((value) => value !== null);
  return element("div", { role: "row", class: `row ${run.outcome(worst)}`, "aria-rowindex": place + 2, data: { case: run.caseId(number) } },
    element("span", { role: "cell", class: "cell result" }, pips(run, cells), ratingMarks(run, number)),
    element("span", { role: "cell", class: "cell case" }, foreign("span", "id", run.caseId(number)), tagLine(run, number)),
    element("span", { role: "cell", class: "cell text" }, foreign("span", "input", inputLine(run, number)), outputLine(run, worst)),
    element("span", { role: "cell", class: "cell why" }, reasons(run, worst)),
    element("span", { role: "cell", class: "cell time" }, times.length ? seconds(Math.max(...times)) : "-"),
    element("span", { role: "cell", class: "cell cost" }, costs.length ? usd(costs.reduce((sum, cost) => sum + cost, 0)) : "-"));
}

/* A mark per repeat, a group per variant: how often a case holds is seen at a glance. Many repeats become counts. */
function pips(run, cells) {
  const groups = new Map();
  for (const cell of cells) {
    const key = run.cell("variant", cell);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(cell);
  }
  return [...groups].slice(0, 6).map(([variant, group]) => {
    const said = OUTCOMES.map((name) => [name, group.filter((cell) => run.outcome(cell) === name).length]).filter(([, n]) => n);
    const label = `${run.variants[variant].label}: ${said.map(([name, n]) => `${n} ${name}`).join(", ")}`;
    const marks = group.length <= 4
      ? group.map((cell) => element("i", { class: `pip ${run.outcome(cell)}` }, MARKS[run.outcome(cell)]))
      : said.map(([name, n]) => element("i", { class: `pip many ${name}` }, `${count(n)}${MARKS[name]}`));
    return element("span", { class: `pips v${variant % 8}`, title: label, role: "img", "aria-label": label }, marks);
  });
}

/* What the reader said of the case's outputs; a style sheet shows it while outputs are rated. */
function ratingMarks(run, number) {
  const given = run.ratings.outputs(number).map((cell) => run.ratings.mark(cell).rating).filter(Boolean).slice(0, 4);
  if (!given.length) return null;
  const marks = given.map((rating) => element("i", { class: `pip rated ${rating}` }, RATING_MARKS[rating]));
  return element("span", { class: "rated-marks", role: "img", "aria-label": `rated ${given.join(", ")}` }, marks);
}

function tagLine(run, number) {
  return foreign("small", "tags", run.tags(number).map(([, value]) => value).join(" · "));
}

function inputLine(run, number) {
  return cut(Object.values(run.inputs(number)).map(asText).join(" · "));
}

function outputLine(run, cell) {
  const { error } = run.details(cell);
  if (error) return foreign("span", "output error-text", cut(`${error.kind}: ${error.message}`));
  return foreign("span", "output", cut(run.cell("text", cell) || "no text"));
}

function reasons(run, cell) {
  const failed = run.failedScorers(cell);
  if (failed.length) return failed.slice(0, 3).map((name) => element("span", { class: "chip failed" }, name));
  const values = run.scores(cell).filter((score) => score.value !== null);
  if (!values.length) return [];
  const lowest = values.reduce((worst, score) => (score.value < worst.value ? score : worst));
  return lowest.value === 1 ? [] : [element("span", { class: "quiet" }, `${lowest.name} ${plain(lowest.value)}`)];
}

function cut(text) {
  const line = text.slice(0, SNIPPET * 2).replace(/\s+/g, " ");
  return line.length > SNIPPET ? `${line.slice(0, SNIPPET)}…` : line;
}
