// The gradient of what the generator draws, by its latent: each layer of `network.js` backwards.

/** A matrix (rows, columns) of blocks of `size` numbers, as (columns, rows). */
function transposed(matrix, rows, columns, size = 1) {
  const y = new Float32Array(matrix.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const from = (row * columns + column) * size;
      y.set(matrix.subarray(from, from + size), (column * rows + row) * size);
    }
  }
  return y;
}

/** The kernel (rows, columns, outputs, inputs) of a convolution, inputs before outputs. */
function swapped({ kernel, size, from, to }) {
  const [taps, each] = [size[0] * size[1], from[2] * to[2]];
  const y = new Float32Array(kernel.length);
  for (let tap = 0; tap < taps; tap++) {
    const part = kernel.subarray(tap * each, (tap + 1) * each);
    y.set(transposed(part, to[2], from[2]), tap * each);
  }
  return y;
}

// The layer that takes a gradient back through a linear one: the same kind, by the transpose.
const TRANSPOSES = {
  dense: (layer) => ({
    ...layer,
    inputs: layer.units,
    units: layer.inputs,
    kernel: transposed(layer.kernel, layer.units, layer.inputs),
    bias: new Float32Array(layer.inputs),
  }),
  convolution: (layer) => ({
    ...layer,
    from: layer.to,
    to: layer.from,
    transposed: !layer.transposed,
    kernel: swapped(layer),
    bias: new Float32Array(layer.from[2]),
  }),
  affine: (layer) => ({ ...layer, offset: layer.offset.map(() => 0) }),
  classAffine: (layer) => ({ ...layer, offset: layer.offset.map(() => 0) }),
};

/** The sum of each pixel's copies. */
function shrink({ from, factor }, dy, batch) {
  const [height, width, channels] = from;
  const [rows, columns] = [height * factor[0], width * factor[1]];
  const dx = new Float32Array(batch * height * width * channels);
  for (let i = 0, line = 0; line < batch * rows; line++) {
    const picture = Math.floor(line / rows);
    const above = picture * height + Math.floor((line % rows) / factor[0]);
    for (let column = 0; column < columns; column++) {
      const start = (above * width + Math.floor(column / factor[1])) * channels;
      for (let channel = 0; channel < channels; channel++) dx[start + channel] += dy[i++];
    }
  }
  return dx;
}

/** A gradient without what is for the class, which stands beside x. */
function withoutClass(dy, batch, size) {
  const dx = new Float32Array(batch * size), each = dy.length / batch;
  for (let n = 0; n < batch; n++) dx.set(dy.subarray(n * each, n * each + size), n * size);
  return dx;
}

/** Adds to dz what z changes by a scale and an offset, whose last rows are for z. */
function addModulation({ scale, offset }, x, dy, batch, rows, dz) {
  const [channels, size, each] = [scale.length / rows, dz.length / batch, x.length / batch];
  for (let n = 0; n < batch; n++) {
    const [ofScale, ofOffset] = [new Float64Array(channels), new Float64Array(channels)];
    for (let i = n * each; i < (n + 1) * each; i++) {
      ofScale[i % channels] += dy[i] * x[i];
      ofOffset[i % channels] += dy[i];
    }
    for (let k = 0; k < size; k++) {
      const row = (rows - size + k) * channels;
      let sum = 0;
      for (let c = 0; c < channels; c++) {
        sum += scale[row + c] * ofScale[c] + offset[row + c] * ofOffset[c];
      }
      dz[n * size + k] += sum;
    }
  }
}

// By an activation's value y, for the parameter p.
const SLOPES = {
  relu: (y) => (y > 0 ? 1 : 0),
  leaky_relu: (y, p) => (y > 0 ? 1 : p),
  tanh: (y, p) => p * (1 - y * y),
  sigmoid: (y) => y * (1 - y),
};

// What is not linear, or not with as many numbers: y of x, and the way back for a gradient.
const PULLS = {
  enlarge: (layer, x, batch) => [enlarge(layer, x, batch), (dy) => shrink(layer, dy, batch)],
  beside: (layer, x, batch, told) => [
    beside(layer, x, batch, told),
    (dy) => withoutClass(dy, batch, x.length / batch),
  ],
  modulate: (layer, x, batch, told, z, dz) => {
    const heard = style(batch, told, z);
    const linear = { ...layer, offset: layer.offset.map(() => 0) };
    return [
      classAffine(layer, x, batch, heard),
      (dy) => {
        addModulation(layer, x, dy, batch, heard.length / batch, dz);
        return classAffine(linear, dy, batch, heard);
      },
    ];
  },
  sum: ({ parts }, x, batch, told, z, dz) => {
    const pulled = parts.map((layers) => pullLayers(layers, x, batch, told, z, dz));
    const add = (arrays) => arrays.reduce((total, other) => total.map((v, i) => v + other[i]));
    return [add(pulled.map(([y]) => y)), (dy) => add(pulled.map(([, back]) => back(dy)))];
  },
  activation: (layer, x) => {
    const { name, parameter } = layer;
    const y = LAYERS.activation(layer, x);
    return [y, (dy) => dy.map((value, i) => value * SLOPES[name](y[i], parameter))];
  },
};

/** As `pull`, of a part of the layers. What z changed beside x is added to dz. */
function pullLayers(layers, x, batch, told, z, dz) {
  const backs = [];
  for (const layer of layers) {
    const { kind } = layer;
    if (kind in PULLS) {
      const [y, back] = PULLS[kind](layer, x, batch, told, z, dz);
      backs.push(back);
      x = y;
    } else {
      x = LAYERS[kind](layer, x, batch, told);
      backs.push((dy) => {
        layer.back ??= TRANSPOSES[kind](layer);
        return LAYERS[kind](layer.back, dy, batch, told);
      });
    }
  }
  return [x, (dy) => backs.reduceRight((gradient, back) => back(gradient), dy)];
}

/**
 * What layers make of z, as `compute`, and the function that takes a gradient at it back to z: the
 * product of the gradient and the Jacobian.
 */
function pull(layers, z, batch, told) {
  const dz = new Float32Array(z.length);
  const [y, back] = pullLayers(layers, z, batch, told, z, dz);
  return [
    y,
    (dy) => {
      dz.fill(0);
      return back(dy).map((value, i) => value + dz[i]);
    },
  ];
}
