// Part "settings": what decided the run, and where it ran.

{
  const { config, defaults, environment } = DATA;
  /** [name, text] of a setting; of what has parts, of each of them. */
  const rows = ([name, value]) => {
    if (Array.isArray(value)) return [[name, value.join(", ")]];
    if (value === null || typeof value !== "object") return [[name, String(value) || "none"]];
    return Object.entries(value).flatMap(([part, each]) => rows([`${name} ${part}`, each]));
  };
  const fill = (id, values) => {
    const lines = values.flatMap(rows).map(([name, text]) =>
      make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, text)),
    );
    if (lines.length) byId(id).append(make("tbody", {}, ...lines));
    else byId(id).hidden = true;
  };
  const settings = Object.entries(config);
  const changed = settings.filter(([name, value]) => defaults[name] !== value);
  fill("settings-changed", changed);
  fill("settings-config", settings.filter(([name, value]) => defaults[name] === value));
  fill("settings-environment", Object.entries(environment));
  byId("settings-lede").textContent = changed.length
    ? "Settings that differ from the tutorial's recipe."
    : "All settings are those of the tutorial's recipe.";
}
