// Curves over epochs, as SVG.

const WIDTH = 560, HEIGHT = 190;
const RIGHT = 8, TOP = 8, BOTTOM = 22;

/** Two to five round numbers that span a range: 1, 2 or 5 times a power of ten apart. */
function ticks(low, high, most = 5) {
  const rough = (high - low) / (most - 1) || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((size) => size >= rough * 0.999);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) {
    found.push(Number((i * step).toPrecision(12)));
  }
  return found;
}

/**
 * Adds a chart to `parent`.
 *
 * `curve` has a title, epochs, decimals, series of names and values, and perhaps a reach; `pick(epoch)` is called
 * when the reader points at one. Returns a function that moves the cursor to an epoch.
 */
function chart(parent, curve, pick) {
  const { epochs, decimals } = curve;
  const values = curve.series.flatMap((series) => series.values);
  const low = values.reduce((least, value) => Math.min(least, value), 0);
  const high = values.reduce((most, value) => Math.max(most, value), curve.reach ?? low);
  const marks = ticks(low, high).map((tick) => [tick, String(tick).replace("-", "−")]);
  // Room for the longest number, at a phone's size of letters.
  const LEFT = 14 + 10 * Math.max(...marks.map(([, text]) => text.length));
  const first = epochs[0], last = epochs.at(-1);
  const x = (epoch) =>
    last === first
      ? (LEFT + WIDTH - RIGHT) / 2
      : LEFT + ((epoch - first) / (last - first)) * (WIDTH - LEFT - RIGHT);
  const y = (value) =>
    HEIGHT - BOTTOM - ((value - low) / (high - low || 1)) * (HEIGHT - TOP - BOTTOM);

  const words = curve.series.map(
    ({ name, values }) => `${name} from ${say(values[0], decimals)} to ${say(values.at(-1), decimals)}`,
  );
  const span = first === last ? `epoch ${first + 1}` : `epochs ${first + 1} to ${last + 1}`;
  const label = `${curve.title}, ${span}: ${words.join("; ")}`;
  const svg = make("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label });
  for (const [tick, text] of marks) {
    const height = y(tick);
    svg.append(
      make("line", { class: "grid-line", x1: LEFT, x2: WIDTH - RIGHT, y1: height, y2: height }),
      make("text", { x: LEFT - 8, y: height + 4, "text-anchor": "end" }, text),
    );
  }
  for (const tick of ticks(first + 1, last + 1, 8).filter(Number.isInteger)) {
    const where = { x: x(tick - 1), y: HEIGHT - 4, "text-anchor": "middle" };
    svg.append(make("text", where, String(tick)));
  }
  const cursor = make("line", { class: "cursor", y1: TOP, y2: HEIGHT - BOTTOM });
  svg.append(cursor);
  // Two series have the page's colours, more of them one hue each.
  const many = curve.series.length > 2;
  const hue = (index) => `hsl(${Math.round((360 * index) / curve.series.length)} 60% 50%)`;
  const lined = (index) => (many ? { stroke: hue(index) } : { class: `series-${index % 2}` });
  const filled = (index) => (many ? { fill: hue(index) } : { class: `dot-${index % 2}` });
  const dots = curve.series.map(({ values }, index) => {
    const points = values.map((value, i) => `${x(epochs[i]).toFixed(1)} ${y(value).toFixed(1)}`);
    const dot = make("circle", { ...filled(index), r: 4 });
    svg.append(make("path", { ...lined(index), d: `M${points.join("L")}` }), dot);
    return dot;
  });

  const numbers = curve.series.map(() => make("b"));
  const key = curve.series.map(({ name }, index) => {
    const line = make("path", { ...lined(index), d: "M1 5H27" });
    const sample = make("svg", { viewBox: "0 0 28 10", "aria-hidden": true }, line);
    return make("li", {}, sample, dots.length > 1 ? `${name} ` : "", numbers[index]);
  });
  const title = make("h3", {}, curve.title);
  parent.append(make("figure", { class: "chart" }, title, make("ul", { class: "key" }, ...key), svg));

  const point = (event) => {
    const box = svg.getBoundingClientRect();
    const at = ((event.clientX - box.left) / box.width) * WIDTH;
    const share = clamp((at - LEFT) / (WIDTH - LEFT - RIGHT), 0, 1);
    pick(first + share * (last - first));
  };
  svg.addEventListener("pointerdown", point);
  svg.addEventListener("pointermove", (event) => event.buttons && point(event));

  return (epoch) => {
    const index = epochs.findLastIndex((each) => each <= epoch);
    const known = index >= 0; // an evaluation may come later
    for (const mark of [cursor, ...dots]) mark.style.display = known ? "" : "none";
    for (const number of numbers) number.textContent = "–";
    if (!known) return;
    cursor.setAttribute("x1", x(epochs[index]));
    cursor.setAttribute("x2", x(epochs[index]));
    curve.series.forEach(({ values }, which) => {
      dots[which].setAttribute("cx", x(epochs[index]));
      dots[which].setAttribute("cy", y(values[index]));
      numbers[which].textContent = say(values[index], decimals);
    });
  };
}
