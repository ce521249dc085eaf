// The choice among several faces of a portrait.

import { at, element } from "/pages/elements.js";

// Where the picture has several faces: each as a button, the one that is used pressed.
export function showFaces(card, given) {
  const buttons = given.faces.map((face, number) => {
    const picture = element("img", { src: face, alt: `Face ${number + 1} from the left` });
    const button = element("button", { type: "button" }, picture);
    button.addEventListener("click", () => choose(number));
    return button;
  });
  function choose(number) {
    given.chosen = number;
    buttons.forEach((button, index) => button.setAttribute("aria-pressed", index === number));
    if (given.faces.length) at(".shown img", card).src = given.faces[number];
  }
  const question = element("p", {}, `The picture has ${given.faces.length} faces. Which one is to speak?`);
  at(".faces", card).replaceChildren(question, ...buttons);
  at(".faces", card).hidden = !buttons.length;
  choose(given.chosen);
}

// Which face of an uploaded portrait is used, for a request; where there is but one, nothing is said.
export function faceOf(given) {
  return given.faces.length ? { face: given.chosen } : {};
}
