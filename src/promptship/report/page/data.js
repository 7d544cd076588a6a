/* The runs in this page, kept in the columns in which they came: 20,000 cases stay a few dozen arrays. */

const FORMAT = 1;
export const OUTCOMES = ["passed", "failed", "error", "unscored"];
/* From what needs a reader most to what needs one least. */
const SEVERITY = [3, 0, 1, 2];

/* The runs, and what those who rate are told; null for nothing. */
export async function loadRuns() {
  const holder = document.getElementById("run-data");
  const data = holder.dataset.encoding === "gzip" ? await unpack(holder.textContent) : JSON.parse(holder.textContent);
  // The text is a second copy of everything; let it go.
  holder.remove();
  if (data.format !== FORMAT) throw new Error(`data of format ${data.format}; this page reads ${FORMAT}`);
  return { runs: data.runs.map((columns) => new Run(columns)), policy: data.policy };
}

async function unpack(text) {
  const raw = Uint8Array.fromBase64 ? Uint8Array.fromBase64(text) : Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([raw]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}

export class Run {
  constructor(columns) {
    this.columns = columns;
    this.name = columns.evalset;
    this.variants = columns.variants;
    this.scorers = columns.scorers;
    this.caseCount = columns.cases.id.length;
    this.cellCount = columns.cells.case.length;
    this.starts = new Int32Array(this.caseCount + 1);
    this.haystacks = new Array(this.caseCount);
    this.numbers = new Map(columns.cases.id.map((id, index) => [id, index]));
    this.#index();
  }

  /* Cells of a case stand together, so a case is a range of cells. */
  #index() {
    for (const number of this.columns.cells.case) this.starts[number + 1] += 1;
    for (let number = 0; number < this.caseCount; number += 1) this.starts[number + 1] += this.starts[number];
  }

  caseNumber(id) {
    return this.numbers.get(id) ?? -1;
  }

  caseId(number) {
    return this.columns.cases.id[number];
  }

  /* Cells of a case; `variant` -1 is any. */
  cells(number, variant = -1) {
    const found = [];
    for (let cell = this.starts[number]; cell < this.starts[number + 1]; cell += 1) {
      if (variant < 0 || this.columns.cells.variant[cell] === variant) found.push(cell);
    }
    return found;
  }

  cell(name, cell) {
    const column = this.columns.cells[name];
    return Array.isArray(column) ? column[cell] : coded(column, cell);
  }

  outcome(cell) {
    return OUTCOMES[this.columns.cells.outcome[cell]];
  }

  severity(cell) {
    return SEVERITY[this.columns.cells.outcome[cell]];
  }

  /* The cell that a row shows: of those given, the one that needs a reader most. */
  worst(cells) {
    return cells.reduce((best, cell) => (this.severity(cell) < this.severity(best) ? cell : best), cells[0]);
  }

  score(scorer, cell) {
    const column = this.columns.scores[scorer];
    return {
      name: this.scorers[scorer].name,
      required: this.scorers[scorer].required,
      value: column.value[cell],
      passed: column.passed[cell],
      reason: coded(column.reason, cell),
      category: coded(column.category, cell),
      measure: column.measure[cell] ?? null,
    };
  }

  scores(cell) {
    return this.scorers.map((_, scorer) => this.score(scorer, cell)).filter(wasGiven);
  }

  failedScorers(cell) {
    return this.scorers.map((item) => item.name).filter((_, scorer) => this.columns.scores[scorer].passed[cell] === 0);
  }

  tags(number) {
    return Object.entries(this.columns.tags).map(([name, column]) => [name, coded(column, number)]).filter(([, value]) => value !== null);
  }

  hasTag(number, tag, value) {
    const column = this.columns.tags[tag];
    return column !== undefined && coded(column, number) === value;
  }

  details(cell) {
    return this.columns.details[cell] ?? {};
  }

  inputs(number) {
    return this.columns.cases.inputs[number];
  }

  expected(number) {
    return this.columns.cases.expected[number];
  }

  /* What a search looks through beside outputs; made when a case is first searched. */
  haystack(number) {
    if (this.haystacks[number] === undefined) {
      const { id, place, cluster } = this.columns.cases;
      const parts = [id[number], place[number], cluster[number] ?? "", asText(this.expected(number))];
      this.haystacks[number] = [...parts, ...Object.values(this.inputs(number)).map(asText)].join("\n");
    }
    return this.haystacks[number];
  }
}

function coded(column, row) {
  const code = column.of[row];
  return code < 0 ? null : column.values[code];
}

function wasGiven(score) {
  return score.value !== null || score.passed >= 0 || score.reason !== null || score.category !== null;
}

/* Text as it is, any other value as JSON; null is nothing. */
export function asText(value) {
  if (value === null || value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/* JSON for reading: indented, keys in one order, so that two values differ only where they differ. */
export function pretty(value) {
  return typeof value === "string" ? value : JSON.stringify(ordered(value), null, 2);
}

function ordered(value) {
  if (Array.isArray(value)) return value.map(ordered);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, ordered(value[key])]));
}
