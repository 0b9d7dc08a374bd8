// The search for the latent whose picture is nearest to a drawing.

const CANDIDATES = 256; // pictures that it may begin at, of all classes together
const STARTS = 4; // of them, where there are no classes; of each class one
const PLAN = [[10, 10], [3, 10], [1, 80]]; // how many of them go on, and for how many steps
const KEPT = 10; // moves that the curvature is told from
const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);

/** Latents, and what keeps one where they are: in its length, and in each of its numbers. */
function makeLatents() {
  const size = DATA.latentSize;
  const all = drawLatents(DATA.stream, 0, CANDIDATES, size, DATA.distribution);
  const latents = Array.from({ length: CANDIDATES }, (_, n) => all.slice(n * size, (n + 1) * size));
  const lengths = latents.map((z) => Math.sqrt(dot(z, z)));
  const [shortest, longest] = [Math.min(...lengths), Math.max(...lengths)];
  const largest = all.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const inside = (z) => {
    const length = Math.sqrt(dot(z, z));
    const factor = clamp(length, shortest, longest) / length;
    return z.map((value) => clamp(factor * value, -largest, largest));
  };
  return { latents, inside };
}

/** The mean squared difference of pictures in [-1, 1], as of pixels in [0, 1]. */
function difference(pixels, target) {
  let sum = 0;
  for (let i = 0; i < target.length; i++) sum += (pixels[i] - target[i]) ** 2;
  return sum / (4 * target.length);
}

/** The difference of the picture of z as a class from a target, and its gradient by z. */
function differenceOf(z, label, target) {
  const [pixels, back] = pull(DATA.layers, z, 1, oneHot([label]));
  const upstream = pixels.map((value, i) => (value - target[i]) / (2 * target.length));
  return { value: difference(pixels, target), gradient: back(upstream), pixels };
}

/** L-BFGS (Nocedal 1980) from one latent: a step is one picture and its gradient. */
class Descent {
  constructor(z, label, target, inside) {
    Object.assign(this, { z, label, target, inside, moves: [], turns: [] });
    Object.assign(this, differenceOf(z, label, target));
    this.aim();
  }

  /** Aims by the gradient, and by how it turned in the last moves. */
  aim() {
    const { moves, turns } = this;
    let way = Float64Array.from(this.gradient);
    const parts = [];
    for (let k = moves.length - 1; k >= 0; k--) {
      parts[k] = dot(moves[k], way) / dot(moves[k], turns[k]);
      way = way.map((value, i) => value - parts[k] * turns[k][i]);
    }
    const last = moves.length - 1;
    const scale = moves.length
      ? dot(moves[last], turns[last]) / dot(turns[last], turns[last])
      : 1 / Math.max(Math.sqrt(dot(way, way)), 1e-30);
    way = way.map((value) => scale * value);
    for (let k = 0; k < moves.length; k++) {
      const part = parts[k] - dot(turns[k], way) / dot(moves[k], turns[k]);
      way = way.map((value, i) => value + part * moves[k][i]);
    }
    this.way = way;
    this.length = Math.min(1, 3 / Math.sqrt(dot(way, way))); // no further than 3 at once
  }

  /** Goes a step, if that comes nearer; the next one is shorter otherwise. */
  step() {
    const z = this.inside(this.z.map((value, i) => value - this.length * this.way[i]));
    const next = differenceOf(z, this.label, this.target);
    if (!(next.value < this.value)) {
      this.length *= 0.4;
      if (this.length > 1e-3) return;
      Object.assign(this, { moves: [], turns: [] }); // they mislead here
      this.aim();
      return;
    }
    const move = Float64Array.from(z, (value, i) => value - this.z[i]);
    const turn = Float64Array.from(next.gradient, (value, i) => value - this.gradient[i]);
    if (dot(move, turn) > 0) {
      this.moves = [...this.moves, move].slice(-KEPT);
      this.turns = [...this.turns, turn].slice(-KEPT);
    }
    Object.assign(this, next, { z });
    this.aim();
  }
}

/** Searches as generator functions: each does a little, yields the nearest so far, and goes on. */
function makeSearch() {
  const { latents, inside } = makeLatents();
  const labels = DATA.classes.length ? DATA.present : [0];
  const each = Math.max(Math.floor(CANDIDATES / labels.length), STARTS);
  const candidates = labels.flatMap((label) =>
    latents.slice(0, each).map((z) => ({ z, label, told: oneHot([label]) })),
  );
  const nearest = (found) => found.toSorted((a, b) => a.value - b.value);

  /** Draws what the searches begin at, which is done once. */
  function* prepare() {
    for (const candidate of candidates) {
      candidate.pixels ??= generate(candidate.z, 1, candidate.told);
      yield null;
    }
  }

  /** Gives `{ z, label, value, pixels }`, the nearest so far, and `random`, where it began. */
  function* search(target) {
    yield* prepare();
    for (const candidate of candidates) candidate.value = difference(candidate.pixels, target);
    const starts = labels.flatMap((label) =>
      nearest(candidates.filter((candidate) => candidate.label === label)).slice(
        0,
        labels.length > 1 ? 1 : STARTS,
      ),
    );
    const random = nearest(starts)[0].value;
    let found = nearest(starts).slice(0, PLAN[0][0]);
    found = found.map(({ z, label }) => new Descent(z, label, target, inside));
    const best = () => ({ ...nearest(found)[0], random });
    for (const [count, steps] of PLAN) {
      found = nearest(found).slice(0, count);
      for (let step = 0; step < steps; step++) {
        for (const descent of found) {
          descent.step();
          yield best();
        }
      }
    }
    return best();
  }
  return { prepare, search };
}
