// The error classes tasks throw and react to, callable with and without `new`.
(function (host, load) {
  "use strict";
  const { create, defineProperty, setPrototypeOf } = Object;
  const { construct } = Reflect;
  const classes = {};

  function define(name, make) {
    const hidden = (value) => ({ value, writable: true, configurable: true });
    make.prototype = create(Error.prototype, { constructor: hidden(make), name: hidden(name) });
    setPrototypeOf(make, Error);
    defineProperty(make, "name", { value: name, configurable: true });
    classes[name] = make;
  }

  for (const name of ["AuthenticationError", "AuthorizationError", "NetworkError",
    "ValidationError", "ConfigurationError", "RateLimitError", "ServiceUnavailableError",
    "TimeoutError", "DataError"]) {
    define(name, function Typed(message, options) {
      return construct(Error, [message, options], new.target ?? Typed);
    });
  }
  define("HttpError", function HttpError(status, message, options) {
    const error = construct(Error, [message ?? `HTTP ${status}`, options], new.target ?? HttpError);
    error.status = status;
    return error;
  });

  function isTyped(error) {
    for (const name in classes) if (error instanceof classes[name]) return true;
    return false;
  }

  return { ...classes, isTyped };
})
