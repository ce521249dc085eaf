// The page: a portrait, a speech and emotions go to the server, videos come back.

import { allowed, openCamera, openMicrophone } from "/pages/devices.js";
import { Chips } from "/pages/chips.js";
import { at, say } from "/pages/elements.js";
import { faceOf, showFaces } from "/pages/faces.js";
import { Live } from "/pages/live.js";
import { Session } from "/pages/server.js";
import { fill, finishSet, shownSet } from "/pages/sets.js";
import { Taker } from "/pages/taker.js";

const POLL_MILLISECONDS = 400;
const MOST_TRIES = 20;
const GONE = 404;
const TWO_COLUMNS = matchMedia("(min-width: 900px)");
const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

let session = null;
let job = null;
let live = null;
let driving = null;

function opened() {
  if (!session) throw new Error("there is no connection to the server; please load the page again");
  return session;
}

const portrait = new Taker("portrait", {
  working: "Looking for the face …",
  open: (taker) => openCamera(at("video", taker.card)),
  upload: (file) => opened().upload("portrait", file),
  show: ({ card, given }) => {
    at(".shown img", card).src = given.face;
    showFaces(card, given);
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

const chips = new Chips(at(".chips"), () => {
  refresh();
  changeLive();
});

function refresh() {
  const count = chips.chosen().length;
  at("#emotion").classList.toggle("ready", count > 0);
  at("#generate").textContent = count > 1 ? `Make ${count} videos` : "Make the video";
  at("#generate").disabled = !session || job !== null;
  at("#live").disabled = !session || live !== null;
}

function wish() {
  return { emotion: chips.words()?.value || null, intensity: Number(at("[name=intensity]").value) / 100 };
}

function changeLive() {
  live?.change(wish().emotion, wish().intensity);
}

function goLive() {
  complain(portrait.given ? "" : "Still needed: a portrait.");
  if (!portrait.given) return;
  if (chips.chosen().length && !chips.words()) {
    complain("Live takes an emotion in words, or the voice's own: choose one of these.");
    return;
  }
  const form = new FormData(at("#make"));
  const motion = form.get("motion") === "none" ? "none" : "natural";
  const strength = Number(form.get("strength"));
  const how = { motion, strength, frame: form.get("frame"), mark: form.has("mark"), late: "skip" };
  const start = { session: session.told.id, upload: portrait.given.id, ...faceOf(portrait.given), ...wish(), ...how };
  at("#watching").hidden = false;
  bringIntoView(at("#watching"));
  live = new Live(at("#watching canvas"), start, (message) => {
    live = null;
    at("#watching").hidden = true;
    complain(message);
    refresh();
  });
  refresh();
}

// Whether the words in the field, if there are any, could be added.
function addOwn() {
  const field = at(".own input");
  const words = field.value.trim();
  if (!words) return true;
  if (!session) return false;
  if (!roomForOne()) {
    field.focus();
    return false;
  }
  say(at("#emotion"), "");
  field.value = "";
  chips.add(words, words, { checked: true, own: true });
  return true;
}

function roomForOne() {
  if (chips.full) say(at("#emotion"), `At most ${chips.most} emotions at a time: switch one off first.`, true);
  return !chips.full;
}

async function addShown(kind, file) {
  const card = at("#emotion");
  if (!roomForOne()) return;
  say(card, "Reading the emotion …");
  try {
    const { id, nearest } = await opened().upload(kind, file);
    if (!roomForOne()) return;
    say(card, `${file.name}: most like ${nearest}`);
    chips.add(file.name, { kind, id }, { checked: true, own: true });
  } catch (error) {
    say(card, error.message, true);
  }
}

function showDriving(given, name) {
  driving = given;
  const row = at("#driving");
  at("output", row).textContent = name;
  at(".choose", row).hidden = at("[name=motion]").disabled = Boolean(given);
  at(".chosen", row).hidden = at(".eyes", row).hidden = !given;
}

async function takeDriving(file) {
  const card = at("#emotion");
  say(card, "Looking for the head in the video …");
  try {
    showDriving(await opened().upload("driving", file), file.name);
    say(card, "");
  } catch (error) {
    say(card, error.message, true);
  }
}

// The videos stand beside the form, or, on narrow screens, below it.
function bringIntoView(place) {
  if (TWO_COLUMNS.matches) at("#results").scrollTop = 0;
  else place.scrollIntoView({ block: "start" });
}

function complain(text) {
  const message = at("#results > .message");
  message.classList.toggle("bad", Boolean(text));
  message.textContent = text;
  if (text) message.scrollIntoView({ block: "nearest" });
}

function left(seconds) {
  if (seconds === null) return "";
  return seconds < 1.5 ? ", nearly done" : `, ${Math.round(seconds)} s left`;
}

async function follow({ figures, doubts }) {
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
    doubts.textContent = state.doubts.join(" ");
    state.videos.forEach((video, index) => {
      if (video.file && at(".empty", figures[index])) fill(session, figures[index], video);
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
  const asked = chips.chosen();
  const missing = [!portrait.given && "a portrait", !speech.given && "speech", !asked.length && "an emotion"];
  const lacking = missing.filter(Boolean);
  complain(lacking.length ? `Still needed: ${lacking.join(" and ")}.` : "");
  if (lacking.length) return;
  const form = new FormData(at("#make"));
  const wanted = {
    portrait: portrait.given.id,
    speech: speech.given.id,
    emotions: asked.map(({ value }) => value || null),
    intensity: Number(form.get("intensity")) / 100,
    strength: Number(form.get("strength")),
    frame: form.get("frame"),
    motion: at("[name=motion]").value,
    ...faceOf(portrait.given),
    ...(driving ? { driving: driving.id, eyes: form.has("eyes") } : {}),
    seed: Number(form.get("seed")) || 0,
    mark: form.has("mark"),
  };
  at("#generate").disabled = true;
  let shown = null;
  try {
    job = (await session.make(wanted)).id;
    shown = shownSet(asked.map(({ label }) => label));
    at("#progress").hidden = false;
    bringIntoView(at("#progress"));
    const state = await follow(shown);
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
for (const button of document.querySelectorAll(".shows button")) {
  const input = at(`.shows input[data-kind=${button.dataset.kind}]`);
  button.addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    if (input.files.length) addShown(input.dataset.kind, input.files[0]);
    input.value = "";
  });
}
at("#driving .choose").addEventListener("click", () => at("#driving input[type=file]").click());
at("#driving input[type=file]").addEventListener("change", ({ target }) => {
  if (target.files.length) takeDriving(target.files[0]);
  target.value = "";
});
at("#driving .remove").addEventListener("click", () => showDriving(null, ""));
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
  chips.most = told.most_emotions;
  for (const name of told.emotions) chips.add(name, name, { checked: name === "happy" });
  chips.add(told.voice, "");
} catch (error) {
  complain(error.message);
}
refresh();
