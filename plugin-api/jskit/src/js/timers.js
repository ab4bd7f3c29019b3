// Timers and microtasks. The host knows when a timer is due, this knows what it calls.
(function (host, load) {
  "use strict";
  const byTimer = new Map();
  const byId = new Map();

  function start(entry) {
    entry.timer = host("timer.start", entry.wait);
    entry.id ??= entry.timer;
    byTimer.set(entry.timer, entry);
    byId.set(entry.id, entry);
    return entry.id;
  }

  function timer(callback, wait, repeat, values) {
    if (typeof callback !== "function") {
      throw new TypeError(`a timer calls a function, not ${typeof callback}`);
    }
    return start({ callback, wait: Number(wait) || 0, repeat, values });
  }

  function clear(id) {
    const entry = byId.get(Number(id));
    if (entry === undefined) return;
    byId.delete(entry.id);
    byTimer.delete(entry.timer);
    host("timer.clear", entry.timer);
  }

  function fire(number) {
    const entry = byTimer.get(number);
    if (entry === undefined) return;
    byTimer.delete(number);
    if (entry.repeat) start(entry);
    else byId.delete(entry.id);
    entry.callback(...entry.values);
  }

  const setTimeout = (callback, wait, ...values) => timer(callback, wait, false, values);
  const setInterval = (callback, wait, ...values) => timer(callback, Math.max(1, Number(wait) || 0), true, values);
  const setImmediate = (callback, ...values) => timer(callback, 0, false, values);

  function queueMicrotask(callback) {
    if (typeof callback !== "function") {
      throw new TypeError(`a microtask calls a function, not ${typeof callback}`);
    }
    const fail = (error) => {
      throw error;
    };
    Promise.resolve().then(callback).catch((error) => setTimeout(fail, 0, error));
  }

  return {
    setTimeout, clearTimeout: (id) => clear(id),
    setInterval, clearInterval: (id) => clear(id),
    setImmediate, clearImmediate: (id) => clear(id),
    queueMicrotask, fire,
  };
})
