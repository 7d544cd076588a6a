/* From what a reader asks for to the cases that answer, in order. */

const MEASURES = { latency: "latency_s", cost: "cost_usd" };

export const SORTS = {
  file: "order of the file",
  worst: "worst first",
  score: "lowest score first",
  latency: "slowest first",
  cost: "dearest first",
  id: "case id",
  random: "random order",
};

/* A case is shown where one of its cells fits every condition on cells, and the case fits those on cases. */
export function selectCases(run, query) {
  const pattern = searchPattern(query.q);
  const variant = query.variant === "" ? -1 : Number(query.variant);
  const [tag, value] = splitOnce(query.slice, "=");
  const conditions = cellConditions(run, query);
  const found = [];
  for (let number = 0; number < run.caseCount; number += 1) {
    if (query.slice && !run.hasTag(number, tag, value)) continue;
    if (query.rated && !fitsRating(run, number, query.rated)) continue;
    const cells = run.cells(number, variant);
    if (query.outcome === "mixed" && !isMixed(run, cells)) continue;
    const named = pattern === null || pattern.test(run.haystack(number));
    const fits = (cell) => conditions.every((holds) => holds(cell)) && (named || mentions(run, cell, pattern));
    if (cells.some(fits)) found.push(number);
  }
  return sortCases(run, found, query, variant);
}

/* One expression with the i flag searches 20,000 outputs without copying them into lower case first. */
function searchPattern(text) {
  return text ? new RegExp(text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"), "iu") : null;
}

function mentions(run, cell, pattern) {
  if (pattern.test(run.cell("text", cell) ?? "")) return true;
  const { error } = run.details(cell);
  if (error && pattern.test(`${error.kind} ${error.message}`)) return true;
  return run.columns.scores.some(({ reason }) => reason.of[cell] >= 0 && pattern.test(reason.values[reason.of[cell]]));
}

function cellConditions(run, query) {
  const conditions = [];
  if (query.outcome && query.outcome !== "mixed") conditions.push((cell) => run.outcome(cell) === query.outcome);
  const scorer = run.scorers.findIndex((item) => item.name === query.scorer);
  if (scorer >= 0) conditions.push((cell) => run.columns.scores[scorer].passed[cell] === 0);
  if (query.range) conditions.push(rangeCondition(run, query.range));
  return conditions;
}

/* `measure:low:high`, as a click on a bar of a plot writes it. A scorer's name may itself hold colons. */
function rangeCondition(run, range) {
  const parts = range.split(":");
  const [low, high] = parts.splice(-2).map(Number);
  const values = valuesOf(run, parts.join(":"));
  return (cell) => values !== null && values[cell] !== null && values[cell] >= low && values[cell] <= high;
}

/* The column of a measure: latency, cost, or a scorer by its name. */
export function valuesOf(run, measure) {
  if (measure in MEASURES) return run.columns.cells[MEASURES[measure]];
  const scorer = run.scorers.findIndex((item) => `score ${item.name}` === measure);
  return scorer < 0 ? null : run.columns.scores[scorer].value;
}

function isMixed(run, cells) {
  return cells.some((cell) => run.outcome(cell) !== run.outcome(cells[0]));
}

/* `no` is a case with an output that waits for a rating. */
function fitsRating(run, number, wanted) {
  const given = run.ratings.outputs(number).map((cell) => run.ratings.mark(cell).rating);
  if (wanted === "no") return given.includes("");
  return wanted === "yes" ? given.some(Boolean) : given.includes(wanted);
}

function sortCases(run, numbers, query, variant) {
  if (query.sort === "random") return numbers.sort((a, b) => placeOf(run, a) - placeOf(run, b));
  if (query.sort === "id") return numbers.sort((a, b) => run.caseId(a).localeCompare(run.caseId(b), "en", { numeric: true }));
  const rank = ranking(run, query);
  if (rank === null) return numbers;
  const ranks = new Map(numbers.map((number) => [number, Math.min(...run.cells(number, variant).map(rank))]));
  // Equal cases stay in the file's order: sort is stable.
  return numbers.sort((a, b) => ranks.get(a) - ranks.get(b));
}

function placeOf(run, number) {
  return run.ratings.ranks.get(number) ?? run.caseCount;
}

function ranking(run, query) {
  if (query.sort === "worst") return (cell) => run.severity(cell);
  if (query.sort === "score") return (cell) => lowestScore(run, cell, query.scorer);
  if (query.sort in MEASURES) return (cell) => -(run.cell(MEASURES[query.sort], cell) ?? -1);
  return null;
}

function lowestScore(run, cell, only) {
  const values = run.scores(cell).filter((score) => !only || score.name === only).map((score) => score.value);
  const known = values.filter((value) => value !== null);
  return known.length ? Math.min(...known) : 2;
}

export function splitOnce(text, separator) {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}
