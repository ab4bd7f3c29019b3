// `console`: each call is one line of the run's log.
(function (host, load) {
  "use strict";
  const counts = new Map();
  const clocks = new Map();
  let indent = "";

  function format(values) {
    const [first] = values;
    if (values.length === 1 && typeof first === "string") return first;
    return load("inspect").format(values);
  }

  function write(level, values) {
    // Once the log is full there is no point in formatting what will be dropped.
    if (!host("log.open")) return;
    const text = format(values);
    host(`log.${level}`, indent === "" ? text : indent + text.replaceAll("\n", `\n${indent}`));
  }

  function writer(level) {
    return (...values) => write(level, values);
  }

  function elapsed(label, values) {
    const start = clocks.get(label);
    if (start === undefined) return write("warn", [`There is no timer "${label}"`]);
    write("info", [`${label}: ${(host("clock") - start).toFixed(3)}ms`, ...values]);
  }

  function group(...values) {
    if (values.length > 0) write("info", values);
    indent += "  ";
  }

  const console = {
    log: writer("info"), info: writer("info"), debug: writer("debug"), warn: writer("warn"),
    error: writer("error"), dirxml: writer("info"),
    trace(...values) {
      const calls = `${new Error().stack}`.split("\n")
        .filter((line) => line.includes(" at ") && !line.includes("ratchet:"));
      write("trace", [[`Trace${values.length ? ": " : ""}${format(values)}`, ...calls].join("\n")]);
    },
    dir(value, options) {
      write("info", [load("inspect").inspect(value, options)]);
    },
    table(data, columns) {
      write("info", [load("inspect").table(data, columns)]);
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
      indent = indent.slice(2);
    },
    clear() {},
  };
  return { console };
})
