// Tells what was thrown, whatever it is: reading it must not throw again.
(function (host, load) {
  "use strict";
  const { stringify } = JSON;
  const { keys } = Object;
  const MOST_CAUSES = 8;

  function attempt(read, otherwise) {
    try {
      return read();
    } catch {
      return otherwise;
    }
  }

  function text(value) {
    return attempt(() => `${value}`, attempt(() => typeof value, "value"));
  }

  function isError(value) {
    return attempt(() => value instanceof Error, false)
      || attempt(() => typeof value === "object" && value !== null
        && typeof value.message === "string" && typeof value.name === "string", false);
  }

  function className(error) {
    const name = attempt(() => error.name, undefined);
    if (typeof name === "string" && name !== "") return name;
    return attempt(() => text(error.constructor.name), "Error");
  }

  function json(value) {
    return attempt(() => stringify(value), undefined);
  }

  function causes(error) {
    const found = [];
    let cause = attempt(() => error.cause, undefined);
    while (cause !== undefined && cause !== null && found.length < MOST_CAUSES) {
      found[found.length] = isError(cause)
        ? `${className(cause)}: ${text(attempt(() => cause.message, ""))}`
        : text(cause);
      cause = attempt(() => cause.cause, undefined);
    }
    return found;
  }

  // Own enumerable properties, each in JSON; what has no JSON form is left out.
  function details(error) {
    const members = [];
    for (const key of attempt(() => keys(error), [])) {
      if (key === "name" || key === "message" || key === "stack" || key === "cause") continue;
      const value = json(attempt(() => error[key], undefined));
      if (value !== undefined) members[members.length] = `${stringify(key)}:${value}`;
    }
    return members.length === 0 ? undefined : `{${members.join(",")}}`;
  }

  function describeError(error) {
    const typed = attempt(() => load("errors").isTyped(error), false);
    return [className(error), text(attempt(() => error.message, "")),
      text(attempt(() => error.stack, "")), causes(error), details(error), typed];
  }

  function describeOther(value) {
    const kind = typeof value;
    if (kind === "object" && value !== null) {
      const name = attempt(() => text(value.constructor.name), "Object");
      const shown = attempt(() => load("inspect").inspect(value), text(value));
      return [name, `the task threw an object that is not an error: ${shown}`, "", [], json(value), false];
    }
    const name = value === null ? "Null" : kind[0].toUpperCase() + kind.slice(1);
    return [name, kind === "string" ? value : text(value), "", [], json(value), false];
  }

  function describe(value) {
    const [name, message, stack, nested, detail, typed] =
      isError(value) ? describeError(value) : describeOther(value);
    const members = [
      `"class":${stringify(name)}`, `"message":${stringify(message)}`,
      `"stack":${stringify(stack)}`, `"causes":${stringify(nested)}`, `"typed":${typed}`,
    ];
    if (detail !== undefined) members[members.length] = `"details":${detail}`;
    return `{${members.join(",")}}`;
  }

  return { describe };
})
