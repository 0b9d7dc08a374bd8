// Part "draw": a pad, and what the generator has nearest to what is drawn on it.

{
  const FINER = Math.max(1, Math.round(280 / WIDTH_PX)); // the pad's pixels for one of a picture
  const LINE = 0.11; // width of the pen's line, in parts of the pad's
  const BOX = 20 / 28; // of a picture: MNIST's digits fit in, whatever their size was
  const PAUSE = 250; // milliseconds without a change, until the search begins
  const [INK, PAPER] = DATA.light ? ["#000", "#fff"] : ["#fff", "#000"];

  const pad = byId("paper");
  const paper = pad.querySelector("canvas");
  const small = make("canvas");
  Object.assign(paper, { width: WIDTH_PX * FINER, height: HEIGHT_PX * FINER });
  Object.assign(small, { width: WIDTH_PX, height: HEIGHT_PX });
  const [ink, scaled] = [paper, small].map((canvas) =>
    canvas.getContext("2d", { willReadFrequently: true }),
  );
  const drawn = new Sheet(byId("drawn"), 1, 1, 0);
  const version = new Sheet(byId("found"), 1, 1, 0);
  const { prepare, search } = makeSearch();

  const blank = new Float32Array(WIDTH_PX * HEIGHT_PX).fill(DATA.light ? 1 : -1);

  // The search, in parts, so that the pointer never waits.

  let job = null, pending = null; // what is being done, and what is about to be
  const busy = () => pad.setAttribute("aria-busy", Boolean(job || pending));

  /** Does what a generator function does, in place of what was being done. */
  const run = (steps, each, end) => {
    const mine = (job = steps);
    const work = () => {
      if (mine !== job) return;
      const begin = performance.now();
      let last;
      do last = steps.next();
      while (!last.done && performance.now() - begin < BUDGET);
      if (last.value) each(last.value);
      if (last.done) job = null;
      if (last.done) end?.();
      else requestAnimationFrame(work);
      busy();
    };
    requestAnimationFrame(work);
    busy();
  };

  let found = null;
  const show = (nearest) => {
    found = nearest;
    version.put(0, found ? found.pixels : blank);
    byId("walk-from").disabled = !found;
    const named = found && DATA.classes.length ? `, as class ${DATA.classes[found.label]}` : "";
    const [mine, random] = found ? [found.value, found.random].map(Math.sqrt) : [];
    const far = found
      ? ` Distance ${say(mine, 3)}; the nearest of the random images is at ${say(random, 3)}.`
      : "";
    byId("found-caption").textContent = `The generator's version${named}.${far}`;
  };

  /** Looks for what is on the pad, once nothing has changed for a while. */
  const look = () => {
    run(prepare()); // while the reader draws
    clearTimeout(pending);
    byId("draw-said").textContent = "";
    pending = setTimeout(() => {
      pending = null;
      const target = picture();
      drawn.put(0, target ?? blank);
      if (!target) show(null);
      const begin = performance.now();
      const seconds = () => say((performance.now() - begin) / 1000, 1);
      const end = () => (byId("draw-said").textContent = `Found in ${seconds()} s.`);
      run(target ? search(target) : prepare(), show, target && end);
    }, PAUSE);
  };

  // From the pad to pixels.

  const levels = (context, { width, height }) => {
    const { data } = context.getImageData(0, 0, width, height);
    return Float32Array.from({ length: width * height }, (_, i) => data[4 * i] / 127.5 - 1);
  };

  /** Where the ink is: the box around it, and its centre of mass. */
  const inked = () => {
    const { width, height } = paper;
    let [left, top, right, bottom, mass, across, along] = [width, height, 0, 0, 0, 0, 0];
    levels(ink, paper).forEach((level, i) => {
      const weight = (DATA.light ? 1 - level : 1 + level) / 2;
      if (weight < 0.1) return;
      const [x, y] = [i % width, Math.floor(i / width)];
      [left, right] = [Math.min(left, x), Math.max(right, x + 1)];
      [top, bottom] = [Math.min(top, y), Math.max(bottom, y + 1)];
      mass += weight;
      across += weight * (x + 0.5);
      along += weight * (y + 0.5);
    });
    return mass ? { left, top, right, bottom, x: across / mass, y: along / mass } : null;
  };

  /** The drawing as a picture, pixels in [-1, 1]; null if there is none. */
  const picture = () => {
    const where = inked();
    scaled.fillStyle = PAPER;
    scaled.fillRect(0, 0, WIDTH_PX, HEIGHT_PX);
    scaled.imageSmoothingQuality = "high";
    if (where) {
      const extent = Math.max(where.right - where.left, where.bottom - where.top);
      // Not a dot as large as a digit.
      const scale = DATA.centred ? Math.min((BOX * WIDTH_PX) / extent, 2 / FINER) : 1 / FINER;
      const [x, y] = DATA.centred ? [where.x, where.y] : [paper.width / 2, paper.height / 2];
      scaled.setTransform(scale, 0, 0, scale, WIDTH_PX / 2 - scale * x, HEIGHT_PX / 2 - scale * y);
      scaled.drawImage(paper, 0, 0);
      scaled.resetTransform();
    }
    return where && levels(scaled, small);
  };

  // What the reader does.

  const line = (from, to) => {
    Object.assign(ink, { strokeStyle: INK, lineWidth: LINE * paper.width, lineCap: "round" });
    ink.beginPath();
    ink.moveTo(from.x, from.y);
    ink.lineTo(to.x + 0.01, to.y); // a dot has a length too
    ink.stroke();
    look();
  };

  const clear = () => {
    ink.fillStyle = PAPER;
    ink.fillRect(0, 0, paper.width, paper.height);
    drawn.put(0, blank);
    show(null);
  };

  let pen = { x: paper.width / 2, y: paper.height / 2 };
  let down = false; // the keyboard's
  const move = (to) => {
    if (down) line(pen, to);
    pen = to;
    const point = pad.querySelector(".point");
    point.style.left = `${(100 * pen.x) / paper.width}%`;
    point.style.top = `${(100 * pen.y) / paper.height}%`;
    point.classList.toggle("down", down);
  };

  onPoint(pad, (across, along, begins) => {
    const to = { x: across * paper.width, y: along * paper.height };
    down = false;
    line(begins ? to : pen, to);
    move(to);
  });
  onArrows(pad, (right, below, far) => {
    const step = FINER * (far ? 4 : 1);
    move({
      x: clamp(pen.x + step * right, 0, paper.width),
      y: clamp(pen.y + step * below, 0, paper.height),
    });
  });
  pad.addEventListener("keydown", (event) => {
    if (event.key !== " ") return;
    event.preventDefault();
    if (event.repeat) return;
    down = !down;
    move(pen);
    byId("draw-said").textContent = down ? "The pen is down." : "The pen is up.";
  });
  byId("clear").addEventListener("click", () => {
    clear();
    look();
  });
  byId("walk-from").addEventListener("click", () =>
    dispatchEvent(new CustomEvent("walk", { detail: found })),
  );

  byId("drawn-caption").textContent =
    `The drawing in ${WIDTH_PX} × ${HEIGHT_PX} pixels` +
    (DATA.centred ? ", as large and as central as the digits of MNIST." : ".");
  move(pen);
  clear();
  new IntersectionObserver(([{ isIntersecting }], observer) => {
    if (!isIntersecting) return;
    observer.disconnect();
    run(prepare()); // the search needs it, and takes less than half the time with it
  }).observe(pad);
}
