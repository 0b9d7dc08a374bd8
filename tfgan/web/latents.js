// Latents: the same numbers for the same seed as `python -m tfgan.sample`, and ways between them.

/** High and low 32 bits of a product of two uint32. */
function multiply(a, b) {
  const low = (a & 0xffff) * (b & 0xffff);
  const middle = (a >>> 16) * (b & 0xffff) + (low >>> 16);
  const other = (a & 0xffff) * (b >>> 16) + (middle & 0xffff);
  const high = (a >>> 16) * (b >>> 16) + Math.floor(middle / 0x10000) + (other >>> 16);
  return [high >>> 0, Math.imul(a, b) >>> 0];
}

/** Philox4x32-10 (Salmon et al. 2011): four uint32 from a counter of four and a key of two. */
function philox([c0, c1, c2, c3], [k0, k1]) {
  for (let round = 0; round < 10; round++) {
    const [high0, low0] = multiply(0xd2511f53, c0);
    const [high2, low2] = multiply(0xcd9e8d57, c2);
    [c0, c1, c2, c3] = [(high2 ^ c1 ^ k0) >>> 0, low2, (high0 ^ c3 ^ k1) >>> 0, low0];
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** TensorFlow's uniform float32 in [0, 1) from the low 23 bits. */
const unitFloat = (bits) => (bits & 0x7fffff) / 0x800000;

/** Two normal numbers from two uint32 (Box & Muller 1958), rounded where TensorFlow rounds. */
function boxMuller(a, b) {
  const { fround } = Math;
  const logarithm = fround(Math.log(Math.max(unitFloat(a), fround(1e-7))));
  const radius = fround(Math.sqrt(fround(-2 * logarithm)));
  const angle = fround(2 * Math.PI * unitFloat(b));
  return [radius * fround(Math.sin(angle)), radius * fround(Math.cos(angle))];
}

const uniform = (half) => (bits) =>
  bits.map((word) => (2 * unitFloat(word) - 1) * Math.fround(half));

// By the names of `tfgan.noise`: four numbers from four uint32.
const DISTRIBUTIONS = {
  normal: ([a, b, c, d]) => [...boxMuller(a, b), ...boxMuller(c, d)],
  uniform: uniform(1),
  uniform_sqrt3: uniform(Math.sqrt(3)),
};

/**
 * What `tf.random.stateless_normal((count, size), seed=(stream, seed), alg="philox")` draws, to
 * float32's rounding of logarithm and sine; or its like for another distribution.
 */
function drawLatents(stream, seed, count, size, distribution) {
  const words = (number) => [number >>> 0, Math.floor(number / 2 ** 32)];
  const mix = philox([...words(stream), ...words(seed)], [0x3ec8f720, 0x02461e29]);
  const z = new Float32Array(count * size);
  for (let i = 0; i < z.length; i += 4) {
    const four = DISTRIBUTIONS[distribution](philox([i / 4, 0, mix[2], mix[3]], [mix[0], mix[1]]));
    z.set(four.slice(0, z.length - i), i);
  }
  return z;
}

/**
 * The class that a latent falls to by the classes' shares, as `tfgan.noise.by_share` of `unit_of`;
 * `ends` is where the share of each class but the last ends.
 */
function classOf(z, ends) {
  let turns = 0;
  z.forEach((value, place) => {
    const steps = Math.floor(value * 4096);
    const part = steps - 4096 * Math.floor(steps / 4096);
    turns = (turns + part * ((40503 * (2 * place + 1)) % 65536)) % 65536;
  });
  return ends.filter((end) => turns / 65536 >= end).length;
}

/**
 * The point at `fraction` of the great circle from a to b (Shoemake 1985), as
 * `tfgan.sampling.slerp`: a straight line would pass through lengths that hardly ever occur.
 */
function slerp(a, b, fraction) {
  const dot = (u, v) => u.reduce((sum, value, i) => sum + value * v[i], 0);
  const cosine = dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
  const angle = Math.acos(Math.min(Math.max(cosine, -1), 1));
  const [p, q] =
    Math.sin(angle) < 1e-6
      ? [1 - fraction, fraction]
      : [1 - fraction, fraction].map((part) => Math.sin(part * angle) / Math.sin(angle));
  return a.map((value, i) => p * value + q * b[i]);
}
