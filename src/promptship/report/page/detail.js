/* Everything about one case: what went in, what was expected, and what every variant and repeat made of it. */

import { element, foreign } from "./dom.js";
import { asText, pretty } from "./data.js";
import { plain, seconds, usd } from "./figures.js";
import { letter } from "./plots.js";
import { ratingBox } from "./rating_box.js";
import { MARKS } from "./table.js";
import { wordDiff } from "./word_diff.js";

/* Each takes (run, case number) and returns nodes; add a section by adding a function. */
const SECTIONS = [inputs, expected, outputs];
/* Each takes (run, cell, case number) and returns nodes of one output's card. */
const PARTS = [cardHead, errorBox, answer, toolCalls, ratingBox, scoreList, facts, choices, more];

export class Detail {
  constructor(node, actions) {
    Object.assign(this, { node, actions });
  }

  show(run, number, position, total) {
    const { previous, next, close } = this.actions;
    const title = element("header", { class: "detail-head" },
      element("div", { class: "detail-title" }, foreign("h2", "", run.caseId(number)),
        element("p", {}, [run.columns.cases.place[number], clusterOf(run, number)].filter(Boolean).join(" · "))),
      element("div", { class: "detail-nav" },
        element("span", {}, position < 0 ? "filtered out" : `${position + 1} / ${total}`),
        button("↑", "Previous case (k)", previous), button("↓", "Next case (j)", next), button("✕", "Close (Esc)", close)));
    const tags = run.tags(number).map(([name, value]) => element("span", { class: "chip" }, `${name} ${value}`));
    this.node.replaceChildren(title, element("div", { class: "detail-body" }, tags.length ? element("p", { class: "chips" }, tags) : null,
      SECTIONS.map((section) => section(run, number))));
    this.node.hidden = false;
    this.node.scrollTop = 0;
    document.documentElement.classList.add("with-detail");
  }

  hide() {
    this.node.hidden = true;
    this.node.replaceChildren();
    document.documentElement.classList.remove("with-detail");
  }
}

function button(text, title, action) {
  return element("button", { type: "button", class: "icon", title, "aria-label": title, on: { click: action } }, text);
}

function clusterOf(run, number) {
  const cluster = run.columns.cases.cluster[number];
  return cluster ? `cluster ${cluster}` : "";
}

function inputs(run, number) {
  const fields = Object.entries(run.inputs(number)).map(([name, value]) =>
    element("div", { class: "field" }, foreign("dt", "", name), foreign("dd", "block", pretty(value))));
  return element("section", {}, element("h3", {}, "Inputs"), element("dl", {}, fields));
}

function expected(run, number) {
  const value = run.expected(number);
  if (value === null) return null;
  return element("section", {}, element("h3", {}, "Expected"), foreign("div", "block expected-text", pretty(value)));
}

function outputs(run, number) {
  const cells = run.cells(number);
  const title = cells.length > 1 ? `Outputs (${cells.length})` : "Output";
  const legend = run.expected(number) === null ? null : element("small", { class: "legend" },
    element("ins", {}, "not expected"), " ", element("del", {}, "missing"));
  const cards = cells.map((cell) =>
    element("article", { class: `card ${run.outcome(cell)}`, data: { cell } }, PARTS.map((part) => part(run, cell, number))));
  return element("section", {}, element("h3", {}, title, legend),
    element("div", { class: `outputs of-${Math.min(cells.length, 3)}` }, cards));
}

function cardHead(run, cell) {
  const variant = run.cell("variant", cell);
  const repeat = run.columns.repeats > 1 ? `repeat ${run.cell("repeat", cell) + 1}` : "";
  const outcome = run.outcome(cell);
  return element("header", {},
    run.variants.length > 1 ? element("span", { class: `letter v${variant % 8}` }, letter(variant)) : null,
    element("b", {}, run.variants[variant].label), element("small", {}, repeat),
    element("span", { class: `badge ${outcome}` }, `${MARKS[outcome]} ${outcome}`));
}

function errorBox(run, cell) {
  const { error } = run.details(cell);
  if (!error) return null;
  const where = error.scorer ? ` in the scorer ${error.scorer}` : "";
  return element("p", { class: "error-box" }, element("b", {}, `${error.kind}${where}`), foreign("span", "", error.message));
}

function answer(run, cell, number) {
  const text = run.cell("text", cell);
  if (text === null) return null;
  if (text === "") return element("p", { class: "quiet" }, "no text");
  const wanted = run.expected(number);
  const same = wanted !== null && (typeof wanted === "string" ? wanted === text : pretty(wanted) === reformat(text));
  return [element("div", { class: "block answer", dir: "auto" }, same ? reformat(text) : compared(wanted, text)),
    same ? element("p", { class: "quiet same" }, "same as expected") : null];
}

/* Where the expected text occurs whole it is marked; else words are compared, if enough of them are shared. */
function compared(wanted, text) {
  if (wanted === null) return text;
  const [goal, actual] = typeof wanted === "string" ? [wanted, text] : [pretty(wanted), reformat(text)];
  const at = goal ? actual.toLowerCase().indexOf(goal.toLowerCase()) : -1;
  if (at >= 0) {
    const end = at + goal.length;
    return [actual.slice(0, at), element("mark", { class: "match" }, actual.slice(at, end)), actual.slice(end)];
  }
  const pieces = wordDiff(goal, actual);
  const tags = { same: "span", added: "ins", removed: "del" };
  return pieces === null ? actual : pieces.map(({ kind, text: piece }) => element(tags[kind], {}, piece));
}

function reformat(text) {
  try {
    return pretty(JSON.parse(text));
  } catch {
    return text;
  }
}

function toolCalls(run, cell) {
  const calls = (run.details(cell).messages ?? []).flatMap((message) => message.tool_calls ?? []);
  return calls.map((call) => element("p", { class: "tool-call" }, element("b", {}, call.function?.name ?? "tool"), " ",
    foreign("code", "", asText(call.function?.arguments))));
}

function scoreList(run, cell) {
  const rows = run.scores(cell).map(scoreRow);
  return rows.length ? element("ul", { class: "scores" }, rows) : null;
}

function scoreRow({ name, required, value, passed, category, measure, reason }) {
  const look = { 1: ["passed", "✓"], 0: ["failed", "✕"] }[passed] ?? ["unscored", "-"];
  return element("li", { class: look[0] }, element("span", { class: "mark" }, look[1]),
    element("span", { class: "score-name" }, name, required ? null : element("small", {}, " measured only")),
    element("span", { class: "score-value" }, category ?? plain(value), measure ? element("small", {}, ` ${measure}`) : null),
    reason ? foreign("span", "score-reason", reason) : null);
}

function facts(run, cell) {
  if (run.cell("text", cell) === null) return null;
  const said = [seconds(run.cell("latency_s", cell)), usd(run.cell("cost_usd", cell)),
    tokens(run, cell), run.cell("provenance", cell),
    run.cell("finish", cell) === "stop" ? null : `ended by ${run.cell("finish", cell)}`, run.cell("served", cell)];
  return element("p", { class: "quiet facts" }, said.filter(Boolean).join(" · "));
}

function tokens(run, cell) {
  const [before, after] = [run.cell("tokens_in", cell), run.cell("tokens_out", cell)];
  return before || after ? `${before} → ${after} tokens` : null;
}

function choices(run, cell) {
  const given = Object.entries(run.details(cell).choices ?? {}).sort((a, b) => b[1] - a[1]);
  if (!given.length) return null;
  const total = given.reduce((sum, [, logprob]) => sum + Math.exp(logprob), 0);
  return element("dl", { class: "choices" }, given.slice(0, 6).map(([name, logprob]) => {
    const meter = element("meter", { min: 0, max: 1, value: Math.exp(logprob) / total });
    const share = ((Math.exp(logprob) / total) * 100).toFixed(0);
    return element("div", {}, foreign("dt", "", name), element("dd", {}, meter, ` ${share}%`));
  }));
}

function more(run, cell) {
  const { messages, steps, contexts, versions } = run.details(cell);
  const parts = [["Messages", messages], ["Steps", steps], ["Retrieved passages", contexts], ["Versions", versions]];
  return parts.filter(([, value]) => value).map(([title, value]) => element("details", {},
    element("summary", {}, `${title} (${value.length})`), value.map((item) => foreign("pre", "block", pretty(item)))));
}
