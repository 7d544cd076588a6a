/* What a reader said of a run's outputs, kept by the browser until it is saved as a file. A mark belongs to a case and
   an output: repeats and variants that gave the same answer share it. */

export const RATINGS = ["good", "bad", "unsure"];
const PREFIX = "promptship-rating";
const RATER = "promptship-rater";
const EMPTY = { rating: "", note: "", correction: "", skipped: false, saved: true };

export class Ratings {
  #listeners = [];

  constructor(run, store = openStore()) {
    Object.assign(this, { run, store, marks: new Map(), keys: [], cellsOf: new Map(), outputsOf: new Map() });
    for (let cell = 0; cell < run.cellCount; cell += 1) this.#index(cell);
    this.order = shuffled([...this.outputsOf.keys()], run.columns.id);
    this.ranks = new Map(this.order.map((number, rank) => [number, rank]));
    this.#load();
    // Another tab with the same page rates the same outputs.
    addEventListener("storage", ({ key }) => { if (key === null || key.startsWith(this.prefix)) { this.#load(); this.#tell(); } });
  }

  get prefix() {
    return `${PREFIX}/${this.run.columns.id}/`;
  }

  /* Sixteen hex digits tell the outputs of a case apart. */
  #index(cell) {
    const digest = this.run.cell("digest", cell);
    const number = this.run.columns.cells.case[cell];
    this.keys.push(digest === null ? null : `${this.run.caseId(number)}/${digest.slice(0, 16)}`);
    const key = this.keys[cell];
    if (key === null || this.cellsOf.has(key)) return;
    this.cellsOf.set(key, cell);
    if (!this.outputsOf.has(number)) this.outputsOf.set(number, []);
    this.outputsOf.get(number).push(cell);
  }

  #load() {
    this.marks.clear();
    for (const [name, text] of this.store.entries(this.prefix)) {
      const mark = parseMark(text);
      const key = name.slice(this.prefix.length);
      if (mark !== null && this.cellsOf.has(key)) this.marks.set(key, mark);
    }
  }

  #tell(key = null) {
    for (const listener of this.#listeners) listener(key);
  }

  onChange(listener) {
    this.#listeners.push(listener);
  }

  /* Names case and output; null where a cell has no output. */
  key(cell) {
    return this.keys[cell];
  }

  mark(cell) {
    return this.marks.get(this.key(cell)) ?? EMPTY;
  }

  change(cell, patch) {
    const key = this.key(cell);
    if (key === null) return;
    const mark = { ...this.mark(cell), ...patch, saved: false };
    if (mark.rating) mark.skipped = false;
    this.#keep(key, mark);
    this.#tell(key);
  }

  #keep(key, mark) {
    if (mark.rating || mark.note || mark.correction || mark.skipped) {
      this.marks.set(key, mark);
      this.store.set(this.prefix + key, JSON.stringify(mark));
    } else {
      this.marks.delete(key);
      this.store.remove(this.prefix + key);
    }
  }

  clear() {
    for (const key of this.marks.keys()) this.store.remove(this.prefix + key);
    this.marks.clear();
    this.#tell();
  }

  /* The case's outputs that can be rated, a cell for each. */
  outputs(number) {
    return this.outputsOf.get(number) ?? [];
  }

  /* The first cell of the case that gave the same answer; -1 where there is no output. */
  firstLike(cell) {
    return this.cellsOf.get(this.key(cell)) ?? -1;
  }

  isDone(number) {
    return this.outputs(number).every((cell) => this.mark(cell).rating || this.mark(cell).skipped);
  }

  /* How many cases from the beginning of the random order are done. They were drawn by chance, whatever the outputs
     say, and whether the reader went by that order or not; all others were chosen by somebody. */
  drawn() {
    const open = this.order.findIndex((number) => !this.isDone(number));
    return open < 0 ? this.order.length : open;
  }

  counts() {
    const marks = [...this.marks.values()];
    const of = (rating) => marks.filter((mark) => mark.rating === rating).length;
    const [good, bad, unsure] = RATINGS.map(of);
    return {
      good, bad, unsure, rated: good + bad + unsure, all: this.cellsOf.size,
      unsaved: marks.filter((mark) => !mark.saved && mark.rating).length,
      wordsOnly: marks.filter((mark) => !mark.rating && (mark.note || mark.correction)).length,
    };
  }

  /* The rows of `ratings.jsonl`, in the order of the cases. */
  rows(rater, guideline) {
    const drawn = this.drawn();
    const rows = [];
    for (const [key, cell] of this.cellsOf) {
      const mark = this.marks.get(key);
      if (!mark?.rating) continue;
      const number = this.run.columns.cells.case[cell];
      const sampled = this.ranks.get(number) < drawn;
      rows.push({
        case: this.run.caseId(number), output_digest: `sha256:${this.run.cell("digest", cell)}`, rating: mark.rating,
        note: mark.note, correction: mark.correction, rater, guideline_digest: guideline,
        source: sampled ? "sample" : "feedback", propensity: sampled ? drawn / this.order.length : null, run: this.run.columns.id,
      });
    }
    return rows;
  }

  markSaved() {
    for (const [key, mark] of this.marks) if (!mark.saved && mark.rating) this.#keep(key, { ...mark, saved: true });
    this.#tell();
  }

  /* Takes a row of a saved file; tells whether it is of an output of this run. */
  take(row) {
    const key = `${row.case}/${String(row.output_digest).replace("sha256:", "").slice(0, 16)}`;
    if (!this.cellsOf.has(key) || !RATINGS.includes(row.rating)) return false;
    const text = (value) => (typeof value === "string" ? value : "");
    this.#keep(key, { ...EMPTY, rating: row.rating, note: text(row.note), correction: text(row.correction) });
    return true;
  }

  takeAll(rows) {
    const taken = rows.filter((row) => this.take(row)).length;
    this.#tell();
    return taken;
  }

  get rater() {
    return this.store.get(RATER) ?? "";
  }

  set rater(name) {
    this.store.set(RATER, name);
  }
}

function parseMark(text) {
  try {
    const mark = JSON.parse(text);
    return RATINGS.includes(mark?.rating) || mark?.rating === "" ? { ...EMPTY, ...mark } : null;
  } catch {
    return null;
  }
}

/* The browser's storage; where it is switched off or full, marks live as long as the page, and `lasting` says so. */
function openStore() {
  const held = new Map();
  const store = {
    lasting: true,
    get: (name) => held.get(name) ?? attempt(() => localStorage.getItem(name)),
    set: (name, text) => {
      held.set(name, text);
      attempt(() => { localStorage.setItem(name, text); held.delete(name); });
    },
    remove: (name) => { held.delete(name); attempt(() => localStorage.removeItem(name)); },
    entries: (prefix) => {
      const names = attempt(() => Object.keys(localStorage)) ?? [];
      return [...new Set([...names, ...held.keys()])].filter((name) => name.startsWith(prefix)).map((name) => [name, store.get(name)]);
    },
  };
  function attempt(action) {
    try {
      return action();
    } catch {
      store.lasting = false;
      return null;
    }
  }
  return store;
}

/* One order for all who rate this run, so that two raters see the same outputs; the seed is the run's id. */
function shuffled(numbers, seed) {
  const random = randomFrom(seed);
  for (let last = numbers.length - 1; last > 0; last -= 1) {
    const place = Math.floor(random() * (last + 1));
    [numbers[last], numbers[place]] = [numbers[place], numbers[last]];
  }
  return numbers;
}

/* Numbers from 0 to below 1. Source: FNV-1a for the seed, mulberry32 (T. Ettinger, public domain) for the numbers. */
function randomFrom(text) {
  let state = 2166136261;
  for (const character of text) state = Math.imul(state ^ character.codePointAt(0), 16777619);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
