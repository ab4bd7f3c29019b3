// What CommonJS modules export through.
(function (host, load) {
  "use strict";
  const module = { exports: {} };
  return { module, exports: module.exports };
})
