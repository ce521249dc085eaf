// The page: a portrait, a speech and emotions go to the server, videos come back.

import { allowed, openCamera, openMicrophone } from "/pages/devices.js";
import { Live } from "/pages/live.js";
import { Session } from "/pages/server.js";

const POLL_MILLISECONDS = 400;
const MOST_SHOWN = 12;
const MOST_TRIES = 20;
const at = (selector, within = document) => within.querySelector(selector);
const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

let session = null;
let job = null;
let live = null;
const given = { portrait: null, speech: null };

function say(card, text, bad = false) {
  const message = at(".message", card);
  message.textContent = text;
  message.classList.toggle("bad", bad);
}

function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

// One of the two cards that take something: by file, by dropping, or from a device.
class Taker {
  constructor(kind, open, show) {
    Object.assign(this, { kind, open, show, card: at(`#${kind}`), device: null });
    const [file, fallback] = this.card.querySelectorAll("input[type=file]");
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
    const drop = at(".drop", this.card);
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
    if (on) at(".shown", this.card).hidden = true;
    else at(".shown", this.card).hidden = !given[this.kind];
  }

  async begin() {
    say(this.card, "");
    try {
      this.device = await this.open(this);
      this.live(true);
    } catch (error) {
      say(this.card, error.message, true);
    }
  }

  async take() {
    if (!this.device) return;
    const file = await this.device.take();
    this.close();
    await this.send(file);
  }

  close() {
    this.device?.close();
    this.device = null;
    this.live(false);
  }

  async send(file) {
    this.card.classList.add("working");
    say(this.card, this.kind === "portrait" ? "Looking for the face …" : "Listening …");
    try {
      this.keep(await session.upload(this.kind, file));
    } catch (error) {
      say(this.card, error.message, true);
    } finally {
      this.card.classList.remove("working");
    }
  }

  keep(taken) {
    given[this.kind] = taken;
    this.card.classList.add("ready");
    at(".shown", this.card).hidden = false;
    this.show(this, taken);
    refresh();
  }
}

const portrait = new Taker(
  "portrait",
  (taker) => openCamera(at("video", taker.card)),
  (taker, taken) => {
    at("img", taker.card).src = taken.face;
    say(taker.card, "");
  },
);

const speech = new Taker(
  "speech",
  (taker) =>
    openMicrophone((level, seconds) => {
      at("meter", taker.card).value = Math.min(1, 1.5 * level);
      at("output", taker.card).textContent = `${Math.floor(seconds)} s`;
      if (seconds > session.told.most_seconds - 0.5) taker.take();
    }),
  (taker, taken) => {
    at("audio", taker.card).src = session.speech(taken.id);
    say(taker.card, `${taken.seconds.toFixed(1)} seconds`);
  },
);

function chosen() {
  return [...document.querySelectorAll(".chip input:checked")];
}

function refresh() {
  const count = chosen().length;
  const full = session && count >= session.told.most_emotions;
  for (const box of document.querySelectorAll(".chip input:not(:checked)")) box.disabled = full;
  at("#emotion").classList.toggle("ready", count > 0);
  at("#generate").textContent = count > 1 ? `Make ${count} videos` : "Make the video";
  at("#generate").disabled = !session || job !== null;
  at("#live").disabled = !session || live !== null;
}

function wish() {
  const [first] = chosen();
  return { emotion: first?.value || null, intensity: Number(at("[name=intensity]").value) / 100 };
}

function changeLive() {
  live?.change(wish().emotion, wish().intensity);
}

function goLive() {
  complain(given.portrait ? "" : "Still needed: a portrait.");
  if (!given.portrait) return;
  const form = new FormData(at("#make"));
  const motion = form.get("motion") === "none" ? "none" : "natural";
  const how = { motion, frame: form.get("frame"), mark: form.has("mark"), late: "skip" };
  const start = { session: session.told.id, upload: given.portrait.id, ...wish(), ...how };
  at("#watching").hidden = false;
  at("#watching").scrollIntoView({ block: "nearest", behavior: "smooth" });
  live = new Live(at("#watching canvas"), start, (message) => {
    live = null;
    at("#watching").hidden = true;
    complain(message);
    refresh();
  });
  refresh();
}

function addChip(label, value, checked) {
  const box = element("input", { type: "checkbox", value, checked, ariaLabel: label });
  box.addEventListener("change", () => {
    refresh();
    changeLive();
  });
  at(".chips").append(element("label", { className: "chip" }, box, element("span", {}, label)));
}

function addOwn() {
  const field = at(".own input");
  const words = field.value.trim();
  if (!words) return;
  if (chosen().length >= session.told.most_emotions) {
    say(at("#emotion"), `At most ${session.told.most_emotions} at a time: take one away first.`, true);
    return;
  }
  say(at("#emotion"), "");
  addChip(words, words, true);
  field.value = "";
  refresh();
  changeLive();
}

function complain(text) {
  const message = at("#results > .message");
  message.classList.toggle("bad", Boolean(text));
  message.textContent = text;
  if (text) message.scrollIntoView({ block: "nearest" });
}

function shownSet(labels) {
  const figures = labels.map((label) =>
    element("figure", {}, element("div", { className: "empty" }), element("figcaption", {}, element("span", {}, label))),
  );
  const set = element("div", { className: "set" }, element("div", { className: "videos" }, ...figures));
  at("#sets").prepend(set);
  const all = [...document.querySelectorAll("#sets figure")];
  for (const old of all.slice(MOST_SHOWN)) old.closest(".set").remove();
  return { set, figures };
}

function fill(figure, { label, file }) {
  const video = element("video", { src: session.video(file), controls: true, playsInline: true, preload: "auto" });
  video.setAttribute("aria-label", label);
  const link = element("a", { href: session.video(file, label), download: "" }, "Download");
  figure.querySelector(".empty").replaceWith(video);
  figure.querySelector("figcaption").append(link);
  figure.classList.remove("now");
}

function playTogether(set) {
  set.querySelectorAll("video").forEach((video, index) => {
    video.muted = index > 0;
    video.currentTime = 0;
    video.play();
  });
}

function left(seconds) {
  if (seconds === null) return "";
  return seconds < 1.5 ? ", nearly done" : `, ${Math.round(seconds)} s left`;
}

async function follow(figures) {
  const bar = at("#progress progress");
  let failed = 0;
  for (;;) {
    const state = await session.job(job).catch((error) => {
      failed += 1;
      if (!error.away || failed > MOST_TRIES) throw error;
    });
    if (!state) {
      at("#progress p").textContent = "The server does not answer, trying again …";
      await wait(1000);
      continue;
    }
    failed = 0;
    bar.value = state.total ? state.done / state.total : 0;
    at("#progress p").textContent = state.doing.replace(/^./, (first) => first.toUpperCase()) + left(state.seconds_left);
    state.videos.forEach((video, index) => {
      if (video.file && at(".empty", figures[index])) fill(figures[index], video);
    });
    figures.forEach((figure, index) => {
      figure.classList.toggle("now", index === state.videos.findIndex((video) => !video.file));
    });
    if (!["waiting", "working"].includes(state.state)) return state;
    await wait(POLL_MILLISECONDS);
  }
}

async function generate() {
  addOwn();
  const boxes = chosen();
  const missing = [!given.portrait && "a portrait", !given.speech && "speech", !boxes.length && "an emotion"];
  const lacking = missing.filter(Boolean);
  complain(lacking.length ? `Still needed: ${lacking.join(" and ")}.` : "");
  if (lacking.length) return;
  const form = new FormData(at("#make"));
  const wanted = {
    portrait: given.portrait.id,
    speech: given.speech.id,
    emotions: boxes.map((box) => box.value || null),
    intensity: Number(form.get("intensity")) / 100,
    frame: form.get("frame"),
    motion: form.get("motion"),
    seed: Number(form.get("seed")) || 0,
    mark: form.has("mark"),
  };
  at("#generate").disabled = true;
  let shown = null;
  try {
    job = (await session.make(wanted)).id;
    shown = shownSet(boxes.map((box) => box.ariaLabel));
    at("#progress").hidden = false;
    at("#results").scrollIntoView({ block: "nearest", behavior: "smooth" });
    const state = await follow(shown.figures);
    if (state.error) complain(state.error);
  } catch (error) {
    complain(error.message);
  }
  job = null;
  at("#progress").hidden = true;
  if (shown) finishSet(shown);
  refresh();
}

function finishSet({ set, figures }) {
  for (const figure of figures) if (at(".empty", figure)) figure.remove();
  const made = set.querySelectorAll("video").length;
  if (!made) set.remove();
  if (made > 1) {
    const button = element("button", { type: "button", className: "together" }, "Play together");
    button.addEventListener("click", () => playTogether(set));
    set.append(button);
  }
}

at("#make").addEventListener("submit", (event) => {
  event.preventDefault();
  if (session && job === null) generate();
});
at(".own button").addEventListener("click", addOwn);
at(".own input").addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  event.preventDefault();
  addOwn();
});
at("[name=intensity]").addEventListener("input", (event) => {
  at("#shown-intensity").textContent = `${event.target.value} %`;
});
at("[name=intensity]").addEventListener("change", changeLive);
at("#live").addEventListener("click", goLive);
at("#watching button").addEventListener("click", () => live?.stop());
at("#progress button").addEventListener("click", () => job && session.cancel(job).catch(() => {}));
at("#example button").addEventListener("click", async () => {
  const button = at("#example button");
  button.disabled = true;
  say(portrait.card, "Looking for the face …");
  try {
    const taken = await session.example();
    portrait.keep(taken.portrait);
    speech.keep(taken.speech);
  } catch (error) {
    say(portrait.card, error.message, true);
  }
  button.disabled = false;
});
window.addEventListener("pagehide", () => session?.end());
window.addEventListener("pageshow", (event) => event.persisted && location.reload());

try {
  session = await Session.open();
  const { told } = session;
  at("#speech .limit").textContent = told.most_seconds;
  at("#emotion .limit").textContent = told.most_emotions;
  at("#minutes").textContent = told.keep_minutes;
  at("#example").hidden = !told.example;
  at("#live").hidden = !allowed || !told.streams;
  for (const name of told.emotions) addChip(name, name, name === "happy");
  addChip(told.voice, "", false);
} catch (error) {
  complain(error.message);
}
refresh();
