// The generator: the layers that `tfgan/exports/page.py` describes, over typed arrays.
//
// A batch is one Float32Array: pictures one after the other, each in Keras' order (height,
// width, channels). Sums are kept in double precision and rounded once, when they are stored.

/** float32 numbers from base64. */
function floats(base64) {
  return new Float32Array(bytesOf(base64).buffer); // little-endian, as every browser's machine is
}

/** The sum of `count` products of numbers from a[i] and b[j] on: four sums that wait for no other. */
function product(a, i, b, j, count) {
  let s0 = 0, s1 = 0, s2 = 0, s3 = 0;
  const end = i + count;
  for (; i + 4 <= end; i += 4, j += 4) {
    s0 += a[i] * b[j];
    s1 += a[i + 1] * b[j + 1];
    s2 += a[i + 2] * b[j + 2];
    s3 += a[i + 3] * b[j + 3];
  }
  for (; i < end; i++, j++) s0 += a[i] * b[j];
  return s0 + s1 + s2 + s3;
}

/** x (batch, inputs) times a kernel kept as (units, inputs), plus a bias. */
function dense({ inputs, units, kernel, bias }, x, batch) {
  const y = new Float32Array(batch * units);
  let row = 0;
  // Four pictures at a time read each weight once; side by side, they are read in order too.
  for (; row + 4 <= batch; row += 4) {
    const four = new Float64Array(4 * inputs);
    for (let n = 0; n < 4; n++) {
      for (let i = 0; i < inputs; i++) four[4 * i + n] = x[(row + n) * inputs + i];
    }
    for (let unit = 0, w = 0; unit < units; unit++) {
      let s0 = bias[unit], s1 = s0, s2 = s0, s3 = s0;
      for (let i = 0; i < four.length; i += 4) {
        const weight = kernel[w++];
        s0 += weight * four[i];
        s1 += weight * four[i + 1];
        s2 += weight * four[i + 2];
        s3 += weight * four[i + 3];
      }
      const sums = [s0, s1, s2, s3];
      for (let n = 0; n < 4; n++) y[(row + n) * units + unit] = sums[n];
    }
  }
  for (; row < batch; row++) {
    for (let unit = 0; unit < units; unit++) {
      const sum = product(kernel, unit * inputs, x, row * inputs, inputs);
      y[row * units + unit] = bias[unit] + sum;
    }
  }
  return y;
}

/**
 * A convolution or, `transposed`, its gradient; the kernel is kept as (rows, columns, outputs,
 * inputs). A transposed one is read backwards: which inputs does this output hear?
 */
function convolution(layer, x, batch) {
  const { from, to, size, strides, before, transposed, kernel, bias } = layer;
  const [height, width, inputs] = from;
  const [rows, columns, outputs] = to;
  const y = new Float32Array(batch * rows * columns * outputs);
  const source = (out, tap, axis) => {
    if (!transposed) return out * strides[axis] + tap - before[axis];
    const far = out + before[axis] - tap;
    return far % strides[axis] ? -1 : far / strides[axis];
  };
  const sums = new Float64Array(outputs);
  for (let picture = 0; picture < batch; picture++) {
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        sums.set(bias);
        for (let down = 0; down < size[0]; down++) {
          const top = source(row, down, 0);
          if (top < 0 || top >= height) continue;
          for (let right = 0; right < size[1]; right++) {
            const left = source(column, right, 1);
            if (left < 0 || left >= width) continue;
            const first = ((picture * height + top) * width + left) * inputs;
            const tap = (down * size[1] + right) * outputs * inputs;
            for (let output = 0; output < outputs; output++) {
              sums[output] += product(kernel, tap + output * inputs, x, first, inputs);
            }
          }
        }
        y.set(sums, ((picture * rows + row) * columns + column) * outputs);
      }
    }
  }
  return y;
}

/** Repeats each pixel: Keras' UpSampling2D, nearest. */
function enlarge({ from, factor }, x, batch) {
  const [height, width, channels] = from;
  const [rows, columns] = [height * factor[0], width * factor[1]];
  const y = new Float32Array(batch * rows * columns * channels);
  for (let out = 0, line = 0; line < batch * rows; line++) {
    const picture = Math.floor(line / rows);
    const above = picture * height + Math.floor((line % rows) / factor[0]);
    for (let column = 0; column < columns; column++, out += channels) {
      const start = (above * width + Math.floor(column / factor[1])) * channels;
      y.set(x.subarray(start, start + channels), out);
    }
  }
  return y;
}

/** x times a scale plus an offset a channel: batch normalisation, or Rescaling. */
function affine({ scale, offset }, x) {
  const channels = scale.length;
  return x.map((value, i) => value * scale[i % channels] + offset[i % channels]);
}

/** What a batch's classes, weights (batch, classes), hear of a matrix of a row for each class. */
function mix(matrix, told, batch) {
  const classes = told.length / batch, size = matrix.length / classes;
  const y = new Float32Array(batch * size);
  for (let n = 0; n < batch; n++) {
    for (let i = 0; i < size; i++) {
      let sum = 0;
      for (let c = 0; c < classes; c++) sum += told[n * classes + c] * matrix[c * size + i];
      y[n * size + i] = sum;
    }
  }
  return y;
}

/** Puts an embedding of the class beside x. */
function beside({ embedding }, x, batch, told) {
  const added = mix(embedding, told, batch);
  const [before, width] = [x.length / batch, added.length / batch];
  const y = new Float32Array(x.length + added.length);
  for (let n = 0; n < batch; n++) {
    y.set(x.subarray(n * before, (n + 1) * before), n * (before + width));
    y.set(added.subarray(n * width, (n + 1) * width), n * (before + width) + before);
  }
  return y;
}

/** x times a scale plus an offset a channel, both of the class. */
function classAffine(layer, x, batch, told) {
  const [scale, offset] = [layer.scale, layer.offset].map((each) => mix(each, told, batch));
  const channels = scale.length / batch, each = x.length / batch;
  return x.map((value, i) => {
    const at = Math.floor(i / each) * channels + (i % channels);
    return value * scale[at] + offset[at];
  });
}

/** What `modulate` hears, (batch, classes + size): the classes, or 1 without any, and then z. */
function style(batch, told, z) {
  const [before, size] = [told.length / batch || 1, z.length / batch];
  const y = new Float32Array(batch * (before + size)).fill(1);
  for (let n = 0; n < batch; n++) {
    y.set(told.subarray(n * before, (n + 1) * before), n * (before + size));
    y.set(z.subarray(n * size, (n + 1) * size), n * (before + size) + before);
  }
  return y;
}

/** x times a scale plus an offset a channel, both of the class and z. */
function modulate(layer, x, batch, told, z) {
  return classAffine(layer, x, batch, style(batch, told, z));
}

/** The sum of what chains of layers make of the same x. */
function sum({ parts }, x, batch, told, z) {
  return parts
    .map((layers) => compute(layers, x, batch, told, z))
    .reduce((total, other) => total.map((value, i) => value + other[i]));
}

const ACTIVATIONS = {
  relu: (value) => Math.max(value, 0),
  leaky_relu: (value, slope) => (value > 0 ? value : slope * value),
  tanh: (value, factor) => Math.tanh(factor * value),
  sigmoid: (value) => 1 / (1 + Math.exp(-value)),
};

const LAYERS = {
  dense,
  convolution,
  enlarge,
  affine,
  beside,
  classAffine,
  modulate,
  sum,
  activation: ({ name, parameter }, x) => x.map((v) => ACTIVATIONS[name](v, parameter)),
};

/** One layer after the other; z is the latent, which some layers hear, too. */
function compute(layers, x, batch, told, z) {
  return layers.reduce((y, layer) => LAYERS[layer.kind](layer, y, batch, told, z), x);
}

/** Puts numbers where base64 was, in all layers. */
function decode(layers) {
  for (const layer of layers) {
    for (const name of ["kernel", "bias", "scale", "offset", "embedding"]) {
      if (name in layer) layer[name] = floats(layer[name]);
    }
    for (const part of layer.parts ?? []) decode(part);
  }
}

/**
 * The generator as a function: latents (batch, size), and weights of the classes (batch, classes),
 * to pixels in [-1, 1].
 */
function makeGenerator(layers) {
  decode(layers);
  return (latents, batch, told) => compute(layers, latents, batch, told, latents);
}

/** Weights (batch, classes) that name one class each; none where there are no classes. */
function oneHot(labels) {
  const classes = DATA.classes.length;
  const told = new Float32Array(labels.length * classes);
  if (classes) labels.forEach((label, n) => (told[n * classes + label] = 1));
  return told;
}

const generate = makeGenerator(DATA.layers);

/** A pixel in [-1, 1] to a byte, as `tfgan.ground.pictures.to_uint8` does. */
function toByte(pixel) {
  const unit = Math.min(Math.max((pixel + 1) / 2, 0), 1);
  return Math.floor(unit * 255 + 0.5);
}
