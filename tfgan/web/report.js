// Part "report": what came out of a run.

{
  const { config, real, fake, findings, evaluation, parameters } = DATA;
  const { dataset, epochs } = config;
  const done = DATA.epochsDone, { rows } = DATA.history;
  const bestOf = ({ metric, score, step }) =>
    `It scored best on the validation images: ${metric} ${say(score, 3)} after step ${say(step)}.`;
  const count = (number) => `${say(number)} ${number === 1 ? "epoch" : "epochs"}`;
  byId("report-title").textContent = `A generator of ${dataset}`;
  byId("report-lede").textContent = [
    done === epochs
      ? `Results of ${count(epochs)} of training`
      : `Results of ${say(done)} of ${count(epochs)} of training`,
    DATA.recipe ? ` with the recipe ${DATA.recipe}.` : ".",
    ...(parameters
      ? [` The generator has ${say(parameters.generator)} parameters, the discriminator `,
         `${say(parameters.discriminator)}.`]
      : []),
  ].join("");
  byId("report-fake-caption").textContent =
    `Generated after epoch ${DATA.fakeEpoch + 1} by the generator that the run exports` +
    `${DATA.averaged ? ", the moving average of its weights" : ""}; none were selected.` +
    `${DATA.best ? ` ${bestOf(DATA.best)}` : ""}` +
    `${rows.length ? " One row per class, all of the same latents." : ""}`;
  byId("report-fake").alt = `${DATA.history.count} generated pictures`;
  byId("report-fake-link").href = `samples/fixed_${DATA.fakeEpoch}.png`;
  for (const [id, source] of [["report-real", real], ["report-fake", fake]]) {
    if (source) byId(id).src = source;
    else byId(id).closest("figure").hidden = true;
  }

  const drawn = rows.length ? "--label=all" : "--n=64";
  const commands = {
    "Train": DATA.command,
    ...(DATA.exported && {
      "Sample": `python -m tfgan.sample --model=RUN/generator ${drawn} --seed=1 --output=samples.png`,
      "Evaluate": "python -m tfgan.evaluate --workdir=RUN",
      "Export": "python -m tfgan.export --workdir=RUN --format=html",
    }),
  };
  for (const [what, command] of Object.entries(commands)) {
    byId("again").append(make("dt", {}, what), make("dd", {}, make("code", {}, ...unbroken(command))));
  }

  if (findings) {
    const shown = findings.map(({ title, evidence, advice }) => {
      const help = make("p", { class: "quiet" }, ...unbroken(`Try: ${advice}`));
      return make("div", { class: "finding" }, make("h3", {}, title), make("p", {}, evidence), help);
    });
    const well = make("p", { class: "good" }, "The run doctor found nothing wrong.");
    byId("findings").append(...(shown.length ? shown : [well]));
    const skipped = DATA.skipped.map(({ title, why }) => make("li", {}, ...unbroken(`${title}: ${why}`)));
    if (skipped.length) {
      byId("findings").append(make("p", { class: "quiet" }, "Not checked:"));
      byId("findings").append(make("ul", { class: "quiet" }, ...skipped));
    }
    byId("findings").hidden = false;
  }

  if (evaluation) {
    const { protocol, samples, metrics, collapsed, collapse, rows } = evaluation;
    const names = Object.keys(rows);
    const words = (text) => text.replaceAll("_", " ");
    const cell = (score, decimals) => {
      if (score?.mean == null) return "–";
      const spread = score.std == null ? "" : ` ± ${say(score.std, decimals)}`;
      return say(score.mean, decimals) + spread;
    };
    const head = names.map((name) => make("th", { scope: "col", class: "number" }, words(name)));
    const arrow = (metric) => ({ lower: "↓", higher: "↑" })[DATA.better[metric]] ?? "";
    const lines = Object.entries(metrics)
      .filter(([metric]) => metric in rows[names[0]])
      .map(([metric, [label, decimals]]) => {
        const cells = names.map((name) => cell(rows[name][metric], decimals));
        const numbers = cells.map((text, i) =>
          make("td", { class: "number", "data-row": words(names[i]) }, text),
        );
        const said = DATA.better[metric] ? `${DATA.better[metric]} is better` : "";
        const way = make("span", { title: said, role: "img", "aria-label": said }, arrow(metric));
        const name = make("th", { scope: "row" }, label, ...(said ? [" ", way] : []));
        return make("tr", {}, name, ...numbers);
      });
    const verdict = Object.entries(metrics)
      .filter(([metric]) => rows.floor?.[metric]?.mean != null && rows[names[0]][metric]?.mean != null)
      .slice(0, 1)
      .map(([metric, [label, decimals]]) => {
        const way = DATA.better[metric] ? `; ${DATA.better[metric]} is better` : "";
        const [own, floor] = [names[0], "floor"].map((name) => say(rows[name][metric].mean, decimals));
        return `The ${words(names[0])} has ${label} ${own}, where real images have ${floor}${way}.`;
      });
    byId("evaluation-verdict").textContent = verdict.join("");
    byId("evaluation-protocol").textContent =
      `${say(samples)} samples, protocol ${protocol}; ± is the standard deviation over sets of ` +
      `samples. The floor is the score of real images; a good generator comes near it. ` +
      `↓: lower is better, ↑: higher is better.`;
    byId("evaluation-collapsed").textContent = collapsed
      .map((name) => `${words(name)} has collapsed: ${collapse}. `)
      .join("");
    const columns = make("thead", {}, make("tr", {}, make("td"), ...head));
    byId("evaluation-rows").append(columns, make("tbody", {}, ...lines));
    byId("evaluation").hidden = false;
  }
}
