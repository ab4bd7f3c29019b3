// TextEncoder and TextDecoder (WHATWG Encoding), for UTF-8.
(function (host, load) {
  "use strict";
  const UTF8 = ["utf-8", "utf8", "unicode-1-1-utf-8"];

  // The bytes of a buffer or view as a Uint8Array; undefined of anything else.
  function bytesOf(data) {
    if (data instanceof Uint8Array) return data;
    if (data instanceof ArrayBuffer) return new Uint8Array(data);
    if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return undefined;
  }

  class TextEncoder {
    get encoding() {
      return "utf-8";
    }
    encode(text = "") {
      return host("utf8.encode", `${text}`);
    }
    encodeInto(text, target) {
      let read = 0;
      let written = 0;
      for (const character of `${text}`) {
        const bytes = host("utf8.encode", character);
        if (written + bytes.length > target.length) break;
        target.set(bytes, written);
        written += bytes.length;
        read += character.length;
      }
      return { read, written };
    }
  }

  // How many bytes at the end begin a character that is not complete yet.
  function incomplete(bytes) {
    for (let back = 1; back <= 3 && back <= bytes.length; back++) {
      const byte = bytes[bytes.length - back];
      if (byte >= 0xc0) return (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) > back ? back : 0;
      if (byte < 0x80) return 0;
    }
    return 0;
  }

  class TextDecoder {
    #fatal;
    #keepMark;
    #left = new Uint8Array(0);
    #begun = false;
    constructor(label = "utf-8", { fatal = false, ignoreBOM = false } = {}) {
      if (!UTF8.includes(`${label}`.trim().toLowerCase())) {
        throw new RangeError(`there is no decoder for \`${label}\`; there is one for utf-8`);
      }
      this.#fatal = !!fatal;
      this.#keepMark = !!ignoreBOM;
    }
    get encoding() {
      return "utf-8";
    }
    get fatal() {
      return this.#fatal;
    }
    get ignoreBOM() {
      return this.#keepMark;
    }
    decode(data = new Uint8Array(0), { stream = false } = {}) {
      let bytes = bytesOf(data);
      if (bytes === undefined) throw new TypeError("decode takes an ArrayBuffer or a view of one");
      if (this.#left.length > 0) {
        const joined = new Uint8Array(this.#left.length + bytes.length);
        joined.set(this.#left);
        joined.set(bytes, this.#left.length);
        bytes = joined;
      }
      const keep = stream ? incomplete(bytes) : 0;
      this.#left = bytes.slice(bytes.length - keep);
      const text = host("utf8.decode", bytes.slice(0, bytes.length - keep), this.#fatal, this.#keepMark || this.#begun);
      this.#begun = stream && (this.#begun || text !== "");
      return text;
    }
  }

  return { TextEncoder, TextDecoder, bytesOf };
})
