// Random values and digests (Web Cryptography API).
(function (host, load) {
  "use strict";
  const WHOLE = ["Int8Array", "Uint8Array", "Uint8ClampedArray", "Int16Array", "Uint16Array",
    "Int32Array", "Uint32Array", "BigInt64Array", "BigUint64Array"];

  function fail(message, name) {
    const { DOMException } = load("abort");
    throw new DOMException(message, name);
  }

  const crypto = {
    randomUUID: () => host("random.uuid"),
    getRandomValues(array) {
      if (!ArrayBuffer.isView(array) || !WHOLE.includes(array[Symbol.toStringTag])) {
        fail("getRandomValues fills an array of whole numbers", "TypeMismatchError");
      }
      if (array.byteLength > 65_536) {
        fail(`getRandomValues gives at most 65536 bytes at once, not ${array.byteLength}`, "QuotaExceededError");
      }
      const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
      bytes.set(host("random.bytes", array.byteLength));
      return array;
    },
    subtle: {
      async digest(algorithm, data) {
        const name = typeof algorithm === "object" && algorithm !== null ? algorithm.name : algorithm;
        const bytes = load("encoding").bytesOf(data);
        if (bytes === undefined) throw new TypeError("digest takes an ArrayBuffer or a view of one");
        try {
          return host(`digest.${name}`, bytes).buffer;
        } catch (error) {
          return fail(error.message, "NotSupportedError");
        }
      },
    },
  };
  return { crypto };
})
