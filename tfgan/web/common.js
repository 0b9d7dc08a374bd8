// What all parts use: the data, elements, frames, and whether things may move.

const DATA = JSON.parse(document.getElementById("data").textContent);

const byId = (id) => document.getElementById(id);

/** An element with attributes, and children that are elements or text. */
function make(name, attributes = {}, ...children) {
  const svg = ["svg", "path", "line", "text", "circle"].includes(name);
  const element = svg
    ? document.createElementNS("http://www.w3.org/2000/svg", name)
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** 1234.5 to "1,234.5", with a true minus. */
function say(number, digits = 0) {
  const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return number.toLocaleString("en", options).replace("-", "−");
}

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/** Whether the reader asked for less motion; asked anew each time. */
const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/**
 * A button that starts and stops `step(seconds)`, which says with false that it is at its end.
 * Without motion it goes on once a second.
 */
function player(button, step) {
  let last = null;
  const show = () => (button.textContent = last === null ? "Play" : "Stop");
  const stop = () => {
    last = null;
    show();
  };
  const next = (now) => {
    if (last === null) return;
    const seconds = (now - last) / 1000;
    if (!calm() || seconds >= 1) {
      last = now;
      if (step(seconds) === false) return stop();
    }
    requestAnimationFrame(next);
  };
  button.addEventListener("click", () => {
    if (last !== null) return stop();
    last = performance.now();
    show();
    requestAnimationFrame(next);
  });
  return { stop };
}
