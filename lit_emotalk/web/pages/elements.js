// Elements of the page: found, made, and a card's line for the visitor.

export const at = (selector, within = document) => within.querySelector(selector);

export function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

export function say(card, text, bad = false) {
  const message = at(".message", card);
  message.textContent = text;
  message.classList.toggle("bad", bad);
}
