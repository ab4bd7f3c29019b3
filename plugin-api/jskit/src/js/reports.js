// The parts of `console` that count, measure, group and lay out.
(function (host, load) {
  "use strict";
  const { format, write, layout } = load("console");
  const counts = new Map();
  const clocks = new Map();

  function elapsed(label, values) {
    const start = clocks.get(label);
    if (start === undefined) return write("warn", [`There is no timer "${label}"`]);
    write("info", [`${label}: ${(host("clock") - start).toFixed(3)}ms`, ...values]);
  }

  function group(...values) {
    if (values.length > 0) write("info", values);
    layout.indent += "  ";
  }

  return {
    trace(...values) {
      const calls = `${new Error().stack}`.split("\n")
        .filter((line) => line.includes(" at ") && !line.includes("ratchet:"));
      write("trace", [[`Trace${values.length ? ": " : ""}${format(values)}`, ...calls].join("\n")]);
    },
    dir(value, options) {
      write("info", [load("inspect").inspect(value, options)]);
    },
    table(data, columns) {
      write("info", [load("format").table(data, columns)]);
    },
    assert(condition, ...values) {
      if (condition) return;
      const [first, ...rest] = values;
      if (values.length === 0) write("error", ["Assertion failed"]);
      else if (typeof first === "string") write("error", [`Assertion failed: ${first}`, ...rest]);
      else write("error", ["Assertion failed:", ...values]);
    },
    count(label = "default") {
      counts.set(`${label}`, (counts.get(`${label}`) ?? 0) + 1);
      write("info", [`${label}: ${counts.get(`${label}`)}`]);
    },
    countReset(label = "default") {
      counts.delete(`${label}`);
    },
    time(label = "default") {
      clocks.set(`${label}`, host("clock"));
    },
    timeLog(label = "default", ...values) {
      elapsed(`${label}`, values);
    },
    timeEnd(label = "default") {
      elapsed(`${label}`, []);
      clocks.delete(`${label}`);
    },
    group, groupCollapsed: group,
    groupEnd() {
      layout.indent = layout.indent.slice(2);
    },
    clear() {},
  };
})
