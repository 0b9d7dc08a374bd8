// Part "training": a scrubber through the pictures of the fixed latents, and the curves.

{
  const { frames, curves, epochs, count, rows } = DATA.history;
  const slider = byId("training-time");
  const nearest = (epoch) => {
    const distances = frames.map((frame) => Math.abs(frame.epoch - epoch));
    return distances.indexOf(Math.min(...distances));
  };
  let at = 0; // the frame that is shown, and how far the way to the next is
  let go; // to a frame, as the reader asks
  // Losses and beliefs stand beside the pictures, scores below.
  const cursors = curves.map((curve) => {
    const place = curve.series.length === 2 ? "training-curves" : "training-scores";
    return chart(byId(place), curve, (epoch) => go(nearest(epoch)));
  });

  const show = (index) => {
    const { epoch, source } = frames[index];
    const last = epochs.at(-1) ?? frames.at(-1).epoch;
    slider.value = index;
    slider.setAttribute("aria-valuetext", `epoch ${epoch + 1} of ${last + 1}`);
    byId("training-epoch").textContent = `Epoch ${epoch + 1}`;
    byId("training-picture").src = source;
    byId("training-picture").alt = `${count} generated pictures after epoch ${epoch + 1}`;
    cursors.forEach((move) => move(epoch));
  };

  if (frames.length) {
    byId("training").hidden = false;
    byId("training-lede").textContent = rows.length
      ? `The same ${count / rows.length} latents after each epoch, one row per class ` +
        `(${rows.join(", ")}), and the curves of both networks.`
      : `The same ${count} latents after each epoch, and the curves of both networks.`;
    const [first, last] = [frames[0], frames.at(-1)].map(({ epoch }) => epoch + 1);
    byId("training-caption").textContent =
      first === last
        ? `After epoch ${first}.`
        : `After epochs ${first} to ${last}; this file has ${frames.length} of the pictures.`;
    slider.max = frames.length - 1;
    // A pass takes about eight seconds, however many pictures there are.
    const pace = Math.max(frames.length / 8, 2);
    const { stop } = player(byId("training-play"), (seconds) => {
      if (at >= frames.length - 1) at = 0;
      at = Math.min(at + (calm() ? 1 : seconds * pace), frames.length - 1);
      show(Math.floor(at));
      return at < frames.length - 1;
    });
    go = (index) => {
      stop();
      at = index;
      show(at);
    };
    slider.addEventListener("input", () => go(Number(slider.value)));
    byId("training-bar").hidden = frames.length === 1;
    go(frames.length - 1);
  }
}
