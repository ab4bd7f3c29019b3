(function (host, load) { "use strict"; return {}; })
