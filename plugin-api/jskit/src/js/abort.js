// Events, AbortController and AbortSignal (WHATWG DOM, sections 2 and 3), and DOMException.
(function (host, load) {
  "use strict";
  const CODES = { InvalidCharacterError: 5, NotFoundError: 8, NotSupportedError: 9,
    InvalidStateError: 11, SyntaxError: 12, AbortError: 20, QuotaExceededError: 22,
    TimeoutError: 23, DataCloneError: 25 };

  class DOMException extends Error {
    #name;
    constructor(message = "", options = "Error") {
      const named = typeof options === "object" && options !== null;
      super(message, named && "cause" in options ? { cause: options.cause } : undefined);
      this.#name = `${named ? options.name ?? "Error" : options}`;
    }
    get name() {
      return this.#name;
    }
    get code() {
      return CODES[this.#name] ?? 0;
    }
  }

  class Event {
    constructor(type, { bubbles = false, cancelable = false } = {}) {
      this.type = `${type}`;
      this.bubbles = bubbles;
      this.cancelable = cancelable;
      this.defaultPrevented = false;
      this.target = null;
      this.timeStamp = host("clock");
    }
    preventDefault() {
      if (this.cancelable) this.defaultPrevented = true;
    }
    stopImmediatePropagation() {
      this.stopped = true;
    }
  }

  class EventTarget {
    #listeners = [];
    addEventListener(type, callback, options) {
      if (callback === null || callback === undefined) return;
      const { once = false, signal } = typeof options === "object" && options !== null ? options : {};
      if (signal?.aborted || this.#listeners.some((one) => one.type === type && one.callback === callback)) return;
      this.#listeners.push({ type, callback, once });
      signal?.addEventListener("abort", () => this.removeEventListener(type, callback));
    }
    removeEventListener(type, callback) {
      this.#listeners = this.#listeners.filter((one) => one.type !== type || one.callback !== callback);
    }
    dispatchEvent(event) {
      event.target = this;
      const handler = this[`on${event.type}`];
      if (typeof handler === "function") handler.call(this, event);
      for (const { type, callback, once } of [...this.#listeners]) {
        if (type !== event.type || event.stopped) continue;
        if (once) this.removeEventListener(type, callback);
        if (typeof callback === "function") callback.call(this, event);
        else callback.handleEvent(event);
      }
      return !event.defaultPrevented;
    }
  }

  const aborted = (message) => new DOMException(message, "AbortError");
  let making = false;
  let make;
  let trigger;

  class AbortSignal extends EventTarget {
    #reason;
    #aborted = false;
    constructor() {
      if (!making) throw new TypeError("an AbortSignal comes from an AbortController");
      super();
      this.onabort = null;
    }
    static #make() {
      making = true;
      try {
        return new AbortSignal();
      } finally {
        making = false;
      }
    }
    static {
      make = () => AbortSignal.#make();
      trigger = (signal, reason = aborted("the operation was aborted")) => {
        if (signal.#aborted) return;
        signal.#aborted = true;
        signal.#reason = reason;
        signal.dispatchEvent(new Event("abort"));
      };
    }
    static abort(reason) {
      const signal = AbortSignal.#make();
      trigger(signal, reason);
      return signal;
    }
    static timeout(wait) {
      const signal = AbortSignal.#make();
      const { TimeoutError } = load("errors");
      const end = () => trigger(signal, new TimeoutError(`the operation took longer than ${wait} ms`));
      load("timers").setTimeout(end, wait);
      return signal;
    }
    static any(signals) {
      const signal = AbortSignal.#make();
      for (const source of signals) {
        if (source.aborted) {
          trigger(signal, source.reason);
          break;
        }
        source.addEventListener("abort", () => trigger(signal, source.reason), { once: true });
      }
      return signal;
    }
    get aborted() {
      return this.#aborted;
    }
    get reason() {
      return this.#reason;
    }
    throwIfAborted() {
      if (this.#aborted) throw this.#reason;
    }
  }
  class AbortController {
    #signal = make();
    get signal() {
      return this.#signal;
    }
    abort(reason) {
      trigger(this.#signal, reason);
    }
  }

  return { DOMException, Event, EventTarget, AbortSignal, AbortController };
})
