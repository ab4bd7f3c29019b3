// `util.format` and tables, as Node has them.
(function (host, load) {
  "use strict";
  const { inspect, primitive } = load("inspect");

  const SUBSTITUTES = {
    s: (value) => (typeof value === "object" && value !== null ? inspect(value, { depth: 0 }) : primitive(value, true)),
    d: (value) => (typeof value === "object" ? "NaN" : typeof value === "bigint" ? `${value}n` : `${Number(value)}`),
    i: (value) => (typeof value === "object" ? "NaN" : typeof value === "bigint" ? `${value}n` : `${parseInt(value, 10)}`),
    f: (value) => `${parseFloat(value)}`,
    j: (value) => {
      try {
        return `${JSON.stringify(value)}`;
      } catch {
        return "[Circular]";
      }
    },
    o: (value) => inspect(value, { depth: 4 }),
    O: (value) => inspect(value),
    c: () => "",
  };

  // The first value may hold `%s` and its kin; what is left over is put after it.
  function format(values) {
    let next = 0;
    let text = "";
    if (typeof values[0] === "string" && values.length > 1) {
      next = 1;
      text = values[0].replace(/%([sdifjoOc%])/g, (whole, letter) => {
        if (letter === "%") return "%";
        return next < values.length ? SUBSTITUTES[letter](values[next++]) : whole;
      });
    }
    const shown = values.slice(next).map((value) => (typeof value === "string" ? value : inspect(value)));
    return next > 0 ? [text, ...shown].join(" ") : shown.join(" ");
  }

  function table(data, columns) {
    if (typeof data !== "object" || data === null) return format([data]);
    const cell = (value) => (typeof value === "object" && value !== null ? inspect(value, { depth: 0 }) : primitive(value));
    const rows = data instanceof Map ? [...data] : Array.isArray(data) ? [...data.entries()] : Object.entries(data);
    const names = [];
    let plain = false;
    for (const [, row] of rows) {
      if (typeof row === "object" && row !== null) {
        for (const name of Object.keys(row)) if (!names.includes(name)) names.push(name);
      } else plain = true;
    }
    const shown = columns === undefined ? names : columns.map(String);
    const head = ["(index)", ...shown, ...(plain ? ["Values"] : [])];
    const body = rows.map(([index, row]) => {
      const isObject = typeof row === "object" && row !== null;
      const cells = shown.map((name) => (isObject && Object.hasOwn(row, name) ? cell(row[name]) : ""));
      return [`${index}`, ...cells, ...(plain ? [isObject ? "" : cell(row)] : [])];
    });
    const widths = head.map((name, at) => Math.max(name.length, ...body.map((row) => row[at].length)) + 2);
    const line = (left, middle, right) => left + widths.map((width) => "─".repeat(width)).join(middle) + right;
    const text = (cells) => `│${cells.map((value, at) => ` ${value}`.padEnd(widths[at])).join("│")}│`;
    return [line("┌", "┬", "┐"), text(head), line("├", "┼", "┤"), ...body.map(text), line("└", "┴", "┘")].join("\n");
  }

  return { format, table };
})
