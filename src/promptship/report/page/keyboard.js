/* Keys. A later view adds its own by listening to more of them: the map is the whole of it. */

import { element } from "./dom.js";

export class Keyboard {
  /* `keys`: key -> [what it does, action]. Keys typed into a field stay there, but for Escape, which leaves it. */
  constructor(keys) {
    this.keys = keys;
    addEventListener("keydown", (event) => this.#pressed(event));
  }

  #pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (isField(event.target)) {
      if (event.key === "Escape" || (event.key === "Enter" && event.target.type === "search")) event.target.blur();
      return;
    }
    // Enter on a button or link is its own.
    if (event.key === "Enter" && event.target.closest("button, a, summary")) return;
    const found = this.keys[event.key];
    if (!found) return;
    // An action that has nothing to do here leaves the key to the browser.
    if (found[1]() !== false) event.preventDefault();
  }

  help() {
    const names = { Escape: "esc", Enter: "↵" };
    const keys = Object.entries(this.keys).filter(([, [title]]) => title);
    return element("p", { class: "keys" }, keys.map(([key, [title]]) =>
      element("span", {}, element("kbd", {}, names[key] ?? key), title)));
  }
}

function isField(node) {
  return node.matches("input:not([type=checkbox]), select, textarea");
}
