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

/** A text's words, none of which is broken at its hyphens: "--seed=1" stays whole. */
function unbroken(text) {
  return text.split(" ").flatMap((word, i) => [
    ...(i ? [" "] : []),
    word.includes("-") ? make("span", { class: "word" }, word) : word,
  ]);
}

/** 1234.5 to "1,234.5", with a true minus; rounded as Python does, a tie to the even digit. */
function say(number, digits = 0) {
  const size = Math.abs(number);
  let text = size.toFixed(digits); // of the exact value, but a tie goes up
  const beyond = size.toFixed(digits + 30).split(".")[1].slice(digits);
  if (/^50*$/.test(beyond) && Number(text.at(-1)) % 2) {
    text = ((Number(text.replace(".", "")) - 1) / 10 ** digits).toFixed(digits);
  }
  const [whole, part] = text.split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return (number < 0 ? "−" : "") + grouped + (part ? `.${part}` : "");
}

/** The bytes that base64 stands for; a plain loop, because a page may hold a hundred million. */
function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
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

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** `act(right, down, shift)` on each arrow key. */
const onArrows = (element, act) =>
  element.addEventListener("keydown", (event) => {
    const arrow = ARROWS[event.key];
    if (!arrow || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act(...arrow, event.shiftKey);
  });

/** `act(across, down, begins)`, in parts of the element, where it is pressed and dragged. */
const onPoint = (element, act) => {
  const point = (event) => {
    const box = element.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    act(x / box.width, y / box.height, event.type === "pointerdown");
  };
  element.addEventListener("pointerdown", (event) => {
    if (!event.isPrimary) return; // of several fingers, the first
    element.setPointerCapture(event.pointerId);
    point(event);
  });
  element.addEventListener("pointermove", (event) => {
    if (element.hasPointerCapture(event.pointerId)) point(event);
  });
};
