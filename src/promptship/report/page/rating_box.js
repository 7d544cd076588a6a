/* Below each output: good, bad or unsure, a note and a better answer. */

import { element } from "./dom.js";
import { RATINGS } from "./ratings.js";

export const RATING_MARKS = { good: "▲", bad: "▼", unsure: "◆" };
const TITLES = { good: "Good", bad: "Bad", unsure: "Unsure" };

export function ratingBox(run, cell) {
  const first = run.ratings.firstLike(cell);
  if (first < 0) return null;
  if (first !== cell) return element("p", { class: "rating-box quiet" }, "The same answer as before: rated there.");
  const buttons = RATINGS.map((rating) => element("button", {
    type: "button", class: `verdict-key ${rating}`, "aria-pressed": "false", "aria-keyshortcuts": rating[0], data: { rating },
    on: { click: () => toggle(run, cell, rating) },
  }, element("span", { "aria-hidden": "true" }, `${RATING_MARKS[rating]} `), TITLES[rating], keyName(rating[0])));
  const box = element("div", { class: "rating-box", role: "group", "aria-label": "Your rating", data: { cell } },
    element("div", { class: "verdict-keys" }, buttons, element("span", { class: "skipped", hidden: true }, "skipped")),
    field(run, cell, "note", "Note"), field(run, cell, "correction", "Better answer"));
  refreshBox(run, box);
  return box;
}

/* For the eye only: a reader aloud has the button's name. */
function keyName(key) {
  return element("kbd", { "aria-hidden": "true" }, key);
}

/* A second press takes the rating back. */
function toggle(run, cell, rating) {
  run.ratings.change(cell, { rating: run.ratings.mark(cell).rating === rating ? "" : rating });
}

function field(run, cell, name, title) {
  const area = element("textarea", { name, rows: 1, dir: "auto", on: {
    input: () => { run.ratings.change(cell, { [name]: ownWords(run, cell, name, area.value) }); grow(area); },
    focus: () => grow(area),
  } });
  return element("label", {}, element("span", {}, title, keyName(name[0])), area);
}

/* A better answer that is still the answer itself is none. */
function ownWords(run, cell, name, value) {
  return name === "correction" && value === run.cell("text", cell) ? "" : value;
}

function grow(area) {
  area.style.height = "auto";
  area.style.height = `${Math.min(area.scrollHeight + 2, 320)}px`;
}

/* Shows what is marked; words that are being typed are left alone. */
export function refreshBox(run, box) {
  const mark = run.ratings.mark(Number(box.dataset.cell));
  for (const button of box.querySelectorAll("[data-rating]")) {
    button.setAttribute("aria-pressed", String(button.dataset.rating === mark.rating));
  }
  box.querySelector(".skipped").hidden = !mark.skipped;
  for (const area of box.querySelectorAll("textarea")) {
    if (area !== document.activeElement) area.value = mark[area.name];
  }
}

/* Puts the cursor into a field; a better answer begins with the answer, which most often needs a few words only. */
export function editField(run, box, name) {
  const area = box.querySelector(`textarea[name=${name}]`);
  if (name === "correction" && area.value === "") area.value = run.cell("text", Number(box.dataset.cell)) ?? "";
  area.focus();
  area.setSelectionRange(area.value.length, area.value.length);
}
