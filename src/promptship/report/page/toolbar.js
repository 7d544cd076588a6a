/* What to look for: search, filters, order. */

import { element } from "./dom.js";
import { OUTCOMES } from "./data.js";
import { count } from "./figures.js";
import { SORTS } from "./filters.js";
import { DEFAULTS, FILTERS } from "./state.js";
import { letter } from "./plots.js";

const PATIENCE_MS = 90;
const RATED = [["no", "not yet"], ["yes", "rated"], ["good", "good"], ["bad", "bad"], ["unsure", "unsure"]];

export class Toolbar {
  constructor(state) {
    this.state = state;
    this.search = element("input", {
      type: "search", placeholder: "Search inputs, outputs, reasons   /", "aria-label": "Search", spellcheck: "false",
      on: { input: () => this.#typed() },
    });
    this.controls = element("div", { class: "controls" });
    this.chips = element("div", { class: "active" });
    this.found = element("p", { class: "found", role: "status" });
    this.node = element("div", { class: "toolbar" },
      element("div", { class: "line" }, this.search, this.controls),
      element("div", { class: "line second" }, this.found, this.chips));
  }

  #typed() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.state.update({ q: this.search.value }), PATIENCE_MS);
  }

  show(run) {
    const variants = run.variants.map((item, index) => [String(index), `${letter(index)}  ${item.label}`]);
    const scorers = run.scorers.map((item) => [item.name, item.name]);
    // A choice of one is none.
    this.controls.replaceChildren(...[
      this.#choice("outcome", "Outcome", outcomeOptions(run)),
      variants.length > 1 ? this.#choice("variant", "Variant", variants) : null,
      Object.keys(run.columns.tags).length ? this.#choice("slice", "Slice", sliceOptions(run)) : null,
      scorers.length > 1 ? this.#choice("scorer", "Failed by", scorers) : null,
      this.state.rate ? this.#choice("rated", "Rated", RATED) : null,
      this.#choice("sort", "Order", Object.entries(SORTS), false),
    ].filter(Boolean));
    this.refresh(run);
  }

  refresh(run, shown) {
    if (document.activeElement !== this.search) this.search.value = this.state.q;
    for (const select of this.controls.querySelectorAll("select")) select.value = this.state[select.name];
    const all = count(run.caseCount);
    if (shown !== undefined) this.found.textContent = shown === run.caseCount ? `${all} cases` : `${count(shown)} of ${all} cases`;
    this.chips.replaceChildren(...this.#active());
  }

  #choice(name, title, options, any = true) {
    const entries = any ? [["", "any"], ...options] : options;
    const select = element("select", { name, on: { change: () => this.state.update({ [name]: select.value }) } },
      entries.map(([value, text]) => element("option", { value }, text)));
    return element("label", { class: `of-${name}` }, element("span", {}, title), select);
  }

  #active() {
    const { state } = this;
    if (FILTERS.every((name) => state[name] === DEFAULTS[name])) return [];
    const clear = chip("Clear filters", "chip clear", () => {
      this.search.value = "";
      state.update(Object.fromEntries(FILTERS.map((name) => [name, ""])));
    });
    return state.range ? [chip(`${describeRange(state.range)}  ✕`, "chip", () => state.update({ range: "" })), clear] : [clear];
  }
}

function chip(text, look, action) {
  return element("button", { type: "button", class: look, on: { click: action } }, text);
}

function outcomeOptions(run) {
  const present = OUTCOMES.filter((_, index) => run.columns.cells.outcome.includes(index));
  const options = present.map((name) => [name, name]);
  return run.cellCount > run.caseCount ? [...options, ["mixed", "differs among outputs"]] : options;
}

function sliceOptions(run) {
  return Object.entries(run.columns.tags).flatMap(([tag, { values }]) =>
    [...values].sort().map((value) => [`${tag}=${value}`, `${tag} ${value}`]));
}

function describeRange(range) {
  const parts = range.split(":");
  const [low, high] = parts.splice(-2).map((figure) => Number(Number(figure).toPrecision(3)));
  return `${parts.join(":").replace(/^score /, "")} ${low} to ${high}`;
}
