//! `console` and what the log keeps.

use ratchet_plugin_api::model::LogLevel::{Debug, Error, Info, Trace, Warn};

use super::{Case, case};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![
        case(
            "every level",
            "() => { console.log('a'); console.info('b'); console.warn('c'); \
                console.error('d'); console.debug('e'); return null }",
        )
        .logs(&[(Info, "a"), (Info, "b"), (Warn, "c"), (Error, "d"), (Debug, "e")]),
        case(
            "values are joined by spaces",
            "() => { console.log('n', 1, true, null, undefined, 'x'); console.log(); \
                return null }",
        )
        .logs(&[(Info, "n 1 true null undefined x"), (Info, "")]),
        case(
            "substitutes",
            "() => { console.log('%s has %d of %i, %f %j %o %%', 'a', 1.5, 2.7, \
                '3.5', { k: 1 }, [1], 'rest'); return null }",
        )
        .logs(&[(Info, "a has 1.5 of 2, 3.5 {\"k\":1} [ 1 ] % rest")]),
        case("trace shows where", "function main() {\n  console.trace('here', 1); return null }")
            .logs_holding(Trace, "Trace: here 1\n    at main (main.js:2:"),
        case(
            "assert logs failures only",
            "() => { console.assert(true, 'no'); console.assert(false, 'yes', 1); \
                console.assert(0); return null }",
        )
        .logs(&[(Error, "Assertion failed: yes 1"), (Error, "Assertion failed")]),
        case(
            "count",
            "() => { console.count(); console.count('x'); console.count(); \
                console.countReset(); console.count(); return null }",
        )
        .logs(&[
            (Info, "default: 1"),
            (Info, "x: 1"),
            (Info, "default: 2"),
            (Info, "default: 1"),
        ]),
        case(
            "groups indent",
            "() => { console.group('G'); console.log('a\\nb'); console.group(); \
                console.warn('c'); console.groupEnd(); console.groupEnd(); \
                console.log('d'); return null }",
        )
        .logs(&[(Info, "G"), (Info, "  a\n  b"), (Warn, "    c"), (Info, "d")]),
        case("a table", "() => { console.table([{ a: 1, b: 'x' }, { a: 2 }]); return null }").logs(
            &[(
                Info,
                "┌─────────┬───┬─────┐\n│ (index) │ a │ b   │\n├─────────┼───┼─────┤\n│ \
                0       │ 1 │ 'x' │\n│ 1       │ 2 │     │\n└─────────┴───┴─────┘",
            )],
        ),
        case(
            "timers of the console",
            "() => { console.time('t'); console.timeEnd('t'); console.timeEnd('t'); \
                return null }",
        )
        .logs_holding(Info, "t: ")
        .logs_holding(Warn, "There is no timer \"t\""),
        case(
            "methods may be detached",
            "() => { const { log } = console; [1].forEach(x => log(x)); return null }",
        )
        .logs(&[(Info, "1")]),
        case(
            "what is logged before a failure is kept",
            "() => { console.log('before'); throw new Error('x') }",
        )
        .throws("Error", "x")
        .logs(&[(Info, "before")]),
        case(
            "promise jobs log in order",
            "async () => { console.log(1); queueMicrotask(() => console.log(2)); \
                await null; console.log(3); return null }",
        )
        .logs(&[(Info, "1"), (Info, "2"), (Info, "3")]),
        case(
            "jobs of a synchronous task are run",
            "() => { Promise.resolve().then(() => console.log('job')); return null }",
        )
        .logs(&[(Info, "job")]),
        case(
            "over the line limit, lines are dropped and the run goes on",
            "() => { for (let i = 0; i < 5; i++) console.log(i); return 'done' }",
        )
        .limits(|limits| limits.log_lines = 2)
        .returns(r#""done""#)
        .logs(&[(Info, "0"), (Info, "1")]),
        case(
            "over the byte limit too",
            "() => { console.log('12345'); console.log('123456'); console.log('1'); \
                return null }",
        )
        .limits(|limits| limits.log_bytes = 8)
        .logs(&[(Info, "12345"), (Info, "1")]),
        case(
            "a hundred thousand lines end well",
            "() => { for (let i = 0; i < 1e5; i++) console.log({ a: [i] }); return \
                null }",
        )
        .limits(|limits| limits.log_lines = 10)
        .drops(99_990),
    ];
    cases.extend(FORMATS.iter().map(|(name, value, shown)| {
        case(name, &format!("() => {{ console.log({value}); return null }}")).logs(&[(Info, shown)])
    }));
    cases
}

/// How values are shown, as Node 20 shows them.
const FORMATS: &[(&str, &str, &str)] = &[
    (
        "shows objects",
        "{ a: 1, 'b-c': 'x', d: { e: [1, 2] } }",
        "{ a: 1, 'b-c': 'x', d: { e: [ 1, 2 ] } }",
    ),
    ("shows empty things", "[], {}, '', new Map()", "[] {}  Map(0) {}"),
    ("shows depth", "{ a: { b: { c: { d: 1 } } } }", "{ a: { b: { c: [Object] } } }"),
    ("shows arrays in arrays", "[[[[1]]]]", "[ [ [ [Array] ] ] ]"),
    (
        "shows maps and sets",
        "new Map([['k', { v: 1 }]]), new Set([1, 'a'])",
        "Map(1) { 'k' => { v: 1 } } Set(2) { 1, 'a' }",
    ),
    ("shows classes", "new (class Point { constructor() { this.x = 1 } })()", "Point { x: 1 }"),
    (
        "shows functions",
        "[function f() {}, () => {}, class A {}]",
        "[ [Function: f], [Function (anonymous)], [class A] ]",
    ),
    (
        "shows cycles",
        "(() => { const o = { n: 1 }; o.self = o; return o })()",
        "<ref *1> { n: 1, self: [Circular *1] }",
    ),
    (
        "shows primitives",
        "[undefined, null, -0, 1n, Symbol('s'), 'it\\'s']",
        "[ undefined, null, -0, 1n, Symbol(s), \"it's\" ]",
    ),
    ("shows dates and patterns", "[new Date(0), /a/g]", "[ 1970-01-01T00:00:00.000Z, /a/g ]"),
    (
        "shows getters without calling them",
        "{ get a() { throw 1 }, set b(v) {} }",
        "{ a: [Getter], b: [Setter] }",
    ),
    ("shows typed arrays", "new Uint8Array([1, 2])", "Uint8Array(2) [ 1, 2 ]"),
    (
        "shows objects without a prototype",
        "Object.create(null, { a: { value: 1, enumerable: true } })",
        "[Object: null prototype] { a: 1 }",
    ),
    ("shows holes", "[1, , , 2]", "[ 1, <2 empty items>, 2 ]"),
    (
        "breaks long objects",
        "{ first: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', second: \
                'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb' }",
        "{\n  first: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',\n  second: \
                'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb'\n}",
    ),
    (
        "shows what throws when it is read",
        "new Proxy({}, { ownKeys() { throw new Error('closed') } })",
        "[not readable: closed]",
    ),
    ("shows text as it is", "'a\\nb', ['a\\nb']", "a\nb [ 'a\\nb' ]"),
];
