// Sets of videos, the newest first: places for those to come, filled one by one.

import { at, element } from "/pages/elements.js";

const MOST_SHOWN = 12;

export function shownSet(labels) {
  const figures = labels.map((label) =>
    element("figure", {}, element("div", { className: "empty" }), element("figcaption", {}, element("span", {}, label))),
  );
  const doubts = element("p", { className: "message", role: "status" });
  const set = element("div", { className: "set" }, element("div", { className: "videos" }, ...figures), doubts);
  at("#sets").prepend(set);
  const all = [...document.querySelectorAll("#sets figure")];
  for (const old of all.slice(MOST_SHOWN)) old.closest(".set").remove();
  return { set, figures, doubts };
}

export function fill(session, figure, { file }) {
  const label = at("span", figure).textContent;
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

export function finishSet({ set, figures }) {
  for (const figure of figures) if (at(".empty", figure)) figure.remove();
  const made = set.querySelectorAll("video").length;
  if (!made) set.remove();
  if (made > 1) {
    const button = element("button", { type: "button", className: "together" }, "Play together");
    button.addEventListener("click", () => playTogether(set));
    set.append(button);
  }
}
