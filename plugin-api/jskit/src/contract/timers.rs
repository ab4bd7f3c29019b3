//! Timers, microtasks and promises that settle or do not.

use ratchet_plugin_api::model::FailureKind;
use ratchet_plugin_api::model::LogLevel::Info;

use super::{Case, case};

pub(super) fn cases() -> Vec<Case> {
    let settles = |name, source, output: &str| case(name, source).returns(output);
    vec![
        settles(
            "setTimeout settles a promise",
            "() => new Promise(done => setTimeout(done, 5, 'late'))",
            r#""late""#,
        ),
        settles(
            "timers run in order of time",
            "async () => { const seen = []; setTimeout(() => seen.push('b'), 10); \
                setTimeout(() => seen.push('a'), 1); setTimeout(() => seen.push('c'), \
                20); await new Promise(d => setTimeout(d, 30)); return seen }",
            r#"["a", "b", "c"]"#,
        ),
        settles(
            "timers of one time run as they were started",
            "async () => { const seen = []; for (const x of [1, 2, 3]) setTimeout(() \
                => seen.push(x), 0); await new Promise(d => setTimeout(d, 5)); return \
                seen }",
            "[1, 2, 3]",
        ),
        settles(
            "clearTimeout",
            "async () => { let hit = 0; const id = setTimeout(() => hit++, 1); \
                clearTimeout(id); clearTimeout(undefined); clearTimeout(999); await new \
                Promise(d => setTimeout(d, 5)); return hit }",
            "0",
        ),
        settles(
            "setInterval repeats until it is cleared",
            "() => new Promise(done => { let n = 0; const id = setInterval(() => { \
                if (++n === 3) { clearInterval(id); done(n) } }, 1) })",
            "3",
        ),
        settles(
            "setImmediate and clearImmediate",
            "async () => { let n = 0; clearImmediate(setImmediate(() => n += 10)); \
                await new Promise(d => setImmediate(d)); return n }",
            "0",
        ),
        settles(
            "microtasks come before timers",
            "async () => { const seen = []; setTimeout(() => seen.push('timer'), 0); \
                queueMicrotask(() => seen.push('micro')); await new Promise(d => \
                setTimeout(d, 5)); return seen }",
            r#"["micro", "timer"]"#,
        ),
        settles(
            "async iteration",
            "async () => { async function* g() { yield 1; yield 2 } let s = 0; for \
                await (const x of g()) s += x; return s }",
            "3",
        ),
        settles(
            "Promise combinators",
            "async () => [await Promise.all([1, Promise.resolve(2)]), (await \
                Promise.allSettled([Promise.reject(1)]))[0].status, await \
                Promise.race([new Promise(() => {}), 3]), await \
                Promise.any([Promise.reject(0), 4])]",
            r#"[[1, 2], "rejected", 3, 4]"#,
        ),
        settles(
            "what is pending when the result is there is dropped",
            "() => { setTimeout(() => { throw new Error('never') }, 60_000); return \
                'now' }",
            r#""now""#,
        ),
        case(
            "an error in a timer fails the run",
            "function main() {\n  return new Promise(() => setTimeout(() => {\n    \
                throw new RangeError('in timer');\n  }, 1));\n}",
        )
        .throws("RangeError", "in timer")
        .at("main.js", 3),
        case(
            "an error in a microtask fails the run",
            "() => new Promise(() => queueMicrotask(() => { throw new TypeError('in \
                job') }))",
        )
        .throws("TypeError", "in job"),
        case("a timer needs a function", "() => setTimeout('alert(1)', 1)")
            .throws("TypeError", "calls a function"),
        case("a promise that nothing settles", "() => new Promise(() => {})").fails(
            FailureKind::NeverSettles,
            "",
            "nothing can settle",
        ),
        case(
            "an await that nothing settles",
            "async () => { console.log('before'); await new Promise(() => {}); }",
        )
        .fails(FailureKind::NeverSettles, "", "")
        .logs(&[(Info, "before")]),
        case(
            "a timer that is cleared settles nothing",
            "() => new Promise(done => clearTimeout(setTimeout(done, 1)))",
        )
        .fails(FailureKind::NeverSettles, "", ""),
        settles(
            "performance.now goes on",
            "async () => { const a = performance.now(); await new Promise(d => \
                setTimeout(d, 5)); return performance.now() - a >= 4 && \
                performance.timeOrigin > 1e12 }",
            "true",
        ),
    ]
}
