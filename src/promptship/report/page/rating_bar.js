/* Above the list while outputs are rated: who rates, how far it is, what counts as a sample, and the file. */

import { element, foreign } from "./dom.js";
import { count } from "./figures.js";

const KEYS = [["g", "good"], ["b", "bad"], ["u", "unsure"], ["s", "skip"], ["n", "note"], ["c", "better answer"],
  ["z", "take back"], ["←→", "output"]];

export class RatingBar {
  constructor(state, policy, actions) {
    Object.assign(this, { state, actions });
    this.rater = element("input", { type: "text", name: "rater", autocomplete: "name", spellcheck: "false", maxlength: 100,
      on: { input: () => actions.name(this.rater.value.trim()) } });
    this.open = element("input", { type: "checkbox", on: { change: () => state.update({ rate: this.open.checked ? "open" : "blind" }) } });
    this.random = element("button", { type: "button", class: "plain", on: { click: () => state.update({ sort: "random" }) } }, "Rate in random order");
    this.file = element("input", { type: "file", accept: ".jsonl", hidden: true, "aria-label": "File of ratings", on: { change: () => this.#chosen() } });
    this.progress = element("p", { class: "progress" });
    this.sample = element("p", { class: "quiet" });
    this.warning = element("p", { class: "not-kept", role: "alert", hidden: true },
      "This browser keeps nothing for this page: save the ratings before you close it.");
    this.said = element("p", { class: "said", role: "status" });
    this.node = element("section", { class: "rating-bar", "aria-label": "Rating", hidden: true },
      element("div", { class: "line" }, this.progress,
        element("label", { class: "rater" }, element("span", {}, "Your name"), this.rater),
        element("label", { class: "check" }, this.open, " Show scores"),
        action("Save ratings.jsonl", "primary", actions.save), action("Load", "plain", () => this.file.click()),
        action("Clear", "plain", actions.clear), this.file),
      policyBox(policy), element("div", { class: "line" }, this.sample, this.random),
      element("p", { class: "keys" }, KEYS.map(([key, title]) => element("span", {}, element("kbd", {}, key), title))), this.warning, this.said);
  }

  async #chosen() {
    const [file] = this.file.files;
    if (file) this.actions.load(await file.text());
    this.file.value = "";
  }

  refresh(ratings) {
    const { good, bad, unsure, rated, all, unsaved, wordsOnly } = ratings.counts();
    const parts = [rated ? `${count(good)} good, ${count(bad)} bad, ${count(unsure)} unsure` : "",
      unsaved ? `${count(unsaved)} not saved to a file` : "", wordsOnly ? `${count(wordsOnly)} with words but no rating: not in the file` : ""];
    this.progress.replaceChildren(element("b", {}, `${count(rated)} of ${count(all)} outputs rated`),
      element("small", {}, parts.filter(Boolean).join(" · ")));
    this.sample.textContent = describeSample(ratings, rated);
    this.random.hidden = this.state.sort === "random";
    this.open.checked = this.state.rate === "open";
    if (document.activeElement !== this.rater) this.rater.value = ratings.rater;
    this.warning.hidden = ratings.store.lasting;
  }

  say(text) {
    this.said.textContent = text;
  }
}

function action(text, look, on) {
  return element("button", { type: "button", class: look, on: { click: on } }, text);
}

function policyBox(policy) {
  if (!policy) return null;
  return element("details", { class: "policy", open: true }, element("summary", {}, "What is good"), foreign("div", "block", policy.text));
}

function describeSample(ratings, rated) {
  const drawn = ratings.drawn();
  const all = ratings.order.length;
  if (drawn === all) return "Every output is rated: the ratings stand for the whole run.";
  const sample = `The first ${count(drawn)} of ${count(all)} cases in random order are rated and count as a sample.`;
  // The next case may be rated in part: it is on its way into the sample.
  const begun = ratings.order.slice(0, drawn + 1).flatMap((number) => ratings.outputs(number));
  const chosen = rated - begun.filter((cell) => ratings.mark(cell).rating).length;
  const others = chosen > 0 ? " Other ratings count as chosen by you: they measure no rate." : "";
  return drawn ? sample + others : `Ratings in random order count as a sample of the run; others as chosen by you.`;
}
