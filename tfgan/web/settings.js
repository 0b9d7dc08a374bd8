// Part "settings": what decided the run, and where it ran.

{
  const { config, defaults, environment } = DATA;
  const fill = (id, values) => {
    const lines = values.map(([name, value]) =>
      make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, String(value))),
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
    ? "What differs from the tutorial's recipe."
    : "All as in the tutorial's recipe.";
}
