/* Rating by keyboard: which output is next, what a key does to it, and the file that comes of it. */

import { element } from "./dom.js";
import { RATINGS, Ratings } from "./ratings.js";
import { RatingBar } from "./rating_bar.js";
import { editField, refreshBox } from "./rating_box.js";

export class RatingDesk {
  constructor(app, policy) {
    Object.assign(this, { app, policy, current: -1, undone: [] });
    for (const run of app.runs) {
      run.ratings = new Ratings(run);
      run.ratings.onChange((key) => this.#changed(run, key));
    }
    this.bar = new RatingBar(app.state, policy, {
      name: (name) => { app.run.ratings.rater = name; }, save: () => this.#save(), load: (text) => this.#load(text), clear: () => this.#clear(),
    });
    this.toggle = element("button", { type: "button", class: "plain rate-toggle", on: { click: () => this.switch() } }, "Rate outputs");
    addEventListener("beforeunload", (event) => {
      if (app.runs.some(({ ratings }) => !ratings.store.lasting && ratings.counts().unsaved)) event.preventDefault();
    });
  }

  keys() {
    const rate = Object.fromEntries(RATINGS.map((rating) => [rating[0], ["", () => this.#rate({ rating })]]));
    return {
      ...rate, r: ["rate", () => this.switch()], s: ["", () => this.#rate({ rating: "", skipped: true })], z: ["", () => this.#takeBack()],
      n: ["", () => this.#edit("note")], c: ["", () => this.#edit("correction")],
      ArrowRight: ["", () => this.#move(1)], ArrowLeft: ["", () => this.#move(-1)],
    };
  }

  get on() {
    return this.app.state.rate !== "";
  }

  /* Whoever has no order in mind gets the one in which ratings are a sample. */
  switch() {
    const { sort } = this.app.state;
    this.app.state.update({ rate: this.on ? "" : "blind", sort: !this.on && sort === "file" ? "random" : sort });
  }

  /* Where the scores are hidden, nobody rates what a judge said. */
  show() {
    const root = document.documentElement.classList;
    root.toggle("rating", this.on);
    root.toggle("blind", this.app.state.rate === "blind");
    this.bar.node.hidden = !this.on;
    this.toggle.textContent = this.on ? "Stop rating" : "Rate outputs";
    this.toggle.setAttribute("aria-pressed", String(this.on));
    this.bar.refresh(this.app.run.ratings);
  }

  /* After the pane shows another case: its first output without a rating is next. */
  opened(number) {
    const cells = number < 0 ? [] : this.app.run.ratings.outputs(number);
    this.#point(cells.find((cell) => !this.app.run.ratings.mark(cell).rating) ?? cells[0] ?? -1);
  }

  #point(cell) {
    this.current = cell;
    for (const card of document.querySelectorAll("#detail .card")) {
      if (Number(card.dataset.cell) === cell) card.setAttribute("aria-current", "true");
      else card.removeAttribute("aria-current");
    }
  }

  #card() {
    return document.querySelector(`#detail .card[data-cell="${this.current}"]`);
  }

  #rate(patch) {
    if (!this.#ready()) return this.on;
    const { ratings } = this.app.run;
    const cell = this.current;
    this.undone.push({ run: this.app.run, cell, before: ratings.mark(cell) });
    ratings.change(cell, patch);
    this.bar.say(`${this.app.run.caseId(this.app.run.columns.cells.case[cell])}: ${patch.rating || "skipped"}`);
    this.#advance(cell);
    return true;
  }

  /* A key that rates first makes sure that there is something to see. */
  #ready() {
    if (!this.on) return false;
    if (this.current >= 0) return true;
    this.app.open(this.app.table.neighbour(0));
    return false;
  }

  #advance(cell) {
    const { run, state } = this.app;
    const number = run.columns.cells.case[cell];
    const open = run.ratings.outputs(number).find((other) => !run.ratings.mark(other).rating && !run.ratings.mark(other).skipped);
    if (open !== undefined) this.#point(open);
    else if (state.case) this.app.step(1);
    this.#card()?.scrollIntoView({ block: "nearest" });
  }

  #takeBack() {
    const last = this.on ? this.undone.pop() : undefined;
    if (last?.run !== this.app.run) return this.on;
    last.run.ratings.change(last.cell, last.before);
    this.app.open(last.run.columns.cells.case[last.cell]);
    this.#point(last.cell);
    this.bar.say("taken back");
    return true;
  }

  #edit(name) {
    if (!this.#ready()) return this.on;
    const box = this.#card()?.querySelector(".rating-box");
    if (box) editField(this.app.run, box, name);
    return true;
  }

  #move(step) {
    if (!this.on || this.current < 0) return false;
    const cells = this.app.run.ratings.outputs(this.app.run.columns.cells.case[this.current]);
    this.#point(cells[Math.min(Math.max(cells.indexOf(this.current) + step, 0), cells.length - 1)]);
    this.#card()?.scrollIntoView({ block: "nearest" });
    return true;
  }

  #changed(run, key) {
    if (run !== this.app.run) return;
    this.bar.refresh(run.ratings);
    for (const box of document.querySelectorAll("#detail .rating-box[data-cell]")) refreshBox(run, box);
    if (key === null) this.app.table.redraw();
    else this.app.table.redraw(run.columns.cells.case[run.ratings.cellsOf.get(key)]);
  }

  #save() {
    const { rater } = this.app.run.ratings;
    if (!rater && !this.asked) {
      this.asked = true;
      this.bar.rater.focus();
      this.bar.say("Who rates? Type a name, or save once more without one.");
      return;
    }
    const rows = this.app.runs.flatMap((run) => run.ratings.rows(rater, this.policy?.digest ?? ""));
    if (!rows.length) {
      this.bar.say("Nothing is rated yet.");
      return;
    }
    download("ratings.jsonl", rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
    for (const run of this.app.runs) run.ratings.markSaved();
    this.bar.say(`${rows.length} ratings saved. Next: promptctl review import ratings.jsonl`);
  }

  #load(text) {
    const rows = text.split("\n").filter((line) => line.trim()).map(parseRow);
    const { ratings } = this.app.run;
    ratings.rater ||= String(rows.find((row) => row?.rater)?.rater ?? "");
    // Another person's ratings, saved under this one's name, would pass for a second opinion.
    const own = rows.filter((row) => row && (!row.rater || row.rater === ratings.rater));
    const taken = this.app.runs.reduce((sum, run) => sum + run.ratings.takeAll(own), 0);
    const others = rows.filter(Boolean).length - own.length;
    this.bar.say([`${taken} ratings loaded`, others ? `${others} rows are of another person` : "",
      rows.length - others - taken ? `${rows.length - others - taken} rows are of no output of this page` : ""].filter(Boolean).join("; "));
  }

  #clear() {
    if (!confirm("Forget all marks of this page? Those that were not saved to a file are lost.")) return;
    for (const run of this.app.runs) run.ratings.clear();
    this.undone = [];
    this.bar.say("All marks are gone.");
  }
}

function parseRow(line) {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

function download(name, text) {
  const address = URL.createObjectURL(new Blob([text], { type: "application/x-ndjson" }));
  element("a", { href: address, download: name }).click();
  // At once, the browser might not have begun to read.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
