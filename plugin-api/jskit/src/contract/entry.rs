//! The ways to say what a task's function is.

use ratchet_plugin_api::model::FailureKind;

use super::{Case, case};

const ADD: &str = r#"{"a": 2, "b": 3}"#;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = forms();
    cases.extend(modules());
    cases.extend(refused());
    cases.extend(arguments_and_results());
    cases
}

fn forms() -> Vec<Case> {
    let adds = |name, source| case(name, source).input(ADD).returns("5");
    vec![
        adds("a bare anonymous function", "function(input) { return input.a + input.b; }"),
        adds(
            "a bare anonymous function after comments",
            "// adds\n/* two */ function (input) {\n  return input.a + input.b;\n};\n// end",
        ),
        adds(
            "a bare async function",
            "async function(input) { await null; return input.a + input.b }",
        ),
        adds("a parenthesised function", "(function(input) { return input.a + input.b; })"),
        adds(
            "a parenthesised function with a semicolon",
            "(function (input) { return input.a + input.b; });\n",
        ),
        adds("a parenthesised arrow", "((input) => input.a + input.b)"),
        adds("a bare arrow", "(input) => input.a + input.b"),
        adds("a bare arrow without parentheses", "input => input.a + input.b"),
        adds("an async arrow", "async ({ a, b }) => { await 0; return a + b; }"),
        adds(
            "a function named main",
            "'use strict';\nfunction main(input) { return add(input); }\nfunction \
                add({ a, b }) { return a + b; }",
        ),
        adds(
            "an async function named main",
            "async function main(input) { return input.a + input.b; }",
        ),
        adds("a const named main", "const main = input => input.a + input.b;"),
        adds(
            "a let named main",
            "let main = async function (input) { return input.a + input.b; };",
        ),
        adds("a var named main", "var main = function (input) { return input.a + input.b; };"),
        adds(
            "module.exports as a function",
            "module.exports = function (input) { return input.a + input.b; };",
        ),
        adds(
            "module.exports with main",
            "function main(i) { return i.a + i.b; }\nmodule.exports = { main };",
        ),
        adds("module.exports with default", "module.exports = { default: i => i.a + i.b };"),
        adds("exports.main", "exports.main = async (i) => i.a + i.b;"),
        adds("module.exports.main", "module.exports.main = (i) => i.a + i.b;"),
        adds(
            "helpers before the last expression",
            "function add(a, b) { return a + b }\nconst one = 1;\n(input) => \
                add(input.a, input.b)",
        ),
        case("a script whose value is the output", "({ sum: 1 + 2 })").returns(r#"{"sum": 3}"#),
        case("a script whose value is a promise", "Promise.resolve([1, 2])").returns("[1, 2]"),
        case("a script that ends with a number", "const x = 20;\nx * 2 + 2").returns("42"),
        case("a byte order mark and a hashbang", "\u{feff}function main() { return 1 }")
            .returns("1"),
        case("a generator is not special", "function* main() { yield 1 }").returns("{}"),
        case("a thenable is awaited", "() => ({ then(done) { done('later') } })")
            .returns(r#""later""#),
    ]
}

fn modules() -> Vec<Case> {
    vec![
        case("a module's default function", "export default function (input) { return input.a; }")
            .input(ADD)
            .returns("2"),
        case("a module's default async arrow", "export default async input => input.b")
            .input(ADD)
            .returns("3"),
        case("a module's exported main", "export function main(input) { return input.a; }")
            .input(ADD)
            .returns("2"),
        case("a module's exported const", "export const main = input => input.b;")
            .input(ADD)
            .returns("3"),
        case("a module's export list", "function run(i) { return i.a }\nexport { run as main };")
            .input(ADD)
            .returns("2"),
        case("a module's default object", "export default { main: i => i.a };")
            .input(ADD)
            .returns("2"),
        case("a module whose default is a value", "export default { fixed: true };")
            .returns(r#"{"fixed": true}"#),
        case(
            "a module's top-level await",
            "const value = await Promise.resolve(7);\nexport default () => value;",
        )
        .returns("7"),
        case(
            "modules import each other",
            "import { tax } from './lib/tax.js';\nimport rates from \
                './lib/rates.json' with { type: 'json' };\nexport default ({ a }) => \
                tax(a, rates.high);",
        )
        .module(
            "lib/tax.js",
            "import { times } from '../util.js';\nexport const tax = (x, r) => \
                times(x, r);",
        )
        .module("util.js", "export const times = (x, y) => x * y;")
        .module("lib/rates.json", r#"{"high": 10}"#)
        .input(ADD)
        .returns("20"),
        case(
            "a file is imported without its ending",
            "import { one } from './lib/one';\nexport default () => one;",
        )
        .module("lib/one.js", "export const one = 1;")
        .returns("1"),
        case(
            "modules in a circle",
            "import { b } from './b.js';\nexport const a = () => 1;\nexport default \
                () => b();",
        )
        .module("b.js", "import { c } from './c.js';\nexport const b = () => c() + 1;")
        .module(
            "c.js",
            "import { b } from './b.js';\nexport const c = () => typeof b === \
                'function' ? 40 : 0;",
        )
        .returns("41"),
        case("an import at run time", "async () => (await import('./late.js')).value")
            .module("late.js", "export const value = 'late';")
            .returns(r#""late""#),
        case(
            "an import that is missing",
            "import { x } from './nowhere.js';\nexport default () => x;",
        )
        .module("here.js", "export const x = 1;")
        .fails(FailureKind::InvalidProgram, "TypeError", "`./nowhere.js`"),
        case("an import of a package", "import _ from 'lodash';\nexport default () => _;").fails(
            FailureKind::InvalidProgram,
            "TypeError",
            "its own files only",
        ),
        case(
            "an imported file that cannot be parsed",
            "import { x } from './bad.js';\nexport default () => x;",
        )
        .module("bad.js", "export const x = ;\n")
        .fails(FailureKind::InvalidProgram, "SyntaxError", "")
        .at("bad.js", 1),
        case(
            "a name that is not exported",
            "import { nope } from './lib.js';\nexport default () => nope;",
        )
        .module("lib.js", "export const x = 1;")
        .fails(FailureKind::InvalidProgram, "SyntaxError", ""),
        case(
            "a module that throws while it is evaluated",
            "throw new RangeError('at the top');\nexport default () => 1;",
        )
        .throws("RangeError", "at the top")
        .at("main.js", 1),
    ]
}

fn refused() -> Vec<Case> {
    let refused = |name, source, message| {
        case(name, source).fails(FailureKind::InvalidProgram, "SyntaxError", message)
    };
    vec![
        refused("an empty file", "", "no entry"),
        refused(
            "a function of another name",
            "function handler(input) { return input; }",
            "is it `handler`?",
        ),
        refused("a module without an entry", "export const other = 1;", "no entry"),
        refused("a syntax error on line 3", "function main() {\n  return 1;\n  let = = 2;\n}", "")
            .at("main.js", 3),
        refused(
            "a syntax error's column on a bare function's line",
            "function(input) { return input +* 2; }",
            "",
        )
        .at_column("main.js", 1, &[33]),
        refused("an unfinished file", "function main() {", ""),
    ]
}

fn arguments_and_results() -> Vec<Case> {
    vec![
        case("the context is the second argument", "(input, context) => [input, context.jobId]")
            .input("1")
            .context(r#"{"executionId": "e", "taskId": "t", "taskVersion": "1.0.0", "jobId": "j"}"#)
            .returns(r#"[1, "j"]"#),
        case("without a context there is one argument", "(...all) => all.length").returns("1"),
        case(
            "this is undefined in strict code",
            "'use strict'; (function () { return this === undefined })",
        )
        .returns("true"),
        case("input keeps text as it is", "input => input")
            .input(r#"{"quote": "it's \"so\"", "line": "a\nb\\n", "mark": "\u2028é😀"}"#)
            .returns(r#"{"quote": "it's \"so\"", "line": "a\nb\\n", "mark": "\u2028é😀"}"#),
        case(
            "a key called __proto__ is only a key",
            "input => [Object.keys(input), input.polluted === undefined, \
                ({}).polluted === undefined]",
        )
        .input(r#"{"__proto__": {"polluted": 1}}"#)
        .returns(r#"[["__proto__"], true, true]"#),
        case(
            "numbers are doubles",
            "input => [input[0] === 9007199254740992, Object.is(input[1], -0), \
                input[2], input[3]]",
        )
        .input("[9007199254740993, -0.0, 0.1, 1e3]")
        .returns("[true, true, 0.1, 1000]"),
        case("repeated keys: the last one counts", "input => input.a")
            .input(r#"{"a": 1, "a": 2}"#)
            .returns("2"),
        case(
            "deep input",
            "input => { let d = 0; while (Array.isArray(input)) { d++; input = \
                input[0]; } return d; }",
        )
        .input(&format!("{}{}", "[".repeat(400), "]".repeat(400)))
        .returns("400"),
        case("null, false, zero and empty text are outputs", "() => [null, false, 0, '']")
            .returns(r#"[null, false, 0, ""]"#),
        case(
            "output follows JSON.stringify",
            "() => ({ when: new Date(0), nan: NaN, gone: undefined, f() {}, map: new \
                Map([[1, 2]]), big: [undefined] })",
        )
        .returns(r#"{"when": "1970-01-01T00:00:00.000Z", "nan": null, "map": {}, "big": [null]}"#),
        case("toJSON is used", "() => ({ toJSON() { return 'mine'; } })").returns(r#""mine""#),
    ]
}
