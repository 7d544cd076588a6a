/* How scores, times and costs spread: a strip per variant under one scale. A bar is a filter. */

import { drawing, element } from "./dom.js";
import { plain, percent, seconds, usd } from "./figures.js";
import { valuesOf } from "./filters.js";

const BINS = 24;
const WIDTH = 240;
const STRIP = 40;
const GAP = 8;

export function drawPlots(run, state) {
  const scores = run.scorers.map((scorer) => `score ${scorer.name}`);
  const yesOrNo = scores.filter((measure) => isYesOrNo(valuesOf(run, measure)));
  const spread = [...scores.filter((measure) => !yesOrNo.includes(measure)), "latency", "cost"];
  return [shares(run, state, yesOrNo), ...spread.map((measure) => plot(run, state, measure))].filter(Boolean);
}

function isYesOrNo(values) {
  return values.some((value) => value !== null) && values.every((value) => value === null || value === 0 || value === 1);
}

/* Scorers that say yes or no have a share, no distribution: one card holds them all. */
function shares(run, state, measures) {
  if (measures.length === 0) return null;
  const rows = measures.flatMap((measure) => [element("span", { class: "share-name" }, titleOf(measure)),
    ...run.variants.map((_, variant) => shareRow(run, state, measure, variant))]);
  const caption = element("figcaption", {}, element("b", {}, "Scorers"), element("small", {}, "share of yes"));
  return element("figure", { class: "plot" }, caption, rows);
}

function shareRow(run, state, measure, variant) {
  const values = collect(run, measure, variant);
  const share = mean(values);
  const edge = (share ?? 0) * WIDTH;
  const part = (look, x, width, value) => drawing("g",
    { class: "bar-hit", on: { click: () => state.update(filterFor(run, measure, value, value, variant)) } },
    drawing("rect", { class: look, x, y: 0, width, height: 10 }),
    drawing("title", {}, `${value ? "yes" : "no"}: ${values.filter((item) => item === value).length}`));
  const name = `${titleOf(measure)}, ${run.variants[variant].label}: ${percent(share)} of ${values.length}`;
  const frame = { viewBox: `0 0 ${WIDTH} 10`, preserveAspectRatio: "none", role: "img", "aria-label": name };
  return element("span", { class: "share-row" }, letterOf(run, variant),
    drawing("svg", { class: `strip share v${variant % 8}`, ...frame },
      part("fill", 0, edge, 1), part("rest", edge, WIDTH - edge, 0)),
    element("b", {}, percent(share)));
}

/* Which variant a strip is of; nothing where there is one only. */
function letterOf(run, variant) {
  return run.variants.length > 1 ? element("span", { class: `letter v${variant % 8}` }, letter(variant)) : null;
}

function titleOf(measure) {
  return measure.replace(/^score /, "");
}

function plot(run, state, measure) {
  const strips = run.variants.map((_, variant) => collect(run, measure, variant));
  const all = strips.flat();
  if (all.length === 0 || all.every((value) => value === 0 && measure === "cost")) return null;
  const scale = chooseScale(measure, all);
  const title = titleOf(measure);
  const figure = element("figure", { class: "plot" },
    element("figcaption", {}, element("b", {}, title), element("small", {}, describe(measure))));
  strips.forEach((values, variant) => {
    const head = element("span", { class: "strip-head" },
      letterOf(run, variant),
      element("span", {}, `mean ${scale.say(mean(values))}`), element("span", {}, `median ${scale.say(median(values))}`));
    figure.append(head, drawStrip(values, scale, { run, state, measure, variant }));
  });
  figure.append(element("span", { class: "axis" }, element("span", {}, scale.say(scale.low)), element("span", {}, scale.end)));
  return figure;
}

function filterFor(run, measure, low, high, variant) {
  return { range: `${measure}:${low}:${high}`, variant: run.variants.length > 1 ? String(variant) : "" };
}

function collect(run, measure, variant) {
  const values = valuesOf(run, measure);
  const found = [];
  for (let cell = 0; cell < run.cellCount; cell += 1) {
    if (run.columns.cells.variant[cell] === variant && values[cell] !== null) found.push(values[cell]);
  }
  return found;
}

/* Scores run from 0 to 1. Times and costs end where 99 % of them do, and the last bar holds the rest: a single
   straggler would otherwise press all others into one bar. */
function chooseScale(measure, values) {
  const say = measure === "latency" ? seconds : measure === "cost" ? usd : plain;
  if (measure.startsWith("score ")) return { low: 0, high: 1, top: 1, say, end: "1" };
  const top = reduce(values, Math.max);
  const high = quantile(values, 0.99) || top || 1;
  return { low: 0, high, top, say, end: `${say(high)}${top > high ? " and more" : ""}` };
}

function describe(measure) {
  if (measure === "cost") return "per result, uncached";
  return measure === "latency" ? "per result" : "score";
}

function drawStrip(values, scale, { run, state, measure, variant }) {
  const bins = new Array(BINS).fill(0);
  const span = scale.high - scale.low;
  for (const value of values) bins[Math.min(Math.floor(((value - scale.low) / span) * BINS), BINS - 1)] += 1;
  const most = Math.max(...bins, 1);
  const figures = `mean ${scale.say(mean(values))}, median ${scale.say(median(values))}`;
  const name = `${titleOf(measure)}, ${run.variants[variant].label}: ${values.length} values, ${figures}`;
  const width = WIDTH / BINS;
  const choose = (low, high) => state.update(filterFor(run, measure, low, high, variant));
  const bars = bins.map((size, bin) => bar({ size, bin, most, width, scale, choose }));
  const frame = { viewBox: `0 0 ${WIDTH} ${STRIP + GAP}`, preserveAspectRatio: "none", role: "img", "aria-label": name };
  return drawing("svg", { class: `strip v${variant % 8}`, ...frame },
    drawing("line", { class: "ground", x1: 0, x2: WIDTH, y1: STRIP, y2: STRIP }), ...bars);
}

function bar({ size, bin, most, width, scale, choose }) {
  const step = (scale.high - scale.low) / BINS;
  const low = scale.low + bin * step;
  const high = bin === BINS - 1 ? scale.top : low + step;
  // A bar of one case must be seen beside one of thousands.
  const height = size === 0 ? 0 : Math.max((size / most) * STRIP, 2);
  const title = `${scale.say(low)} to ${scale.say(high)}: ${size}`;
  return drawing("g", { class: size ? "bar-hit" : "bar-none", on: size ? { click: () => choose(low, high) } : {} },
    drawing("rect", { class: "hit", x: bin * width, y: 0, width, height: STRIP }),
    drawing("rect", { class: "fill", x: bin * width + 0.75, y: STRIP - height, width: width - 1.5, height, rx: 1 }),
    drawing("title", {}, title));
}

export function letter(variant) {
  return variant < 26 ? String.fromCharCode(65 + variant) : String(variant + 1);
}

function mean(values) {
  return values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : null;
}

function median(values) {
  return values.length ? quantile(values, 0.5) : null;
}

function quantile(values, share) {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)];
}

/* Math.max(...values) overflows the stack on long arrays. */
function reduce(values, choose) {
  return values.reduce((best, value) => choose(best, value));
}
