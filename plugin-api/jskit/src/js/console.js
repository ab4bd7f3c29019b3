// `console`: each call is one line of the run's log. What is used less is in `reports`.
(function (host, load) {
  "use strict";
  const layout = { indent: "" };

  function show(value) {
    if (typeof value === "string") return value;
    const simple = typeof value === "boolean" || value === undefined || value === null;
    return simple || (typeof value === "number" && value !== 0) ? `${value}` : load("inspect").inspect(value);
  }

  function format(values) {
    const [first] = values;
    if (values.length === 1) return show(first);
    if (typeof first === "string" && first.includes("%")) return load("format").format(values);
    return values.map(show).join(" ");
  }

  function write(level, values) {
    // Once the log is full there is no point in formatting what will be dropped.
    if (!host("log.open")) return;
    const { indent } = layout;
    const text = format(values);
    host(`log.${level}`, indent === "" ? text : indent + text.replaceAll("\n", `\n${indent}`));
  }

  const console = {};
  for (const [name, level] of [["log", "info"], ["info", "info"], ["debug", "debug"],
    ["warn", "warn"], ["error", "error"], ["dirxml", "info"]]) {
    console[name] = { [name]: (...values) => write(level, values) }[name];
  }
  for (const name of ["trace", "dir", "table", "assert", "count", "countReset", "time", "timeLog",
    "timeEnd", "group", "groupCollapsed", "groupEnd", "clear"]) {
    console[name] = { [name]: (...values) => load("reports")[name](...values) }[name];
  }
  return { console, format, write, layout };
})
