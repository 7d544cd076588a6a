/* Joins the parts: state -> cases -> list and pane. The static page stands as it is until the data are ready. */

import { element } from "./dom.js";
import { loadRuns } from "./data.js";
import { selectCases } from "./filters.js";
import { DEFAULTS, FILTERS, State } from "./state.js";
import { drawPlots } from "./plots.js";
import { CaseTable } from "./table.js";
import { Detail } from "./detail.js";
import { Toolbar } from "./toolbar.js";
import { Keyboard } from "./keyboard.js";
import { RatingDesk } from "./rating_desk.js";

const SELECTS_CASES = new Set([...FILTERS, "sort"]);

class App {
  constructor({ runs, policy }) {
    this.runs = runs;
    this.state = new State();
    this.desk = new RatingDesk(this, policy);
    this.toolbar = new Toolbar(this.state);
    this.table = new CaseTable((number) => this.open(number));
    this.detail = new Detail(document.getElementById("detail"), {
      previous: () => this.step(-1), next: () => this.step(1), close: () => this.close(),
    });
    this.keyboard = new Keyboard({
      j: ["next", () => this.step(1)],
      k: ["previous", () => this.step(-1)],
      Enter: ["open", () => this.open(this.table.neighbour(0))],
      "/": ["search", () => this.toolbar.search.focus()],
      Escape: ["close", () => this.close()],
      ArrowDown: ["", () => this.step(1)],
      ArrowUp: ["", () => this.step(-1)],
      ...this.desk.keys(),
    });
    this.#mount();
    this.state.onChange((changed) => this.#changed(changed));
    this.#showRun();
  }

  #mount() {
    const explorer = document.getElementById("explorer");
    const title = element("div", { class: "explorer-title" }, element("h3", {}, "Cases"), this.keyboard.help(), this.desk.toggle);
    explorer.append(title, this.desk.bar.node, this.toolbar.node, this.table.node, this.table.empty);
    explorer.hidden = false;
    // The list's head sticks below the toolbar, which is higher where its controls wrap.
    const measure = () => explorer.style.setProperty("--toolbar-height", `${this.toolbar.node.offsetHeight}px`);
    new ResizeObserver(measure).observe(this.toolbar.node);
    document.documentElement.classList.add("scripted");
    for (const card of document.querySelectorAll("a.card[data-run]")) {
      card.addEventListener("click", (event) => { event.preventDefault(); this.#choose(Number(card.dataset.run)); });
    }
    for (const cell of document.querySelectorAll("td[data-slice]")) {
      cell.addEventListener("click", () => this.#filterBy(cell.dataset.slice, cell.dataset.variant));
    }
  }

  #choose(index) {
    this.state.update({ ...DEFAULTS, sort: this.state.sort, run: index === 0 ? "" : this.runs[index].name });
  }

  #filterBy(slice, variant) {
    this.state.update({ slice, variant: this.run.variants.length > 1 ? variant : "" });
    this.toolbar.node.scrollIntoView({ block: "start" });
  }

  /* The run that the address names; without a name, the first that has the case. */
  #findRun() {
    const named = this.runs.find((run) => run.name === this.state.run);
    const holds = (run) => run.caseNumber(this.state.case) >= 0;
    return named ?? (this.state.case && this.runs.find(holds)) ?? this.runs[0];
  }

  #showRun() {
    this.run = this.#findRun() || this.runs[0];
    const shown = this.runs.indexOf(this.run);
    for (const section of document.querySelectorAll("section.run")) {
      section.hidden = Number(section.dataset.run) !== shown;
    }
    for (const card of document.querySelectorAll("a.card[data-run]")) {
      card.setAttribute("aria-current", String(Number(card.dataset.run) === shown));
    }
    const plots = document.querySelector(`#run-${shown} [data-plots]`);
    if (!plots.hasChildNodes()) plots.append(...drawPlots(this.run, this.state));
    this.desk.show();
    this.toolbar.show(this.run);
    this.#showCases();
    this.#showDetail();
  }

  #showCases() {
    const numbers = selectCases(this.run, this.state);
    this.table.show(this.run, numbers, this.state.variant === "" ? -1 : Number(this.state.variant));
    this.toolbar.refresh(this.run, numbers.length);
  }

  #showDetail() {
    const number = this.state.case ? this.run.caseNumber(this.state.case) : -1;
    if (number < 0) {
      this.detail.hide();
      this.desk.opened(-1);
      return;
    }
    this.detail.show(this.run, number, this.table.position(number), this.table.numbers.length);
    this.table.select(number);
    this.desk.opened(number);
  }

  #changed(changed) {
    if (changed.has("run")) {
      this.#showRun();
      return;
    }
    if (changed.has("rate")) {
      this.toolbar.show(this.run);
      this.table.redraw();
    }
    if (changed.has("rate") || changed.has("sort")) this.desk.show();
    if ([...changed].some((key) => SELECTS_CASES.has(key))) this.#showCases();
    if (changed.has("case") || this.state.case) this.#showDetail();
  }

  open(number) {
    if (number >= 0) this.state.update({ case: this.run.caseId(number) });
  }

  /* With the pane open it follows; without, only the mark in the list moves. */
  step(by) {
    const number = this.table.neighbour(by);
    if (number < 0) return;
    if (this.state.case) this.open(number);
    else this.table.select(number);
  }

  close() {
    this.state.update({ case: "" });
    this.table.node.focus({ preventScroll: true });
  }
}

loadRuns()
  .then((page) => {
    new App(page);
    document.documentElement.dataset.ready = "true";
  })
  .catch((error) => {
    const notice = document.getElementById("notice");
    notice.textContent = `The cases of this report cannot be shown: ${error.message}. Summary and first failures are above.`;
    notice.hidden = false;
    document.documentElement.dataset.ready = "failed";
  });
