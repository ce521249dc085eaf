// One of the two cards that take something: by file, by dropping, or from a device.

import { allowed } from "/pages/devices.js";
import { at, say } from "/pages/elements.js";

export class Taker {
  // open(taker): gives a device; upload(file): sends what was taken; show(taker): shows `taker.given`, the answer.
  constructor(kind, { working, open, upload, show }) {
    const card = at(`#${kind}`);
    Object.assign(this, { working, open, upload, show, card, device: null, opening: false, given: null });
    const [file, fallback] = card.querySelectorAll("input[type=file]");
    for (const input of [file, fallback]) {
      input.addEventListener("change", () => {
        if (input.files.length) this.send(input.files[0]);
        input.value = "";
      });
    }
    this.button("choose").addEventListener("click", () => file.click());
    this.button("record").addEventListener("click", () => (allowed ? this.begin() : fallback.click()));
    this.button("take").addEventListener("click", () => this.take());
    this.button("leave").addEventListener("click", () => this.close());
    const drop = at(".drop", card);
    for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
      drop.addEventListener(name, (event) => {
        event.preventDefault();
        drop.classList.toggle("over", name === "dragenter" || name === "dragover");
        if (name === "drop" && event.dataTransfer.files.length) this.send(event.dataTransfer.files[0]);
      });
    }
  }

  button(name) {
    return at(`button.${name}`, this.card);
  }

  live(on) {
    for (const name of ["take", "leave"]) this.button(name).hidden = !on;
    for (const name of ["choose", "record"]) this.button(name).hidden = on;
    at(".live", this.card).hidden = !on;
    this.card.classList.toggle("busy", on);
    at(".shown", this.card).hidden = on || !this.given;
  }

  async begin() {
    if (this.opening || this.device) return;
    this.opening = true;
    say(this.card, "");
    try {
      this.device = await this.open(this);
      this.live(true);
    } catch (error) {
      say(this.card, error.message, true);
    } finally {
      this.opening = false;
    }
  }

  async take() {
    const { device } = this;
    if (!device) return;
    this.device = null;
    const file = await device.take().finally(() => device.close());
    this.live(false);
    await this.send(file);
  }

  close() {
    this.device?.close();
    this.device = null;
    this.live(false);
  }

  async send(file) {
    this.card.classList.add("working");
    say(this.card, this.working);
    try {
      this.keep(await this.upload(file));
    } catch (error) {
      say(this.card, error.message, true);
    } finally {
      this.card.classList.remove("working");
    }
  }

  keep(given) {
    this.given = given;
    this.card.classList.add("ready");
    at(".shown", this.card).hidden = false;
    this.show(this);
  }
}
