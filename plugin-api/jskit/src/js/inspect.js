// Shows values the way Node's `util.inspect` does: the values most tasks have. What is special about
// other objects is in `anatomy`.
(function (host, load) {
  "use strict";
  const { getOwnPropertyDescriptor, getPrototypeOf } = Object;
  const { ownKeys } = Reflect;
  const { isArray } = Array;
  const CUSTOM = Symbol.for("nodejs.util.inspect.custom");
  const WIDTH = 72;
  const MOST_ITEMS = 100;
  const MOST_TEXT = 10_000;
  const PLAIN = /^[^\x00-\x1f\x7f\\']*$/;
  const WORD = /^[A-Za-z_$][\w$]*$/;

  function quote(text) {
    return PLAIN.test(text) ? `'${text}'` : load("anatomy").quote(text);
  }

  function primitive(value, bare) {
    switch (typeof value) {
      case "string": {
        if (bare) return value;
        const more = value.length - MOST_TEXT;
        return more > 0 ? `${quote(value.slice(0, MOST_TEXT))}... ${more} more characters` : quote(value);
      }
      case "bigint": return `${value}n`;
      case "symbol": return value.toString();
      default: return Object.is(value, -0) ? "-0" : `${value}`;
    }
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
    if (typeof value === "object") {
      const parent = getPrototypeOf(value);
      if (parent === Object.prototype && value[Symbol.toStringTag] === undefined) return { items: [] };
      if (parent === Array.prototype && isArray(value)) {
        return { open: "[", close: "]", items: arrayItems(state, value, level), indexed: true };
      }
    }
    const item = (entry) => show(state, entry, level + 1);
    return load("anatomy").anatomy(value, item, () => arrayItems(state, value, level));
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
      const shallow = load("anatomy").shallow(value);
      if (shallow !== undefined) return shallow;
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

  return { inspect, primitive };
})
