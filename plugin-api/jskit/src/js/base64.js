// `atob` and `btoa` (WHATWG HTML, section 8.3).
(function (host, load) {
  "use strict";
  function convert(operation, value) {
    try {
      return host(operation, `${value}`);
    } catch (error) {
      const { DOMException } = load("abort");
      throw new DOMException(error.message, "InvalidCharacterError");
    }
  }
  return {
    atob: (data) => convert("base64.decode", data),
    btoa: (data) => convert("base64.encode", data),
  };
})
