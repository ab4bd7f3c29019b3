// Shows values the way Node's `util.inspect` and `util.format` do.
(function (host, load) {
  "use strict";
  const { getOwnPropertyDescriptor, getPrototypeOf, prototype: { toString } } = Object;
  const { apply, ownKeys } = Reflect;
  const CUSTOM = Symbol.for("nodejs.util.inspect.custom");
  const WIDTH = 72;
  const MOST_ITEMS = 100;
  const MOST_TEXT = 10_000;
  const tagOf = (value) => apply(toString, value, []).slice(8, -1);

  function quote(text) {
    const mark = !text.includes("'") ? "'" : !text.includes('"') ? '"' : !text.includes("`") ? "`" : "'";
    const escape = (c) => ({ "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f", "\v": "\\v",
      "\\": "\\\\" })[c] ?? (c === mark ? `\\${c}` : `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`);
    const special = mark === "'" ? /[\x00-\x1f\x7f\\']/g : mark === '"' ? /[\x00-\x1f\x7f\\"]/g : /[\x00-\x1f\x7f\\`]/g;
    return mark + text.replace(special, escape) + mark;
  }

  function primitive(value, bare) {
    switch (typeof value) {
      case "string": {
        const more = value.length - MOST_TEXT;
        if (bare) return value;
        return more > 0 ? `${quote(value.slice(0, MOST_TEXT))}... ${more} more characters` : quote(value);
      }
      case "bigint": return `${value}n`;
      case "symbol": return value.toString();
      case "number": return Object.is(value, -0) ? "-0" : `${value}`;
      default: return `${value}`;
    }
  }

  function constructorName(value) {
    for (let object = value; object !== null; object = getPrototypeOf(object)) {
      const own = getOwnPropertyDescriptor(object, "constructor");
      if (own !== undefined && typeof own.value === "function" && own.value.name !== "") return own.value.name;
    }
    return null;
  }

  // A class has a prototype that cannot be replaced; so do builtins, which are no classes to see.
  function isClass(value) {
    const text = Function.prototype.toString.call(value);
    if (/^class\b/.test(text)) return true;
    const sealed = getOwnPropertyDescriptor(value, "prototype")?.writable === false;
    return sealed && text.includes("[native code]") && globalThis[value.name] !== value;
  }

  function functionText(value) {
    if (isClass(value)) {
      const parent = getPrototypeOf(value);
      return `[class ${value.name || "(anonymous)"}${parent?.name ? ` extends ${parent.name}` : ""}]`;
    }
    const kind = constructorName(value) ?? "Function";
    return value.name ? `[${kind}: ${value.name}]` : `[${kind} (anonymous)]`;
  }

  function errorText(error) {
    const head = error.message ? `${error.name}: ${error.message}` : `${error.name}`;
    const stack = typeof error.stack === "string" ? error.stack : "";
    const calls = stack.split("\n").filter((line) => /^\s*at /.test(line) && !line.includes("ratchet:"));
    return calls.length > 0 ? [head, ...calls].join("\n") : `[${head}]`;
  }

  function inspect(value, options) {
    const depth = options?.depth === null ? Infinity : options?.depth ?? 2;
    const state = { depth, open: [], circular: new Map() };
    try {
      return show(state, value, 0);
    } catch (error) {
      return `[not readable: ${error?.message}]`;
    }
  }

  function show(state, value, level) {
    if (value === null || (typeof value !== "object" && typeof value !== "function")) return primitive(value);
    if (typeof value[CUSTOM] === "function") {
      const shown = value[CUSTOM](state.depth - level, {}, inspect);
      return typeof shown === "string" ? shown : show(state, shown, level);
    }
    if (state.open.includes(value)) {
      if (!state.circular.has(value)) state.circular.set(value, state.circular.size + 1);
      return `[Circular *${state.circular.get(value)}]`;
    }
    state.open.push(value);
    const text = showObject(state, value, level);
    state.open.pop();
    const reference = state.circular.get(value);
    return reference === undefined ? text : `<ref *${reference}> ${text}`;
  }

  // What stands before the braces, the brackets to use, and the items other than properties.
  function anatomy(state, value, level) {
    const tag = tagOf(value);
    const name = constructorName(value);
    const named = (usual) => (name === null ? `[${usual}: null prototype] ` : name === usual ? "" : `${name} `);
    const item = (entry) => show(state, entry, level + 1);
    if (Array.isArray(value)) {
      const prefix = name === "Array" ? "" : `${name ?? "[Array: null prototype]"}(${value.length}) `;
      return { prefix, open: "[", close: "]", items: arrayItems(state, value, level), indexed: true };
    }
    if (ArrayBuffer.isView(value) && tag !== "DataView") {
      const items = Array.from(value.subarray(0, MOST_ITEMS), item);
      if (value.length > MOST_ITEMS) items.push(`... ${value.length - MOST_ITEMS} more items`);
      return { prefix: `${name}(${value.length}) `, open: "[", close: "]", items, indexed: true };
    }
    switch (tag) {
      case "Map": {
        const items = [...value].slice(0, MOST_ITEMS).map(([k, v]) => `${item(k)} => ${item(v)}`);
        return { prefix: `${name}(${value.size}) `, items };
      }
      case "Set":
        return { prefix: `${name}(${value.size}) `, items: [...value].slice(0, MOST_ITEMS).map(item) };
      case "Date":
        return { whole: Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString() };
      case "RegExp": return { whole: `${value}` };
      case "Error": return { whole: errorText(value) };
      case "Function": case "AsyncFunction": case "GeneratorFunction": case "AsyncGeneratorFunction":
        return { whole: functionText(value) };
      case "Number": case "String": case "Boolean": case "BigInt": case "Symbol":
        if (typeof value.valueOf() !== "object") return { whole: `[${tag}: ${primitive(value.valueOf())}]` };
        break;
      case "ArrayBuffer": return { prefix: "ArrayBuffer ", items: [`byteLength: ${value.byteLength}`] };
    }
    if (value instanceof Error) return { whole: errorText(value) };
    if (typeof value === "function") return { whole: functionText(value) };
    const suffix = tag !== "Object" && tag !== name ? `[${tag}] ` : "";
    return { prefix: named("Object") + suffix, items: [] };
  }

  function arrayItems(state, value, level) {
    const items = [];
    let gap = 0;
    const flush = () => {
      if (gap > 0) items.push(`<${gap} empty item${gap > 1 ? "s" : ""}>`);
      gap = 0;
    };
    const length = Math.min(value.length, MOST_ITEMS);
    for (let index = 0; index < length; index++) {
      if (index in value) {
        flush();
        items.push(show(state, value[index], level + 1));
      } else gap++;
    }
    flush();
    const more = value.length - length;
    if (more > 0) items.push(`... ${more} more item${more > 1 ? "s" : ""}`);
    return items;
  }

  function propertyText(state, value, key, level) {
    const { get, set, value: content } = getOwnPropertyDescriptor(value, key);
    const name = typeof key === "symbol" ? `[${key.toString()}]` : /^[A-Za-z_$][\w$]*$/.test(key) ? key : quote(key);
    if (get !== undefined) return `${name}: [Getter${set ? "/Setter" : ""}]`;
    if (set !== undefined) return `${name}: [Setter]`;
    return `${name}: ${show(state, content, level + 1)}`;
  }

  function showObject(state, value, level) {
    if (level > state.depth) {
      if (Array.isArray(value)) return "[Array]";
      const shallow = tagOf(value);
      if (shallow === "Object") return `[${constructorName(value) ?? "Object: null prototype"}]`;
    }
    const { whole, prefix = "", open = "{", close = "}", items = [], indexed } = anatomy(state, value, level);
    const keys = ownKeys(value).filter((key) => getOwnPropertyDescriptor(value, key)?.enumerable
      && !(indexed && typeof key === "string" && /^\d+$/.test(key)));
    const entries = [...items, ...keys.slice(0, MOST_ITEMS).map((key) => propertyText(state, value, key, level))];
    if (keys.length > MOST_ITEMS) entries.push(`... ${keys.length - MOST_ITEMS} more properties`);
    if (whole !== undefined) return entries.length > 0 ? `${whole} ${braces(entries, "{", "}", false)}` : whole;
    if (entries.length === 0) return `${prefix}${open}${close}`;
    return prefix + braces(entries, open, close, indexed);
  }

  function braces(entries, open, close, indexed) {
    const line = entries.join(", ");
    if (line.length <= WIDTH && !line.includes("\n") && !(indexed && entries.length > 24)) return `${open} ${line} ${close}`;
    const rows = indexed && entries.every((entry) => entry.length <= 16) ? pack(entries) : entries;
    return `${open}\n  ${rows.map((row) => row.replaceAll("\n", "\n  ")).join(",\n  ")}\n${close}`;
  }

  function pack(entries) {
    const rows = [];
    let row = "";
    for (const entry of entries) {
      if (row !== "" && row.length + entry.length + 2 > WIDTH) {
        rows.push(row);
        row = "";
      }
      row += row === "" ? entry : `, ${entry}`;
    }
    rows.push(row);
    return rows;
  }

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

  return { inspect, format, table };
})
