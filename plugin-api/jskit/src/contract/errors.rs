//! What is thrown and how it is told.

use super::{Case, case};

const CLASSES: &str = "AuthenticationError, AuthorizationError, NetworkError, ValidationError, \
    ConfigurationError, RateLimitError, ServiceUnavailableError, TimeoutError, DataError";

pub(super) fn cases() -> Vec<Case> {
    let mut cases = classes();
    cases.extend(stacks());
    cases.extend(other_values());
    cases
}

fn classes() -> Vec<Case> {
    vec![
        case(
            "every error class is a subclass of Error",
            &format!(
                "() => [{CLASSES}].map(C => {{ const e = new C('why'); return \
                 e instanceof C && e instanceof Error && Object.getPrototypeOf(C) === Error \
                 && e.message === 'why' && e.name === C.name && `${{e}}` === `${{C.name}}: why` \
                 && typeof e.stack === 'string' && Object.keys(e).length === 0; }}).every(Boolean)"
            ),
        )
        .returns("true"),
        case(
            "error classes work without new",
            "() => { const e = RateLimitError('slow'); return [e.name, e instanceof \
                RateLimitError] }",
        )
        .returns(r#"["RateLimitError", true]"#),
        case(
            "error classes can be extended",
            "class Mine extends DataError { constructor() { super('m'); this.extra = \
                1 } }\n() => { const e = new Mine(); return [e instanceof Mine, e \
                instanceof DataError, e.name, e.extra] }",
        )
        .returns(r#"[true, true, "DataError", 1]"#),
        case(
            "HttpError has a status",
            "() => { const e = new HttpError(404, 'Not Found'); return [e.status, \
                e.message, e.name, new HttpError(500).message] }",
        )
        .returns(r#"[404, "Not Found", "HttpError", "HTTP 500"]"#),
        case("a thrown Error", "function main() { throw new Error('broken') }")
            .throws("Error", "broken"),
        case("a thrown class of ours", "() => { throw new AuthenticationError('who are you') }")
            .throws("AuthenticationError", "who are you"),
        case("a thrown HttpError tells its status", "() => { throw new HttpError(418, 'teapot') }")
            .throws("HttpError", "teapot")
            .details(r#"{"status": 418}"#),
        case(
            "own properties become details",
            "() => { throw Object.assign(new TypeError('bad'), { field: 'a', limit: \
                { max: 3 }, f() {}, name: 'OddError' }) }",
        )
        .throws("OddError", "bad")
        .details(r#"{"field": "a", "limit": {"max": 3}}"#),
        case(
            "causes are told nearest first",
            "() => { const low = new RangeError('deep', { cause: 'why' });\n throw \
                new DataError('top', { cause: new NetworkError('mid', { cause: low }) \
                }) }",
        )
        .throws("DataError", "top")
        .causes(&["NetworkError: mid", "RangeError: deep", "why"]),
        case(
            "a class of the task's own",
            "class PaymentError extends Error { constructor(m) { super(m); this.name \
                = 'PaymentError'; this.code = 'declined' } }\n() => { throw new \
                PaymentError('no funds') }",
        )
        .throws("PaymentError", "no funds")
        .details(r#"{"code": "declined"}"#),
        case("a rejected promise", "async () => { await null; throw new RangeError('later') }")
            .throws("RangeError", "later"),
        case("Promise.reject", "() => Promise.reject(new ValidationError('no'))")
            .throws("ValidationError", "no"),
        case("an error of the language", "() => null.x").throws("TypeError", ""),
        case("an unknown name", "() => nope").throws("ReferenceError", "nope"),
        case("an error while the script itself runs", "const a = {};\na.b.c;\nfunction main() {}")
            .throws("TypeError", "")
            .at("main.js", 2),
        case(
            "an error is caught and its stack is text",
            "() => { try { null.x } catch (e) { return typeof e.stack + (e \
                instanceof TypeError) } }",
        )
        .returns(r#""stringtrue""#),
        case(
            "AggregateError",
            "() => Promise.any([Promise.reject(new Error('a')), Promise.reject(new \
                Error('b'))])",
        )
        .throws("AggregateError", ""),
    ]
}

/// For the place of `throw new Error()`, engines take the `new` or the class.
fn stacks() -> Vec<Case> {
    vec![
        case(
            "the line of the throw",
            "function main() {\n  const x = 1;\n  throw new Error('here');\n}",
        )
        .throws("Error", "here")
        .at("main.js", 3)
        .in_function("main"),
        case(
            "the line of a failed access",
            "function main(input) {\n  const a = input;\n\n  return a.b.c;\n}",
        )
        .throws("TypeError", "")
        .at("main.js", 4)
        .in_function("main"),
        case(
            "a helper is on top of the stack",
            "function helper() {\n  throw new DataError('x');\n}\nfunction main() \
                {\n  helper();\n}",
        )
        .throws("DataError", "x")
        .at("main.js", 2)
        .in_function("helper"),
        case(
            "the columns of a bare function are the file's",
            "function (input) { throw new Error('x') }",
        )
        .throws("Error", "x")
        .at_column("main.js", 1, &[26, 30]),
        case(
            "the columns of a named function are the file's",
            "function main () { throw new Error('x') }",
        )
        .throws("Error", "x")
        .at_column("main.js", 1, &[26, 30]),
        case(
            "a bare function after comments",
            "/* one\n   two */ function (input) {\n  throw new Error('x')\n}",
        )
        .throws("Error", "x")
        .at("main.js", 3),
        case(
            "a module's stack names its file",
            "import { fail } from './lib/fail.js';\nexport default function () {\n  \
                fail();\n}",
        )
        .module("lib/fail.js", "\nexport function fail() {\n  throw new Error('inside');\n}")
        .throws("Error", "inside")
        .at("lib/fail.js", 3)
        .in_function("fail"),
        case(
            "an async function after await",
            "async function main() {\n  await null;\n  throw new Error('late');\n}",
        )
        .throws("Error", "late")
        .at("main.js", 3),
        case(
            "an async arrow as a module's default",
            "export default async () => { throw new Error('x') }",
        )
        .throws("Error", "x")
        .at_column("main.js", 1, &[36, 40]),
        case(
            "a callback of a builtin",
            "function main() {\n  return [1].map(x => {\n    throw new Error('in \
                map');\n  });\n}",
        )
        .throws("Error", "in map")
        .at("main.js", 3),
    ]
}

fn other_values() -> Vec<Case> {
    vec![
        case("a thrown text", "() => { throw 'just text' }")
            .throws("String", "just text")
            .details(r#""just text""#),
        case("a thrown number", "() => { throw 42 }").throws("Number", "42").details("42"),
        case("a thrown null", "() => { throw null }").throws("Null", "null"),
        case("a thrown undefined", "() => { throw undefined }").throws("Undefined", "undefined"),
        case("a thrown object", "() => { throw { code: 7 } }")
            .throws("Object", "{ code: 7 }")
            .details(r#"{"code": 7}"#),
        case("a thrown symbol", "() => { throw Symbol('s') }").throws("Symbol", ""),
        case("a thrown function", "() => { throw function f() {} }").throws("Function", ""),
        case("a thrown BigInt", "() => { throw 10n }").throws("Bigint", "10"),
        case(
            "an error whose properties throw",
            "() => { const e = new Error('x'); for (const k of ['name', 'message', \
                'stack', 'cause', 'extra']) Object.defineProperty(e, k, { enumerable: \
                true, get() { throw new Error('no') } }); throw e }",
        )
        .throws("Error", ""),
        case(
            "a thrown Proxy that refuses everything",
            "() => { throw new Proxy({}, { get() { throw 1 }, has() { throw 2 }, \
                ownKeys() { throw 3 }, getPrototypeOf() { throw 4 }, \
                getOwnPropertyDescriptor() { throw 5 } }) }",
        )
        .throws("", ""),
        case(
            "an error with a cyclic cause",
            "() => { const e = new Error('loop'); e.cause = e; throw e }",
        )
        .throws("Error", "loop"),
        case(
            "an error with a cyclic property",
            "() => { const e = new Error('loop'); e.self = e; e.a = 1; throw e }",
        )
        .throws("Error", "loop")
        .details(r#"{"a": 1}"#),
    ]
}
