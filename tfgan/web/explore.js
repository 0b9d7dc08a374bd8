// Part "explore": sheets of pictures that follow one state, which the URL's hash holds.

{
  const COUNT = DATA.count, COLUMNS = 8, MAP = 7, STRIP = 9;
  const REACH = 4; // how far the sliders and the pad go

  const axes = floats(DATA.directions);
  const size = DATA.latentSize, directions = axes.length / size;
  const ends = floats(DATA.ends), ANY = -1;

  /**
   * The pictures of a seed, of a class or each of one by their shares; the first from a latent that
   * was found, if there is one.
   */
  const draw = (seed, asked, found) => {
    const latents = drawLatents(DATA.stream, seed, COUNT, size, DATA.distribution);
    return Array.from({ length: COUNT }, (_, i) => {
      const z = found && !i ? found : latents.slice(i * size, (i + 1) * size);
      const label = asked === ANY ? classOf(z, ends) : asked;
      return { z, label, told: oneHot([label]) };
    });
  };

  const start = () => ({
    seed: 1, asked: ANY, found: null, pick: 0, offsets: new Array(directions).fill(0),
    from: 9, fromClass: ANY, to: 54, toClass: ANY, fraction: 0.5,
  });
  let state = start();
  let base = draw(state.seed, state.asked, state.found);

  /** A picture, its latent moved along the directions. */
  const moved = ({ z, ...rest }, offsets = state.offsets) => {
    const y = z.slice();
    offsets.forEach((offset, k) => {
      if (offset) for (let i = 0; i < size; i++) y[i] += offset * axes[k * size + i];
    });
    return { ...rest, z: y };
  };

  /** Between two pictures, of both of which one is told: a straight line between classes. */
  const mixed = (a, b, fraction) => ({
    z: slerp(a.z, b.z, fraction),
    label: b.label,
    told: a.told.map((weight, c) => (1 - fraction) * weight + fraction * b.told[c]),
  });

  const onMap = (cell) => {
    const offsets = state.offsets.slice();
    offsets[0] = REACH * ((2 * (cell % MAP) + 1) / MAP - 1);
    if (directions > 1) offsets[1] = REACH * (1 - (2 * Math.floor(cell / MAP) + 1) / MAP);
    return moved(base[state.pick], offsets);
  };
  /** An end of the way between two, perhaps as another class. */
  const end = (index, label) => {
    const picture = moved(base[index]);
    return label === ANY ? picture : { ...picture, label, told: oneHot([label]) };
  };
  const between = (fraction) =>
    mixed(end(state.from, state.fromClass), end(state.to, state.toClass), fraction);
  const gridCanvas = byId("grid").querySelector("canvas");
  const padCanvas = byId("pad").querySelector("canvas");
  const one = new Sheet(byId("one"), 1, 1, 0, () => moved(base[state.pick]));
  const grid = new Sheet(gridCanvas, COLUMNS, COUNT / COLUMNS, 2, (i) => moved(base[i]));
  const middle = new Sheet(byId("between"), 1, 1, 0, () => between(state.fraction));
  const strip = new Sheet(byId("strip"), STRIP, 1, 2, (i) => between(i / (STRIP - 1)));
  const map = new Sheet(padCanvas, MAP, MAP, 0, onMap);
  const sheets = [one, middle, grid, strip, map];
  const redraw = makeDrawer(sheets);
  let journey = 0; // counts the moves to other latents; a new one ends the one before

  // From the state to what is shown.

  const sliders = Array.from({ length: directions }, (_, k) => {
    const input = make("input", { type: "range", min: -REACH, max: REACH, step: 0.05 });
    input.setAttribute("aria-label", `Direction ${k + 1}`);
    const output = make("output");
    byId("sliders").append(make("label", {}, String(k + 1), input, output));
    input.addEventListener("input", () => walk(k, Number(input.value)));
    return { input, output };
  });

  const marks = ["from", "to", "pick"].map((name) => {
    const mark = make("div", { class: name === "pick" ? "mark" : "mark end" });
    if (name !== "pick") mark.append(make("span", {}, name === "from" ? "from" : "to"));
    byId("grid").append(mark);
    return [name, mark];
  });

  const place = (mark, index) => {
    const { width, height } = gridCanvas;
    mark.style.left = `${((index % COLUMNS) * (WIDTH_PX + 2) * 100) / width}%`;
    mark.style.top = `${(Math.floor(index / COLUMNS) * (HEIGHT_PX + 2) * 100) / height}%`;
    mark.style.width = `${((WIDTH_PX + 4) * 100) / width}%`;
    mark.style.height = `${((HEIGHT_PX + 4) * 100) / height}%`;
  };

  const pickers = { class: "asked", "from-class": "fromClass", "to-class": "toClass" };
  for (const id of DATA.classes.length ? Object.keys(pickers) : []) {
    const any = id === "class" ? "random" : "its own class";
    for (const label of [ANY, ...DATA.present]) {
      byId(id).append(make("option", { value: label }, DATA.classes[label] ?? any));
    }
    byId(id).closest("label").hidden = false;
  }
  const classOfPicture = (label) => (DATA.classes.length ? `, class ${DATA.classes[label]}` : "");

  const show = () => {
    const { seed, asked, found, pick, offsets, from, to, fraction } = state;
    const number = `picture ${pick + 1}`;
    const drawing = found && !pick;
    byId("seed").value = seed;
    for (const [id, name] of Object.entries(pickers)) byId(id).value = state[name];
    const name = drawing ? "The image found" : `Picture ${pick + 1}`;
    byId("one-caption").textContent = `${name}${classOfPicture(base[pick].label)}`;
    byId("one").setAttribute("aria-label", `${drawing ? name : `${name} of seed ${seed}`}, enlarged`);
    byId("grid").setAttribute("aria-valuenow", pick + 1);
    byId("grid").setAttribute("aria-valuemax", COUNT);
    byId("grid").setAttribute("aria-valuetext", `${number} of ${COUNT}`);
    for (const [name, mark] of marks) place(mark, state[name]);
    sliders.forEach(({ input, output }, k) => {
      input.value = offsets[k];
      output.textContent = say(offsets[k], 2);
    });
    const [across, up] = [offsets[0], offsets[1] ?? 0];
    const point = byId("pad").querySelector(".point");
    point.style.left = `${50 + (50 * across) / REACH}%`;
    point.style.top = `${50 - (50 * up) / REACH}%`;
    byId("pad").setAttribute("aria-valuemin", -REACH);
    byId("pad").setAttribute("aria-valuemax", REACH);
    byId("pad").setAttribute("aria-valuenow", across);
    byId("pad").setAttribute("aria-valuetext", `${say(across, 2)} across, ${say(up, 2)} up`);
    byId("from").value = from + 1;
    byId("to").value = to + 1;
    byId("fraction").value = fraction;
    const way = `pictures ${from + 1} and ${to + 1}`;
    byId("between").setAttribute("aria-label", `${say(100 * fraction)} % between ${way}`);
    byId("strip").setAttribute("aria-label", `${STRIP} pictures between ${way}`);
    const label = asked === ANY ? "" : ` --label=${asked}`;
    const words = unbroken(`python -m tfgan.sample --n=${COUNT} --seed=${seed}${label}`);
    const command = make("code", {}, ...words);
    const same = found || offsets.some(Boolean) ? [] : ["Same images as ", command, "."];
    byId("in-python").replaceChildren(...same);
    remember();
  };

  // The state and the hash.

  const toHash = () => {
    const { seed, asked, found, pick, offsets, from, fromClass, to, toClass, fraction } = state;
    const last = offsets.findLastIndex(Boolean);
    const parts = [`seed=${seed}`];
    if (asked !== ANY) parts.push(`class=${asked}`);
    if (found) parts.push(`found=${found.join(",")}`);
    if (pick) parts.push(`pick=${pick + 1}`);
    if (last >= 0) parts.push(`walk=${offsets.slice(0, last + 1).join(",")}`);
    if (from !== start().from || to !== start().to) parts.push(`from=${from + 1}`, `to=${to + 1}`);
    if (fromClass !== ANY) parts.push(`from-class=${fromClass}`);
    if (toClass !== ANY) parts.push(`to-class=${toClass}`);
    if (fraction !== 0.5) parts.push(`at=${fraction}`);
    return `#${parts.join("&")}`;
  };

  const fromHash = () => {
    const found = new URLSearchParams(location.hash.slice(1));
    const read = (name, otherwise, low, high) => {
      const value = Number(found.get(name) ?? NaN);
      return Number.isFinite(value) ? clamp(value, low, high) : otherwise;
    };
    const whole = (name, otherwise) => Math.round(read(name, otherwise + 1, 1, COUNT)) - 1;
    const label = (name) => {
      const asked = Number(found.get(name) ?? ANY);
      return DATA.present.includes(asked) ? asked : ANY;
    };
    const fresh = start();
    const walks = (found.get("walk") ?? "").split(",");
    const latent = (found.get("found") ?? "").split(",").map(Number);
    return {
      seed: Math.floor(read("seed", fresh.seed, 0, Number.MAX_SAFE_INTEGER)),
      asked: label("class"),
      found: latent.length === size && latent.every(Number.isFinite) ? latent : null,
      pick: whole("pick", fresh.pick),
      offsets: fresh.offsets.map((_, k) => clamp(Number(walks[k]) || 0, -REACH, REACH)),
      from: whole("from", fresh.from),
      fromClass: label("from-class"),
      to: whole("to", fresh.to),
      toClass: label("to-class"),
      fraction: read("at", fresh.fraction, 0, 1),
    };
  };

  const writeHash = () => {
    try {
      history.replaceState(null, "", toHash());
    } catch {
      // Inside a notebook the page has no address of its own.
    }
  };

  // A burst of changes writes the hash once: browsers allow about a hundred in ten seconds.
  let pending;
  const remember = () => {
    clearTimeout(pending);
    pending = setTimeout(writeHash, 150);
  };

  const open = () => {
    state = fromHash();
    base = draw(state.seed, state.asked, state.found);
    show();
    redraw(...sheets);
  };
  addEventListener("hashchange", () => {
    journey++;
    open();
  });

  // What the reader does.

  const walk = (k, value) => {
    state.offsets[k] = clamp(Math.round(value * 100) / 100, -REACH, REACH);
    show();
    redraw(one, grid, middle, strip, ...(k > 1 ? [map] : []));
  };

  const choose = (index) => {
    state.pick = clamp(index, 0, COUNT - 1);
    show();
    redraw(one, map);
  };

  /** Goes over to other latents or another class, on great circles if things may move. */
  const travel = (seed, offsets, asked = state.asked, found = null) => {
    // What is shown is `base` moved by the offsets, which change at once: `before` makes up for it.
    const jump = offsets.map((offset, k) => state.offsets[k] - offset);
    const before = base.map((picture) => moved(picture, jump));
    const after = draw(seed, asked, found);
    const mine = ++journey, begin = performance.now(), milliseconds = calm() ? 0 : 700;
    Object.assign(state, { seed, offsets, asked, found });
    const step = () => {
      if (mine !== journey) return;
      const passed = milliseconds ? (performance.now() - begin) / milliseconds : 1;
      const eased = passed * passed * (3 - 2 * passed);
      base = passed < 1 ? after.map((picture, i) => mixed(before[i], picture, eased)) : after;
      redraw(...sheets);
      if (passed < 1) requestAnimationFrame(step);
    };
    step();
    show();
  };

  byId("surprise").addEventListener("click", () =>
    travel(Math.floor(Math.random() * 1e6), start().offsets),
  );
  byId("home").addEventListener("click", () =>
    travel(state.seed, start().offsets, state.asked, state.found),
  );
  byId("seed").addEventListener("change", ({ target }) => {
    const seed = Math.floor(Number(target.value));
    travel(clamp(seed, 0, Number.MAX_SAFE_INTEGER) || 0, state.offsets);
  });

  byId("class").addEventListener("change", ({ target }) =>
    travel(state.seed, state.offsets, Number(target.value), state.found),
  );

  // What "draw" has found takes the place of the first picture; the address has its numbers.
  addEventListener("walk", ({ detail: { z, label } }) => {
    state.pick = 0;
    const found = Array.from(z, (value) => Math.round(100 * value) / 100);
    travel(state.seed, start().offsets, DATA.classes.length ? label : ANY, found);
    byId("one").scrollIntoView({ block: "center", behavior: calm() ? "auto" : "smooth" });
    byId("pad").focus({ preventScroll: true });
  });

  byId("share").addEventListener("click", async () => {
    const link = location.href.split("#")[0] + toHash();
    writeHash();
    try {
      await navigator.clipboard.writeText(link);
      byId("said").textContent = "Copied.";
    } catch {
      byId("said").textContent = "The link is in the address bar.";
    }
  });

  onArrows(byId("grid"), (right, down) => choose(state.pick + right + COLUMNS * down));
  byId("grid").addEventListener("click", (event) => {
    const box = gridCanvas.getBoundingClientRect();
    const cell = (at, from, length, count) => clamp(Math.floor(((at - from) / length) * count), 0, count - 1);
    const row = cell(event.clientY, box.top, box.height, COUNT / COLUMNS);
    choose(row * COLUMNS + cell(event.clientX, box.left, box.width, COLUMNS));
  });

  const movePad = (across, up) => {
    walk(0, across);
    if (directions > 1) walk(1, up);
  };
  onArrows(byId("pad"), (right, down, far) => {
    const step = far ? 1 : 0.1;
    movePad(state.offsets[0] + step * right, (state.offsets[1] ?? 0) - step * down);
  });
  onPoint(byId("pad"), (x, y) => movePad(REACH * (2 * x - 1), REACH * (1 - 2 * y)));

  for (const name of ["from", "to"]) {
    byId(name).max = COUNT;
    byId(name).addEventListener("change", ({ target }) => {
      state[name] = clamp(Math.round(Number(target.value)) || 1, 1, COUNT) - 1;
      show();
      redraw(middle, strip);
    });
  }
  for (const name of ["from-class", "to-class"]) {
    byId(name).addEventListener("change", ({ target }) => {
      state[pickers[name]] = Number(target.value);
      show();
      redraw(middle, strip);
    });
  }
  const setFraction = (fraction) => {
    state.fraction = Math.round(fraction * 1000) / 1000;
    show();
    redraw(middle);
  };
  let forth = true;
  const { stop } = player(byId("between-play"), (seconds) => {
    const next = state.fraction + (forth ? 1 : -1) * (calm() ? 1 / (STRIP - 1) : seconds / 3);
    if (next <= 0 || next >= 1) forth = next <= 0;
    setFraction(clamp(next, 0, 1));
  });
  byId("fraction").addEventListener("input", ({ target }) => {
    stop();
    setFraction(Number(target.value));
  });

  byId("lede").textContent =
    `A GAN's generator${DATA.dataset ? ` trained on ${DATA.dataset}` : ""}: ` +
    `${say(DATA.parameters)} parameters turn ${say(size)} random numbers ` +
    `${DATA.classes.length ? "and a class " : ""}into an image. They are in this ` +
    `file, and your browser draws everything below with them` +
    `${byId("draw") ? ". Further down, draw a picture, and the generator finds its nearest image" : ""}.`;

  open();
}
