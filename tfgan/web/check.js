// Part "check": the page's own pictures beside those that Keras drew when the file was written.

{
  const { latents, labels, bytes } = DATA.probes;
  const z = floats(latents);
  const expected = bytesOf(bytes);
  const pixels = generate(z, z.length / DATA.latentSize, oneHot(labels));
  const largest = expected.reduce(
    (most, byte, i) => Math.max(most, Math.abs(byte - toByte(pixels[i])) || 0),
    pixels.length === expected.length ? 0 : 255,
  );
  byId("check").className = largest > 1 ? "bad" : "";
  byId("check").textContent =
    `Checked just now: none of the ${say(expected.length)} pixels that Keras computed for this file ` +
    `differs here by more than ${largest} of 255. This page works offline.`;
}
