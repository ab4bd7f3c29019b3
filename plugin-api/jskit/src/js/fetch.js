// `fetch`: a request starts at once. What it gives is a promise of a Response, and can be used as
// the response itself without awaiting it: reading a property then waits.
(function (host, load) {
  "use strict";
  const { Headers } = load("headers");
  const { fetched, direct } = load("response");
  const { defineProperty } = Object;
  const entries = new WeakMap();
  const byId = new Map();

  class PendingResponse extends Promise {
    static get [Symbol.species]() {
      return Promise;
    }
    then(fulfilled, rejected) {
      attend(entries.get(this));
      return super.then(fulfilled, rejected);
    }
    get ok() {
      return now(this).ok;
    }
    get status() {
      return now(this).status;
    }
    get statusText() {
      return now(this).statusText;
    }
    get headers() {
      return now(this).headers;
    }
    get body() {
      return now(this).body;
    }
    get url() {
      return now(this).url;
    }
    get redirected() {
      return now(this).redirected;
    }
    text() {
      return direct.text(now(this));
    }
    json() {
      return direct.json(now(this));
    }
    bytes() {
      return direct.bytes(now(this));
    }
    arrayBuffer() {
      return direct.arrayBuffer(now(this));
    }
    clone() {
      return now(this).clone();
    }
    throwForStatus() {
      return now(this).throwForStatus();
    }
    toJSON() {
      return now(this).toJSON();
    }
    [Symbol.for("nodejs.util.inspect.custom")]() {
      return now(this);
    }
  }

  function attend(entry) {
    if (entry?.id !== undefined && !entry.attended) {
      entry.attended = true;
      host("fetch.attend", entry.id);
    }
  }

  function settleWith(entry, outcome) {
    if (entry.outcome !== undefined) return;
    entry.outcome = outcome;
    if ("error" in outcome) entry.reject(outcome.error);
    else entry.resolve(outcome.response);
  }

  function finish(entry, site) {
    if (entry.outcome !== undefined) return;
    const head = host("fetch.outcome", entry.id);
    if (head.error === undefined) return settleWith(entry, { response: fetched(entry.id, head) });
    const error = new (load("errors")[head.error])(head.message);
    error.code = head.code;
    // An answer that comes by itself has no call that waits for it: the request's call is shown.
    if (site !== undefined) {
      defineProperty(error, "stack", { value: site.stack, writable: true, configurable: true });
    }
    settleWith(entry, { error });
  }

  function now(pending) {
    const entry = entries.get(pending);
    if (entry === undefined) throw new TypeError("this is not what fetch returned");
    attend(entry);
    if (entry.outcome === undefined) {
      host("fetch.wait", entry.id);
      finish(entry);
    }
    if ("error" in entry.outcome) throw entry.outcome.error;
    return entry.outcome.response;
  }

  function settle(id) {
    const entry = byId.get(id);
    byId.delete(id);
    if (entry !== undefined) finish(entry, entry.site);
  }

  function contentOf(body, headers) {
    if (body === undefined || body === null) return undefined;
    const bytes = typeof body === "object" ? load("encoding").bytesOf(body) : undefined;
    if (bytes !== undefined) return bytes;
    const typed = (type, text) => {
      if (!headers.has("content-type")) headers.set("content-type", type);
      return text;
    };
    if (typeof body === "string") return typed("text/plain;charset=UTF-8", body);
    const form = "application/x-www-form-urlencoded";
    const params = typeof body === "object" && body[Symbol.toStringTag] === "URLSearchParams";
    if (params) return typed(`${form};charset=UTF-8`, body.toString());
    if (headers.get("content-type")?.toLowerCase().startsWith(form) && typeof body === "object") {
      const { URLSearchParams } = load("url");
      return new URLSearchParams(body).toString();
    }
    const text = JSON.stringify(body);
    if (text === undefined) throw new TypeError(`a ${typeof body} cannot be the body of a request`);
    return typed("application/json", text);
  }

  function start(entry, input, init, body) {
    const isRequest = typeof input === "object" && input !== null && typeof input.url === "string";
    const options = { ...(isRequest ? input : {}), ...(init ?? {}) };
    const { method = "GET", redirect = "follow", timeout, signal } = options;
    const headers = new Headers(options.headers);
    const content = contentOf(body ?? options.body, headers);
    if (signal?.aborted) return settleWith(entry, { error: signal.reason });
    const lines = [];
    for (const [name, value] of headers) lines.push(name, value);
    const url = isRequest ? input.url : `${input}`;
    entry.id = host("fetch.start", `${method}`, url, lines.join("\n"), content, `${redirect}`, timeout);
    byId.set(entry.id, entry);
    signal?.addEventListener("abort", () => {
      if (entry.outcome !== undefined) return;
      settleWith(entry, { error: signal.reason });
      host("fetch.abort", entry.id);
    });
  }

  function fetch(input, init, body) {
    const entry = { site: new Error() };
    const pending = new PendingResponse((resolve, reject) => {
      entry.resolve = resolve;
      entry.reject = reject;
    });
    entries.set(pending, entry);
    try {
      start(entry, input, init, body);
    } catch (error) {
      settleWith(entry, { error });
    }
    return pending;
  }

  return { fetch, settle };
})
