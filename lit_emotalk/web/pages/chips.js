// The emotions to choose from, a chip each: the canonical ones, and the visitor's own, which can be removed.

import { at, element } from "/pages/elements.js";

export class Chips {
  // changed(): called when others are chosen.
  constructor(group, changed) {
    Object.assign(this, { group, changed, most: Infinity, made: [] });
  }

  // value: the emotion in words, "" for the voice's own, or {kind, id} of an upload that shows it.
  add(label, value, { checked = false, own = false } = {}) {
    const box = element("input", { type: "checkbox", checked, ariaLabel: label });
    const chip = element("label", { className: "chip" }, box, element("span", {}, label));
    const made = { label, value, box, chip };
    this.made.push(made);
    box.addEventListener("change", () => this.refresh());
    if (own) chip.append(this.remover(made));
    this.group.append(chip);
    this.refresh();
  }

  remover(made) {
    const button = element("button", { type: "button", className: "remove", ariaLabel: `Remove ${made.label}` }, "×");
    button.addEventListener("click", (event) => {
      event.preventDefault();
      made.chip.remove();
      this.made = this.made.filter((each) => each !== made);
      this.refresh();
      at("input", this.group)?.focus();
    });
    return button;
  }

  chosen() {
    return this.made.filter(({ box }) => box.checked);
  }

  get full() {
    return this.chosen().length >= this.most;
  }

  // What is chosen first that is said in words.
  words() {
    return this.chosen().find(({ value }) => typeof value === "string");
  }

  refresh() {
    for (const { box } of this.made) box.disabled = this.full && !box.checked;
    this.changed();
  }
}
