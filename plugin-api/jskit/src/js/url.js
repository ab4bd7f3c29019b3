// URL and URLSearchParams (WHATWG URL), parsed by the host.
(function (host, load) {
  "use strict";
  const { stringify } = JSON;
  let connect;
  let reset;
  const PARTS = ["protocol", "username", "password", "host", "hostname", "port", "pathname", "search", "hash"];

  class URLSearchParams {
    #pairs = [];
    #changed = null;
    constructor(init = "") {
      if (typeof init === "object" && init !== null) {
        const pairs = typeof init[Symbol.iterator] === "function" ? init : Object.entries(init);
        for (const pair of pairs) {
          const [name, value, ...rest] = pair;
          if (value === undefined || rest.length > 0) {
            throw new TypeError("each entry of URLSearchParams has to be a name and a value");
          }
          this.#pairs.push([`${name}`, `${value}`]);
        }
      } else {
        this.#pairs = host("url.decode", `${init}`.replace(/^\?/, ""));
      }
    }
    // The parameters of a URL; what is done to them is told to it.
    static {
      connect = (search, changed) => {
        const params = new URLSearchParams(search);
        params.#changed = changed;
        return params;
      };
      reset = (params, search) => {
        params.#pairs = host("url.decode", search.replace(/^\?/, ""));
      };
    }
    #update(pairs) {
      this.#pairs = pairs;
      this.#changed?.(this.toString());
    }
    get size() {
      return this.#pairs.length;
    }
    append(name, value) {
      this.#update([...this.#pairs, [`${name}`, `${value}`]]);
    }
    delete(name, value) {
      this.#update(this.#pairs.filter(([n, v]) => n !== `${name}` || (value !== undefined && v !== `${value}`)));
    }
    get(name) {
      return this.#pairs.find(([n]) => n === `${name}`)?.[1] ?? null;
    }
    getAll(name) {
      return this.#pairs.filter(([n]) => n === `${name}`).map(([, value]) => value);
    }
    has(name, value) {
      return this.#pairs.some(([n, v]) => n === `${name}` && (value === undefined || v === `${value}`));
    }
    set(name, value) {
      const at = this.#pairs.findIndex(([n]) => n === `${name}`);
      if (at < 0) return this.append(name, value);
      const kept = this.#pairs.filter(([n], index) => n !== `${name}` || index === at);
      this.#update(kept.map((pair) => (pair[0] === `${name}` ? [pair[0], `${value}`] : pair)));
    }
    sort() {
      this.#update([...this.#pairs].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
    }
    forEach(callback, thisArg) {
      for (const [name, value] of this) callback.call(thisArg, value, name, this);
    }
    *entries() {
      for (const [name, value] of this.#pairs) yield [name, value];
    }
    *keys() {
      for (const [name] of this.#pairs) yield name;
    }
    *values() {
      for (const [, value] of this.#pairs) yield value;
    }
    [Symbol.iterator]() {
      return this.entries();
    }
    toString() {
      return host("url.encode", stringify(this.#pairs));
    }
    [Symbol.for("nodejs.util.inspect.custom")](depth, options, inspect) {
      return `URLSearchParams ${inspect(Object.fromEntries(this.#pairs))}`;
    }
    get [Symbol.toStringTag]() {
      return "URLSearchParams";
    }
  }

  class URL {
    #parts;
    #params = null;
    constructor(url, base) {
      this.#parts = base === undefined ? host("url.parse", `${url}`) : host("url.parse", `${url}`, `${base}`);
    }
    static canParse(url, base) {
      return URL.parse(url, base) !== null;
    }
    static parse(url, base) {
      try {
        return new URL(url, base);
      } catch {
        return null;
      }
    }
    static {
      for (const part of PARTS) {
        Object.defineProperty(URL.prototype, part, {
          configurable: true,
          enumerable: true,
          get() {
            return this.#parts[part];
          },
          set(value) {
            this.#set(part, value);
          },
        });
      }
    }
    #set(part, value) {
      this.#parts = host("url.set", this.#parts.href, part, `${value}`);
      if (this.#params !== null) reset(this.#params, this.#parts.search);
    }
    get href() {
      return this.#parts.href;
    }
    set href(value) {
      this.#set("href", value);
    }
    get origin() {
      return this.#parts.origin;
    }
    get searchParams() {
      this.#params ??= connect(this.#parts.search, (search) => {
        this.#parts = host("url.set", this.#parts.href, "search", search);
      });
      return this.#params;
    }
    toString() {
      return this.#parts.href;
    }
    toJSON() {
      return this.#parts.href;
    }
    [Symbol.for("nodejs.util.inspect.custom")](depth, options, inspect) {
      return `URL ${inspect({ ...this.#parts })}`;
    }
    get [Symbol.toStringTag]() {
      return "URL";
    }
  }

  return { URL, URLSearchParams };
})
