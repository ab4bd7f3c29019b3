//! Tasks that try to break their surroundings.

use ratchet_plugin_api::model::FailureKind::{self, MemoryLimit, TimeLimit};

use super::{Case, case};

/// A task that only the end of its process is sure to stop.
#[derive(Clone, Copy, Debug)]
pub struct Uncontained {
    /// What it does.
    pub name: &'static str,
    /// The task, an entry form of `main.js`.
    pub source: &'static str,
    /// How its run has to be reported, with limits of a few seconds and 256 MiB. Where several
    /// are right, the first is usual.
    pub kinds: &'static [FailureKind],
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "brackets nested deep",
            &format!("() => {}1{}", "[".repeat(20_000), "]".repeat(20_000)),
        )
        .fails(FailureKind::InvalidProgram, "SyntaxError", "nested"),
        case(
            "parentheses nested deep",
            &format!("() => {}1{}", "(".repeat(20_000), ")".repeat(20_000)),
        )
        .fails(FailureKind::InvalidProgram, "SyntaxError", "nested"),
        case(
            "blocks nested deep",
            &format!("function main() {{ {} {} }}", "{".repeat(20_000), "}".repeat(20_000)),
        )
        .fails(FailureKind::InvalidProgram, "SyntaxError", "nested"),
        case(
            "functions nested deep",
            &format!("() => {}1{}", "(() => ".repeat(5_000), ")()".repeat(5_000)),
        )
        .fails(FailureKind::InvalidProgram, "SyntaxError", "nested"),
        case(
            "templates nested deep",
            &format!("() => {}1{}", "`${".repeat(5_000), "}`".repeat(5_000)),
        )
        .fails(FailureKind::InvalidProgram, "SyntaxError", "nested"),
        case("a long row of operators", &format!("() => {}1", "!".repeat(50_000))).fails(
            FailureKind::InvalidProgram,
            "SyntaxError",
            "in a row",
        ),
        case("a long sum", &format!("() => {}1", "1+".repeat(50_000))).fails(
            FailureKind::InvalidProgram,
            "SyntaxError",
            "in a row",
        ),
        case("a long chain of conditionals", &format!("() => {}1", "0 ? 0 : ".repeat(50_000)))
            .fails(FailureKind::InvalidProgram, "SyntaxError", "in a row"),
        case("a file nested deep that is imported", "import './deep.js';\nexport default () => 1;")
            .module("deep.js", &"[".repeat(20_000))
            .fails(FailureKind::InvalidProgram, "SyntaxError", "nested")
            .at("deep.js", 1),
        case(
            "nesting as deep as programs have it",
            &format!("() => {}1{}.flat(Infinity)[0]", "[".repeat(200), "]".repeat(200)),
        )
        .input("1")
        .returns("1"),
        case("input nested too deep", "i => 1")
            .input(&format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)))
            .fails(FailureKind::InvalidInput, "", "nested"),
        case("text repeated less than never", "() => 'x'.repeat(-1)").throws("RangeError", ""),
        case("an array length that is none", "() => new Array(-1)").throws("RangeError", ""),
        case("a buffer larger than memory", "() => new ArrayBuffer(2 ** 40)")
            .throws("RangeError", ""),
        case(
            "prototype pollution stays in the run",
            "Object.prototype.then = 1; Object.prototype.ok = 'x'; \
                Object.prototype.toJSON = undefined;\n() => ({ a: 1 })",
        )
        .returns(r#"{"a": 1}"#),
        case(
            "JSON.stringify is replaced",
            "JSON.stringify = () => { throw new Error('mine') }; () => ({ a: 1 })",
        )
        .returns(r#"{"a": 1}"#),
        case("Promise is replaced", "globalThis.Promise = null; async () => { await 0; return 1 }")
            .returns("1"),
        case(
            "Promise.prototype.then is replaced",
            "Promise.prototype.then = () => { throw new Error('mine') }; async () => \
                { return 1 }",
        )
        .returns("1"),
        case(
            "a constructor of promises is replaced",
            "Object.defineProperty(Promise.prototype, 'constructor', { get() { throw \
                new Error('ctor') } }); () => 1",
        )
        .returns("1"),
        case(
            "globals are deleted",
            "for (const k of Object.getOwnPropertyNames(globalThis)) { try { delete \
                globalThis[k] } catch {} }\n() => 1",
        )
        .returns("1"),
        case(
            "eval and new Function work and stay inside",
            "() => [eval('1+1'), new Function('return typeof globalThis')()]",
        )
        .returns(r#"[2, "object"]"#),
        case(
            "eval of a program nested deep can be caught",
            "() => [() => eval('['.repeat(1e5)), () => new Function('return ' + \
                '('.repeat(1e5))].map(f => { try { f() } catch (e) { return e instanceof \
                SyntaxError || e instanceof RangeError } })",
        )
        .returns("[true, true]"),
        case(
            "waiting on shared memory is refused",
            "() => { const a = new Int32Array(new SharedArrayBuffer(4)); return \
                Atomics.wait(a, 0, 0, 1e9) }",
        )
        .throws("TypeError", ""),
        case("a thenable that never calls back", "() => ({ then() {} })").fails(
            FailureKind::NeverSettles,
            "",
            "",
        ),
        case("a thenable that settles twice", "() => ({ then(a, b) { a(1); b(2); a(3) } })")
            .returns("1"),
        case(
            "a rejected promise nobody handles does no harm",
            "() => { Promise.reject(new Error('lonely')); return 1 }",
        )
        .returns("1"),
    ]
}

/// Every task that may take its process with it or never end.
pub fn uncontained() -> Vec<Uncontained> {
    const MEMORY: &[FailureKind] =
        &[MemoryLimit, FailureKind::WorkerLost, TimeLimit, FailureKind::Thrown];
    const TIME: &[FailureKind] = &[TimeLimit];
    const STACK: &[FailureKind] = &[
        FailureKind::WorkerLost,
        FailureKind::RecursionLimit,
        FailureKind::Thrown,
        FailureKind::UnserializableOutput,
        MemoryLimit,
        TimeLimit,
    ];
    let task = |name, source, kinds| Uncontained { name, source, kinds };
    vec![
        task("an endless loop", "() => { while (true) {} }", TIME),
        task("an endless loop at the top level", "for (;;);", TIME),
        task(
            "an endless loop in a promise job",
            "async () => { await null; while (true) {} }",
            TIME,
        ),
        task("an endless loop in a getter", "() => ({ get x() { for (;;); } })", TIME),
        task("an endless loop in a callback", "() => [1].map(() => { for (;;); })", TIME),
        task(
            "an endless generator that is spread",
            "() => { const g = function* () { for (;;) yield 1 }; return [...g()] }",
            MEMORY,
        ),
        task(
            "a regular expression that never ends",
            "() => /^(a+)+$/.test('a'.repeat(40) + 'b')",
            &[TimeLimit, FailureKind::UnserializableOutput],
        ),
        task(
            "an array that grows for ever",
            "() => { const a = []; for (;;) a.push(new Array(1000).fill(a.length)) }",
            MEMORY,
        ),
        task("text that doubles for ever", "() => { let s = 'x'; for (;;) s += s }", MEMORY),
        task("text of gigabytes at once", "() => 'x'.repeat(2 ** 31).length + [].join", MEMORY),
        task(
            "objects that grow for ever",
            "() => { let o = {}; for (let i = 0; ; i++) o = { o, i } }",
            MEMORY,
        ),
        task(
            "a map that grows for ever",
            "() => { const m = new Map(); for (let i = 0; ; i++) m.set(i, 'x' + i) }",
            MEMORY,
        ),
        task(
            "promises that grow for ever",
            "() => { const all = []; for (;;) all.push(new Promise(() => {})) }",
            MEMORY,
        ),
        task(
            "buffers that grow for ever",
            "() => { const a = []; for (;;) a.push(new Uint8Array(1 << 20).fill(1)) }",
            MEMORY,
        ),
        task(
            "output of a gibibyte",
            "() => new Array(1024).fill('x'.repeat(1 << 20))",
            &[FailureKind::OutputLimit, MemoryLimit, FailureKind::WorkerLost, TimeLimit],
        ),
        task(
            "a list of lists, printed",
            "() => { let a = []; for (let i = 0; i < 1e5; i++) a = [a]; return a }",
            STACK,
        ),
        task(
            "a list of lists, joined",
            "() => { let a = []; for (let i = 0; i < 1e5; i++) a = [a]; return \
                `${a}` }",
            STACK,
        ),
        task(
            "a list of lists, flattened",
            "() => { let a = []; for (let i = 0; i < 1e5; i++) a = [a]; throw \
                new Error(a.flat(Infinity).length) }",
            &[
                FailureKind::WorkerLost,
                FailureKind::RecursionLimit,
                FailureKind::Thrown,
                MemoryLimit,
                TimeLimit,
            ],
        ),
        task(
            "a chain of proxies",
            "() => { let p = {}; for (let i = 0; i < 1e5; i++) p = new Proxy(p, {}); \
                return p.x }",
            STACK,
        ),
        task(
            "a chain of bound functions",
            "() => { let f = () => 1; for (let i = 0; i < 1e5; i++) f = \
                f.bind(null); return { v: f(), x: undefined }.y }",
            STACK,
        ),
        task(
            "a chain of prototypes",
            "() => { let o = {}; for (let i = 0; i < 1e5; i++) o = Object.create(o); \
                return o.x }",
            STACK,
        ),
        task(
            "a regular expression nested deep",
            "() => new RegExp('('.repeat(1e5) + ')'.repeat(1e5))",
            STACK,
        ),
        task("JSON nested deep", "() => JSON.parse('['.repeat(1e5) + ']'.repeat(1e5))", STACK),
        task(
            "a million log lines of a kilobyte",
            "() => { const s = 'x'.repeat(1000); for (let i = 0; i < 1e6; i++) \
                console.log(s, i); for (;;); }",
            TIME,
        ),
        task(
            "a sort that never agrees",
            "() => { const a = Array.from({ length: 1e7 }, (_, i) => i); a.sort(() \
                => 1); for (;;); }",
            MEMORY,
        ),
    ]
}
