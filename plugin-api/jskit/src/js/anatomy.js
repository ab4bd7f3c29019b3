// What is special about the objects `inspect` does not know: classes, collections, errors and so on.
(function (host, load) {
  "use strict";
  const { getOwnPropertyDescriptor, getPrototypeOf, prototype: { toString } } = Object;
  const { apply } = Reflect;
  const { primitive } = load("inspect");
  const MOST_ITEMS = 100;
  const tagOf = (value) => apply(toString, value, []).slice(8, -1);

  function quote(text) {
    const mark = !text.includes("'") ? "'" : !text.includes('"') ? '"' : !text.includes("`") ? "`" : "'";
    const escape = (c) => ({ "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f", "\v": "\\v",
      "\\": "\\\\" })[c] ?? (c === mark ? `\\${c}` : `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`);
    const special = mark === "'" ? /[\x00-\x1f\x7f\\']/g : mark === '"' ? /[\x00-\x1f\x7f\\"]/g : /[\x00-\x1f\x7f\\`]/g;
    return mark + text.replace(special, escape) + mark;
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

  // What stands before the braces, the brackets to use, and the items other than properties; or the
  // whole text.
  function anatomy(value, item, arrayItems) {
    const tag = tagOf(value);
    const name = constructorName(value);
    const named = (usual) => (name === null ? `[${usual}: null prototype] ` : name === usual ? "" : `${name} `);
    if (Array.isArray(value)) {
      const prefix = name === "Array" ? "" : `${name ?? "[Array: null prototype]"}(${value.length}) `;
      return { prefix, open: "[", close: "]", items: arrayItems(), indexed: true };
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

  // What stands for an object that is nested too deep.
  function shallow(value) {
    if (Array.isArray(value)) return "[Array]";
    return tagOf(value) === "Object" ? `[${constructorName(value) ?? "Object: null prototype"}]` : undefined;
  }

  return { anatomy, quote, shallow };
})
