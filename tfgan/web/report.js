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
      const help = make("p", { class: "quiet" }, `What helps: ${advice}`);
      return make("div", { class: "finding" }, make("h3", {}, title), make("p", {}, evidence), help);
    });
    const well = make("p", { class: "good" }, "None of the failures that it knows.");
    byId("findings").append(...(shown.length ? shown : [well]));
    byId("findings").hidden = false;
  }

  if (evaluation) {
    const { protocol, samples, metrics, collapsed, rows } = evaluation;
    const names = Object.keys(rows);
    const words = (text) => text.replaceAll("_", " ");
    const cell = (score, decimals) => {
      if (score?.mean == null) return "–";
      const spread = score.std == null ? "" : ` ± ${say(score.std, decimals)}`;
      return say(score.mean, decimals) + spread;
    };
    const head = names.map((name) => make("th", { scope: "col", class: "number" }, words(name)));
    const lines = Object.entries(metrics)
      .filter(([metric]) => metric in rows[names[0]])
      .map(([metric, [label, decimals]]) => {
        const cells = names.map((name) => cell(rows[name][metric], decimals));
        const numbers = cells.map((text) => make("td", { class: "number" }, text));
        return make("tr", {}, make("th", { scope: "row" }, label), ...numbers);
      });
    byId("evaluation-protocol").textContent =
      `${say(samples)} samples, protocol ${protocol}; ± is the standard deviation over sets of ` +
      `them. The floor is what real images score: the nearer to it, the better.`;
    byId("evaluation-collapsed").textContent = collapsed
      .map((name) => `${words(name)} has collapsed: classes are missing from its samples. `)
      .join("");
    const columns = make("thead", {}, make("tr", {}, make("td"), ...head));
    byId("evaluation-rows").append(columns, make("tbody", {}, ...lines));
    byId("evaluation").hidden = false;
  }
}
