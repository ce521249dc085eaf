"use strict";
// One item after another: the server says what is next; an answer counts once the server has taken it.

const at = (id) => document.getElementById(id);
const place = location.pathname.replace(/\/+$/, "");
const video = at("video");
const ahead = document.createElement("video");
ahead.preload = "auto";
let state = null;
let watched = false;
let sending = false;

async function ask(path, options) {
  const response = await fetch(place + path, { cache: "no-store", ...options });
  const content = await response.json().catch(() => ({}));
  if (!response.ok) {
    throw Object.assign(new Error(content.error || `the server answered ${response.status}`), { status: response.status });
  }
  return content;
}

function say(text) {
  at("message").textContent = text;
}

function show(id) {
  for (const name of ["intro", "study", "end"]) at(name).hidden = name !== id;
}

function fieldsets() {
  return [...document.querySelectorAll("fieldset")];
}

function given(fieldset) {
  const checked = fieldset.querySelector("input:checked");
  return checked ? Number(checked.value) : null;
}

function mark(fieldset) {
  for (const other of fieldsets()) other.classList.toggle("now", other === fieldset);
}

function current() {
  return document.querySelector("fieldset.now");
}

function refresh() {
  const open = fieldsets().filter((fieldset) => given(fieldset) === null).length;
  at("send").disabled = sending || !watched || open > 0;
  if (sending) return;
  if (!watched) say("Watch the video to its end first.");
  else say(open ? `${open} question${open > 1 ? "s" : ""} to answer` : "");
}

function choose(fieldset, score) {
  fieldset.querySelector(`input[value="${score}"]`).checked = true;
  const all = fieldsets();
  const open = all.slice(all.indexOf(fieldset) + 1).concat(all).find((other) => given(other) === null);
  mark(open || fieldset);
  (open || fieldset).scrollIntoView({ block: "nearest" });
  refresh();
}

function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function question(asked, index) {
  const choices = [1, 2, 3, 4, 5].map((score) => {
    const ends = { 1: `, ${asked.low}`, 5: `, ${asked.high}` }[score] || "";
    const input = element("input", { type: "radio", name: `q${index}`, value: score, ariaLabel: `${score}${ends}` });
    return element("label", {}, input, element("span", { ariaHidden: "true" }, String(score)));
  });
  const ends = element("div", { className: "ends", ariaHidden: "true" }, element("span", {}, asked.low), element("span", {}, asked.high));
  const fieldset = element("fieldset", {}, element("legend", {}, asked.text), element("div", { className: "scale" }, ...choices), ends);
  fieldset.dataset.name = asked.name;
  fieldset.addEventListener("change", (event) => choose(fieldset, event.target.value));
  fieldset.addEventListener("focusin", () => mark(fieldset));
  return fieldset;
}

function play() {
  video.currentTime = 0;
  video.play().catch(() => {});
}

function present(next) {
  state = next;
  document.title = state.title;
  if (!state.item) {
    at("completion").textContent = state.completion;
    video.removeAttribute("src");
    show("end");
    return;
  }
  watched = false;
  at("place").textContent = `${state.item.number + 1} of ${state.total}`;
  at("practice").hidden = !state.item.practice;
  at("filled").style.width = `${(100 * state.done) / state.total}%`;
  at("questions").replaceChildren(...state.questions.map(question));
  at("source-box").hidden = !state.item.source;
  if (state.item.source) at("source").src = state.item.source;
  video.src = state.item.video;
  if (state.item.next) ahead.src = state.item.next;
  mark(fieldsets()[0]);
  show("study");
  scrollTo(0, 0);
  refresh();
  play();
}

async function send() {
  if (at("send").disabled) return;
  const scores = Object.fromEntries(fieldsets().map((fieldset) => [fieldset.dataset.name, given(fieldset)]));
  sending = true;
  refresh();
  say("Saving…");
  const body = JSON.stringify({ item: state.item.number, scores });
  try {
    const next = await ask("/answer", { method: "POST", headers: { "Content-Type": "application/json" }, body });
    sending = false;
    present(next);
  } catch (error) {
    sending = false;
    if (error.status === 409) {
      present(await ask("/state"));
      return;
    }
    refresh();
    say(`Not saved (${error.message}). Your answers are still here; press Next to try again.`);
  }
}

video.addEventListener("play", () => video.parentElement.classList.add("playing"));
for (const stopped of ["pause", "ended", "emptied"]) {
  video.addEventListener(stopped, () => video.parentElement.classList.remove("playing"));
}
video.addEventListener("ended", () => {
  watched = true;
  at("replay").textContent = "Play again";
  refresh();
});
video.addEventListener("loadstart", () => { at("replay").textContent = "Play"; });
video.addEventListener("error", () => {
  if (video.getAttribute("src")) say("The video did not load. Check your connection and reload this page.");
});
at("replay").addEventListener("click", play);
at("form").addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});

document.addEventListener("keydown", (event) => {
  if (at("study").hidden || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const button = event.target instanceof HTMLButtonElement;
  if (/^[1-5]$/.test(event.key)) choose(current() || fieldsets()[0], event.key);
  else if (event.key === " " && !button) play();
  else if (event.key === "Enter" && !button) send();
  else return;
  event.preventDefault();
});

function start(first) {
  if (first.item && first.done > 0) at("start").textContent = "Continue";
  document.title = at("title").textContent = first.title;
  at("introduction").textContent = first.introduction;
  at("start").addEventListener("click", () => {
    document.activeElement.blur();
    present(first);
  });
  if (!first.item) return present(first);
  show("intro");
  at("start").focus({ preventScroll: true });
}

ask("/state").then(start).catch((error) => {
  show("intro");
  at("title").textContent = "The study cannot be reached";
  at("introduction").textContent = `${error.message}. Reload this page in a moment.`;
  at("start").hidden = true;
});
