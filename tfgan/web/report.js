// Part "report": what came out of a run.

{
  const { config, real, fake, findings, evaluation } = DATA;
  const { dataset, epochs } = config;
  byId("report-title").textContent = `A generator of ${dataset}`;
  byId("report-lede").textContent =
    `What ${say(epochs)} ${epochs === 1 ? "epoch" : "epochs"} of training came to. ` +
    `The settings that decide it, and where it ran, stand at the end.`;
  for (const [id, source] of [["report-real", real], ["report-fake", fake]]) {
    if (source) byId(id).src = source;
    else byId(id).closest("figure").hidden = true;
  }

  if (findings) {
    const shown = findings.map(({ title, evidence, advice }) => {
      const parts = [make("h3", {}, title), make("p", {}, evidence)];
      return make("div", { class: "finding" }, ...parts, make("p", { class: "quiet" }, advice));
    });
    const well = make("p", { class: "good" }, "Nothing that looks like a known failure.");
    byId("findings").append(...(shown.length ? shown : [well]));
    byId("findings").hidden = false;
  }

  if (evaluation) {
    const { protocol, rows } = evaluation;
    const names = Object.keys(rows);
    const metrics = [...new Set(names.flatMap((name) => Object.keys(rows[name])))];
    const words = (text) => text.replaceAll("_", " ");
    const cell = (score) => {
      if (score?.mean == null) return "–";
      const digits = Math.abs(score.mean) >= 100 ? 1 : 3;
      return say(score.mean, digits) + (score.std ? ` ± ${say(score.std, digits)}` : "");
    };
    const head = names.map((name) => make("th", { scope: "col", class: "number" }, words(name)));
    const lines = metrics.map((metric) => {
      const cells = names.map((name) => make("td", { class: "number" }, cell(rows[name][metric])));
      return make("tr", {}, make("th", { scope: "row" }, words(metric)), ...cells);
    });
    byId("evaluation-protocol").textContent =
      `Protocol ${protocol}: mean and standard deviation over its sets of samples. ` +
      `The floor is what real images score.`;
    const columns = make("thead", {}, make("tr", {}, make("td"), ...head));
    byId("evaluation-rows").append(columns, make("tbody", {}, ...lines));
    byId("evaluation").hidden = false;
  }
}
