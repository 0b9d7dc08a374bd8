// Part "settings": what decided the run, and where it ran.

{
  const fill = (id, values, defaults = {}) => {
    const lines = Object.entries(values).map(([name, value]) => {
      const changed = name in defaults && defaults[name] !== value;
      const cells = [make("th", { scope: "row" }, name), make("td", {}, String(value))];
      return make("tr", changed ? { class: "changed" } : {}, ...cells);
    });
    byId(id).append(make("tbody", {}, ...lines));
  };
  fill("settings-config", DATA.config, DATA.defaults);
  fill("settings-environment", DATA.environment);
}
