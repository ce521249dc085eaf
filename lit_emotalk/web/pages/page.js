// The page: a portrait, a speech and emotions go to the server, videos come back.

import { allowed, openCamera, openMicrophone } from "/pages/devices.js";
import { at, element, say } from "/pages/elements.js";
import { Live } from "/pages/live.js";
import { Session } from "/pages/server.js";
import { Taker } from "/pages/taker.js";

const POLL_MILLISECONDS = 400;
const MOST_SHOWN = 12;
const MOST_TRIES = 20;
const GONE = 404;
const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

let session = null;
let job = null;
let live = null;

function opened() {
  if (!session) throw new Error("there is no connection to the server; please load the page again");
  return session;
}

const portrait = new Taker("portrait", {
  working: "Looking for the face …",
  open: (taker) => openCamera(at("video", taker.card)),
  upload: (file) => opened().upload("portrait", file),
  show: ({ card, given }) => {
    at("img", card).src = given.face;
    say(card, "");
  },
});

const speech = new Taker("speech", {
  working: "Listening …",
  open: (taker) => {
    const most = opened().told.most_seconds - 0.5;
    return openMicrophone((level, seconds) => {
      at("meter", taker.card).value = Math.min(1, 1.5 * level);
      at("output", taker.card).textContent = `${Math.floor(seconds)} s`;
      if (seconds > most) taker.take();
    });
  },
  upload: (file) => opened().upload("speech", file),
  show: ({ card, given }) => {
    at("audio", card).src = session.speech(given.id);
    say(card, `${given.seconds.toFixed(1)} seconds`);
  },
});

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
  complain(portrait.given ? "" : "Still needed: a portrait.");
  if (!portrait.given) return;
  const form = new FormData(at("#make"));
  const motion = form.get("motion") === "none" ? "none" : "natural";
  const strength = Number(form.get("strength"));
  const how = { motion, strength, frame: form.get("frame"), mark: form.has("mark"), late: "skip" };
  const start = { session: session.told.id, upload: portrait.given.id, ...wish(), ...how };
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

// Whether the words in the field, if there are any, could be added.
function addOwn() {
  const field = at(".own input");
  const words = field.value.trim();
  if (!words) return true;
  if (!session) return false;
  if (chosen().length >= session.told.most_emotions) {
    say(at("#emotion"), `At most ${session.told.most_emotions} at a time: take one away first.`, true);
    field.focus();
    return false;
  }
  say(at("#emotion"), "");
  addChip(words, words, true);
  field.value = "";
  refresh();
  changeLive();
  return true;
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
      if (error.status === GONE || failed > MOST_TRIES) throw error;
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
  if (!addOwn()) return;
  const boxes = chosen();
  const missing = [!portrait.given && "a portrait", !speech.given && "speech", !boxes.length && "an emotion"];
  const lacking = missing.filter(Boolean);
  complain(lacking.length ? `Still needed: ${lacking.join(" and ")}.` : "");
  if (lacking.length) return;
  const form = new FormData(at("#make"));
  const wanted = {
    portrait: portrait.given.id,
    speech: speech.given.id,
    emotions: boxes.map((box) => box.value || null),
    intensity: Number(form.get("intensity")) / 100,
    strength: Number(form.get("strength")),
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
    if (job) session.cancel(job).catch(() => {});
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
