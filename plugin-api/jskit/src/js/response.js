// Response (WHATWG Fetch, section 5.5), with a `body` that can be used directly.
(function (host, load) {
  "use strict";
  const { Headers } = load("headers");
  const parse = (text) => host("json.parse", text);
  let fetched;
  let direct;

  // What a response without a network behind it is made of.
  function contentOf(body) {
    if (body === undefined || body === null) return { text: "", type: null };
    const bytes = load("encoding").bytesOf(body);
    if (bytes !== undefined) return { bytes: bytes.slice(), type: null };
    const isParams = typeof body === "object" && body instanceof load("url").URLSearchParams;
    const type = isParams ? "application/x-www-form-urlencoded;charset=UTF-8" : "text/plain;charset=UTF-8";
    return { text: `${body}`, type };
  }

  class Response {
    #content;
    #status;
    #statusText;
    #url = "";
    #redirected = false;
    #body;
    #hasBody = false;
    #used = false;

    constructor(body, { status = 200, statusText = "", headers } = {}) {
      if (!(Number.isInteger(status) && status >= 100 && status <= 599)) {
        throw new RangeError(`${status} is not a status a response can have`);
      }
      this.#content = contentOf(body);
      this.#status = status;
      this.#statusText = `${statusText}`;
      this.headers = new Headers(headers);
      const { type } = this.#content;
      if (type !== null && !this.headers.has("content-type")) this.headers.set("content-type", type);
    }
    static {
      fetched = (id, { status, statusText, url, redirected, headers }) => {
        const response = new Response();
        response.#content = { id };
        response.#status = status;
        response.#statusText = statusText;
        response.#url = url;
        response.#redirected = redirected;
        response.headers = new Headers(headers);
        return response;
      };
    }
    static json(data, { status, statusText, headers } = {}) {
      const all = new Headers(headers);
      if (!all.has("content-type")) all.set("content-type", "application/json");
      return new Response(JSON.stringify(data), { status, statusText, headers: all });
    }
    #text() {
      const { id, bytes, text } = this.#content;
      if (id !== undefined) return host("fetch.text", id);
      return bytes === undefined ? text : host("utf8.decode", bytes, false, false);
    }
    #bytes() {
      const { id, bytes, text } = this.#content;
      if (id !== undefined) return host("fetch.bytes", id);
      return bytes === undefined ? host("utf8.encode", text) : bytes.slice();
    }
    // The body without a promise around it, for responses that were not awaited.
    static {
      direct = {
        text: (response) => response.#text(),
        json: (response) => parse(response.#text()),
        bytes: (response) => response.#bytes(),
        arrayBuffer: (response) => response.#bytes().buffer,
      };
    }
    #use() {
      this.#used = true;
      return this;
    }
    get ok() {
      return this.#status >= 200 && this.#status <= 299;
    }
    get status() {
      return this.#status;
    }
    get statusText() {
      return this.#statusText;
    }
    get url() {
      return this.#url;
    }
    get redirected() {
      return this.#redirected;
    }
    get type() {
      return "basic";
    }
    get bodyUsed() {
      return this.#used;
    }
    // The body as JSON where it is that, else as text.
    get body() {
      if (!this.#hasBody) {
        this.#body = readable(this.#text(), this.headers.get("content-type"));
        this.#hasBody = true;
      }
      return this.#body;
    }
    async text() {
      return this.#use().#text();
    }
    async json() {
      return parse(this.#use().#text());
    }
    async bytes() {
      return this.#use().#bytes();
    }
    async arrayBuffer() {
      return this.#use().#bytes().buffer;
    }
    clone() {
      const copy = new Response(null, { status: this.#status, statusText: this.#statusText, headers: this.headers });
      copy.#content = this.#content;
      copy.#url = this.#url;
      copy.#redirected = this.#redirected;
      return copy;
    }
    throwForStatus() {
      if (this.ok) return this;
      const error = statusError(this.#status, `HTTP ${this.#status}: ${this.#statusText}`.replace(/: $/, ""));
      error.status = this.#status;
      error.url = this.#url;
      throw error;
    }
    toJSON() {
      const { ok, status, statusText, headers, body } = this;
      return { ok, status, statusText, headers: headers.toJSON(), body };
    }
    [Symbol.for("nodejs.util.inspect.custom")](depth, options, inspect) {
      return `Response ${inspect({ ...this.toJSON(), url: this.#url })}`;
    }
    get [Symbol.toStringTag]() {
      return "Response";
    }
  }

  function readable(text, type) {
    const json = type !== null && /[/+]json\b/i.test(type);
    const looksLikeIt = (type === null || /^text\/plain/i.test(type)) && /^\s*[{[]/.test(text);
    if (!json && !looksLikeIt) return text;
    try {
      return parse(text);
    } catch {
      return text;
    }
  }

  function statusError(status, message) {
    const errors = load("errors");
    if (status === 401) return new errors.AuthenticationError(message);
    if (status === 403) return new errors.AuthorizationError(message);
    if (status === 429) return new errors.RateLimitError(message);
    if (status >= 500) return new errors.ServiceUnavailableError(message);
    if (status >= 400) return new errors.HttpError(status, message);
    return new errors.NetworkError(message);
  }

  return { Response, fetched, direct };
})
