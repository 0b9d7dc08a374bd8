// Sheets of pictures, drawn a few at a time, so that a slow network leaves the page responsive.

const [HEIGHT_PX, WIDTH_PX, CHANNELS] = DATA.shape;
const BUDGET = 12; // milliseconds of a frame for drawing
const AT_ONCE = 8; // pictures a call of the generator

/**
 * Pictures side by side on a canvas; `source(index)` says what each is drawn from: its latent z,
 * and the weights of the classes that it is told.
 */
class Sheet {
  constructor(canvas, columns, rows, gap, source) {
    Object.assign(this, { columns, gap, source, count: columns * rows, next: 0, stale: 0 });
    canvas.width = columns * (WIDTH_PX + gap) + gap;
    canvas.height = rows * (HEIGHT_PX + gap) + gap;
    this.context = canvas.getContext("2d", { willReadFrequently: true });
    this.context.fillRect(0, 0, canvas.width, canvas.height);
    this.image = new ImageData(WIDTH_PX, HEIGHT_PX);
  }

  /** Draws the next few; goes round, so that none waits for ever while things move. */
  drawSome() {
    const count = Math.min(AT_ONCE, this.stale, this.count - this.next);
    const classes = DATA.classes.length;
    const latents = new Float32Array(count * DATA.latentSize);
    const weights = new Float32Array(count * classes);
    for (let i = 0; i < count; i++) {
      const { z, told } = this.source(this.next + i);
      latents.set(z, i * DATA.latentSize);
      weights.set(told, i * classes);
    }
    const pixels = generate(latents, count, weights);
    const each = pixels.length / count;
    for (let i = 0; i < count; i++) this.put(this.next + i, pixels.subarray(i * each));
    this.next = (this.next + count) % this.count;
    this.stale -= count;
  }

  put(index, pixels) {
    for (let i = 0, from = 0; i < this.image.data.length; from += CHANNELS) {
      for (let channel = 0; channel < 3; channel++, i++) {
        this.image.data[i] = toByte(pixels[from + Math.min(channel, CHANNELS - 1)]);
      }
      this.image.data[i++] = 255;
    }
    const column = index % this.columns, row = Math.floor(index / this.columns);
    const x = column * (WIDTH_PX + this.gap) + this.gap;
    this.context.putImageData(this.image, x, row * (HEIGHT_PX + this.gap) + this.gap);
  }
}

/** A function that has sheets drawn anew, in the order of `sheets`: the most looked at first. */
function makeDrawer(sheets) {
  let drawing = false;
  const work = () => {
    const begin = performance.now();
    let sheet;
    while ((sheet = sheets.find(({ stale }) => stale)) && performance.now() - begin < BUDGET) {
      sheet.drawSome();
    }
    drawing = Boolean(sheet);
    document.querySelector("main").setAttribute("aria-busy", drawing);
    if (drawing) requestAnimationFrame(work);
  };
  return (...which) => {
    for (const sheet of which) sheet.stale = sheet.count;
    if (!drawing) requestAnimationFrame(work);
    drawing = true;
    document.querySelector("main").setAttribute("aria-busy", true);
  };
}
