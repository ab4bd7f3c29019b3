// A clock that never goes back, from the beginning of the run.
(function (host, load) {
  "use strict";
  const timeOrigin = Date.now() - host("clock");
  const performance = { now: () => host("clock"), timeOrigin, toJSON: () => ({ timeOrigin }) };
  return { performance };
})
