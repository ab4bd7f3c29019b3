// `structuredClone` (WHATWG HTML, section 2.7).
(function (host, load) {
  "use strict";
  const { apply } = Reflect;
  const tagOf = (value) => apply(Object.prototype.toString, value, []).slice(8, -1);
  const ERRORS = { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };

  function refuse(what) {
    const { DOMException } = load("abort");
    throw new DOMException(`${what} cannot be cloned`, "DataCloneError");
  }

  function buffer(source) {
    return source.slice(0);
  }

  function clone(value, known) {
    if (typeof value === "symbol") refuse("a symbol");
    if (typeof value === "function") refuse(`the function ${value.name || "(anonymous)"}`);
    if (typeof value !== "object" || value === null) return value;
    if (known.has(value)) return known.get(value);
    const keep = (copy) => {
      known.set(value, copy);
      return copy;
    };
    if (Array.isArray(value)) {
      const copy = keep(new Array(value.length));
      for (const key of Object.keys(value)) copy[key] = clone(value[key], known);
      return copy;
    }
    if (value instanceof ArrayBuffer) return keep(buffer(value));
    if (ArrayBuffer.isView(value)) {
      const content = clone(value.buffer, known);
      const { constructor, byteOffset } = value;
      return keep(new constructor(content, byteOffset, value.length ?? value.byteLength));
    }
    switch (tagOf(value)) {
      case "Date": return keep(new Date(value.getTime()));
      case "RegExp": return keep(new RegExp(value.source, value.flags));
      case "Boolean": case "Number": case "String": case "BigInt": return keep(Object(value.valueOf()));
      case "Map": {
        const copy = keep(new Map());
        for (const [k, v] of [...value]) copy.set(clone(k, known), clone(v, known));
        return copy;
      }
      case "Set": {
        const copy = keep(new Set());
        for (const item of [...value]) copy.add(clone(item, known));
        return copy;
      }
      case "Promise": case "WeakMap": case "WeakSet": case "WeakRef": case "Symbol":
        return refuse(`a ${tagOf(value)}`);
    }
    if (value instanceof Error) {
      const make = ERRORS[value.name] ?? Error;
      const copy = keep(new make(value.message));
      if (Object.hasOwn(value, "cause")) {
        Object.defineProperty(copy, "cause", { value: clone(value.cause, known), writable: true, configurable: true });
      }
      return copy;
    }
    const copy = keep({});
    for (const key of Object.keys(value)) {
      Object.defineProperty(copy, key, { value: clone(value[key], known), writable: true, enumerable: true, configurable: true });
    }
    return copy;
  }

  function structuredClone(value, options) {
    if (options?.transfer?.length > 0) refuse("a transferred object");
    return clone(value, new Map());
  }
  return { structuredClone };
})
