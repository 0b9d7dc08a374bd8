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
  let frame = null; // the one that is waited for
  let last = null; // when the step before was; all times are frames', whose clock lags behind a click's
  const stop = () => {
    cancelAnimationFrame(frame);
    frame = last = null;
    button.textContent = "Play";
  };
  const next = (now) => {
    frame = requestAnimationFrame(next);
    last ??= now;
    const seconds = (now - last) / 1000;
    if (seconds <= 0 || (calm() && seconds < 1)) return;
    last = now;
    if (step(seconds) === false) stop();
  };
  button.addEventListener("click", () => {
    if (frame !== null) return stop();
    frame = requestAnimationFrame(next);
    button.textContent = "Stop";
  });
  return { stop };
}
