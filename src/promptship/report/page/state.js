/* What is being looked at lives in the address, so that a link shows another reader the same case. */

export const DEFAULTS = {
  run: "", case: "", q: "", outcome: "", variant: "", slice: "", scorer: "", range: "", sort: "file", rate: "", rated: "",
};
export const FILTERS = ["q", "outcome", "variant", "slice", "scorer", "range", "rated"];

export class State {
  #listeners = [];

  constructor() {
    Object.assign(this, DEFAULTS, readAddress());
    addEventListener("hashchange", () => this.update({ ...DEFAULTS, ...readAddress() }));
  }

  onChange(listener) {
    this.#listeners.push(listener);
  }

  update(patch) {
    const changed = Object.keys(patch).filter((key) => this[key] !== patch[key]);
    if (changed.length === 0) return;
    Object.assign(this, patch);
    writeAddress(this);
    for (const listener of this.#listeners) listener(new Set(changed));
  }
}

function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  return Object.fromEntries(Object.keys(DEFAULTS).filter((key) => given.has(key)).map((key) => [key, given.get(key)]));
}

function writeAddress(state) {
  const kept = Object.keys(DEFAULTS).filter((key) => state[key] !== DEFAULTS[key]).map((key) => [key, state[key]]);
  // Looking around is no navigation: the back button leaves the page.
  history.replaceState(null, "", kept.length ? `#${new URLSearchParams(kept)}` : location.pathname + location.search);
}
