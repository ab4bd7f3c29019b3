//! Limits an engine can keep by itself.

use ratchet_plugin_api::model::FailureKind::{
    OutputLimit, RecursionLimit, TimeLimit, UnserializableOutput,
};
use ratchet_plugin_api::model::LogLevel::Info;

use super::{Case, case, mock_text};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "endless recursion",
            "function main() { console.log('in'); return deeper() }\nfunction \
                deeper() { return deeper() + 1 }",
        )
        .fails(RecursionLimit, "RangeError", "512")
        .logs(&[(Info, "in")]),
        case(
            "endless recursion through a getter",
            "() => { const o = { get x() { return this.x } }; return o.x }",
        )
        .fails(RecursionLimit, "RangeError", ""),
        case(
            "endless recursion through a Proxy",
            "() => { const p = new Proxy({}, { get(t, k, r) { return r[k] } }); \
                return p.x }",
        )
        .fails(RecursionLimit, "RangeError", ""),
        case(
            "endless recursion through a conversion",
            "() => { const o = { [Symbol.toPrimitive]() { return `${o}` } }; return \
                `${o}` }",
        )
        .fails(RecursionLimit, "RangeError", ""),
        case(
            "endless recursion through toJSON",
            "() => ({ toJSON() { return { x: JSON.stringify(this) } } })",
        )
        .fails(RecursionLimit, "RangeError", ""),
        case("endless recursion through map", "() => { const f = () => [1].map(f); return f() }")
            .fails(RecursionLimit, "RangeError", ""),
        case(
            "endless recursion through new",
            "class A { constructor() { new A() } }\n() => new A()",
        )
        .fails(RecursionLimit, "RangeError", ""),
        case(
            "recursion within the limit",
            "() => { const f = n => n === 0 ? 0 : 1 + f(n - 1); return f(300) }",
        )
        .returns("300"),
        case(
            "a recursion limit of one's own",
            "() => { const f = n => n === 0 ? 0 : 1 + f(n - 1); return f(1000) }",
        )
        .limits(|limits| limits.recursion = 100)
        .fails(RecursionLimit, "RangeError", "100"),
        case("output over the limit", "() => 'x'.repeat(2000)")
            .limits(|limits| limits.output_bytes = 1000)
            .fails(OutputLimit, "Error", "1000"),
        case("output at the limit", "() => 'x'.repeat(998)")
            .limits(|limits| limits.output_bytes = 1000)
            .returns(&format!("\"{}\"", "x".repeat(998))),
        case(
            "time is up while waiting for a timer",
            "() => new Promise(done => setTimeout(done, 60_000))",
        )
        .limits(|limits| limits.wall_ms = 50)
        .fails(TimeLimit, "TimeoutError", "50 ms"),
        case("time is up in a loop of awaits", "async () => { while (true) await null }")
            .limits(|limits| limits.wall_ms = 100)
            .fails(TimeLimit, "TimeoutError", ""),
        case(
            "time is up in a chain of jobs",
            "() => { const again = () => Promise.resolve().then(again); return \
                again() }",
        )
        .limits(|limits| limits.wall_ms = 100)
        .fails(TimeLimit, "TimeoutError", ""),
        case("time is up in an interval", "() => new Promise(() => setInterval(() => {}, 1))")
            .limits(|limits| limits.wall_ms = 50)
            .fails(TimeLimit, "TimeoutError", ""),
        case("time is up while reading a response", "() => fetch('https://slow.example/').body")
            .mock(slow())
            .limits(|limits| limits.wall_ms = 50)
            .fails(TimeLimit, "TimeoutError", ""),
        case(
            "time that is up cannot be caught",
            "() => { try { return fetch('https://slow.example/').body } catch { \
                return 'caught' } }",
        )
        .mock(slow())
        .limits(|limits| limits.wall_ms = 50)
        .fails(TimeLimit, "TimeoutError", ""),
        case(
            "more requests than allowed",
            "async () => { const all = [1, 2, 3].map(() => \
                fetch('https://a.example/')); return (await \
                Promise.allSettled(all)).map(r => r.status === 'fulfilled' ? 'ok' : \
                r.reason.code) }",
        )
        .mock(mock_text(None, "*", 200, "x"))
        .limits(|limits| limits.fetches = 2)
        .returns(r#"["ok", "ok", "limit.fetches"]"#),
        case("undefined is no output", "() => {}").fails(
            UnserializableOutput,
            "TypeError",
            "undefined",
        ),
        case("a function is no output", "() => () => 1").fails(
            UnserializableOutput,
            "TypeError",
            "a function",
        ),
        case("a symbol is no output", "() => Symbol('x')").fails(
            UnserializableOutput,
            "TypeError",
            "a symbol",
        ),
        case("a BigInt is no output", "() => ({ n: 1n })").fails(
            UnserializableOutput,
            "TypeError",
            "",
        ),
        case("cycles are no output", "() => { const a = {}; a.a = a; return a }").fails(
            UnserializableOutput,
            "TypeError",
            "",
        ),
        case(
            "a getter that throws",
            "() => ({ get x() { throw new DataErrorLike() } });\nclass DataErrorLike \
                extends Error { constructor() { super('in getter'); this.name = \
                'GetterError' } }",
        )
        .fails(UnserializableOutput, "GetterError", "in getter"),
        case(
            "a Proxy that throws",
            "() => new Proxy({}, { ownKeys() { throw new Error('closed') } })",
        )
        .fails(UnserializableOutput, "Error", "closed"),
        case("a toJSON that throws", "() => ({ toJSON() { throw new RangeError('no') } })").fails(
            UnserializableOutput,
            "RangeError",
            "no",
        ),
        case("a then that throws", "() => ({ get then() { throw new Error('then') } })")
            .throws("Error", "then"),
    ]
}

fn slow() -> ratchet_plugin_api::model::FetchMock {
    ratchet_plugin_api::model::FetchMock { delay_ms: 60_000, ..mock_text(None, "*", 200, "x") }
}
