// Headers (WHATWG Fetch, section 5.1). Each header can be read as a property too.
(function (host, load) {
  "use strict";
  const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

  function checked(name) {
    const text = `${name}`.toLowerCase();
    if (!NAME.test(text)) throw new TypeError(`\`${name}\` is not a header name`);
    return text;
  }

  function cleaned(name, value) {
    const text = `${value}`.replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, "");
    if (/[\0\r\n]/.test(text)) throw new TypeError(`the value of header \`${name}\` is not valid`);
    return text;
  }

  class Headers {
    #values = new Map();
    constructor(init) {
      if (init === undefined || init === null) return;
      if (typeof init !== "object") throw new TypeError("headers are an object, a list of pairs, or Headers");
      const pairs = typeof init[Symbol.iterator] === "function" ? init : Object.entries(init);
      for (const pair of pairs) {
        const [name, value] = pair;
        if (value !== undefined) this.append(name, value);
      }
    }
    #show(name) {
      if (name in Headers.prototype) return;
      const values = this.#values.get(name);
      if (values === undefined) delete this[name];
      else this[name] = values.join(", ");
    }
    append(name, value) {
      const key = checked(name);
      this.#values.set(key, [...(this.#values.get(key) ?? []), cleaned(name, value)]);
      this.#show(key);
    }
    set(name, value) {
      const key = checked(name);
      this.#values.set(key, [cleaned(name, value)]);
      this.#show(key);
    }
    delete(name) {
      const key = checked(name);
      this.#values.delete(key);
      this.#show(key);
    }
    get(name) {
      return this.#values.get(checked(name))?.join(", ") ?? null;
    }
    has(name) {
      return this.#values.has(checked(name));
    }
    getSetCookie() {
      return [...(this.#values.get("set-cookie") ?? [])];
    }
    forEach(callback, thisArg) {
      for (const [name, value] of this) callback.call(thisArg, value, name, this);
    }
    *entries() {
      for (const name of [...this.#values.keys()].sort()) {
        const values = this.#values.get(name);
        if (name === "set-cookie") for (const value of values) yield [name, value];
        else yield [name, values.join(", ")];
      }
    }
    *keys() {
      for (const [name] of this) yield name;
    }
    *values() {
      for (const [, value] of this) yield value;
    }
    [Symbol.iterator]() {
      return this.entries();
    }
    toJSON() {
      const plain = {};
      for (const [name, values] of this.#values) plain[name] = values.join(", ");
      return plain;
    }
    [Symbol.for("nodejs.util.inspect.custom")](depth, options, inspect) {
      return `Headers ${inspect(this.toJSON())}`;
    }
    get [Symbol.toStringTag]() {
      return "Headers";
    }
  }

  return { Headers };
})
