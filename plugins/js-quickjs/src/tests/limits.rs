//! What QuickJS does with a task that will not stop, without losing its thread.

use std::time::{Duration, Instant};

use ratchet_jskit::contract::{output, request, uncontained};
use ratchet_plugin_api::model::{FailureKind, Limits, Outcome, RunEvent, TaskError};
use ratchet_plugin_api::services::JsRuntime;

use super::runtime;

/// Wall-clock time of a task that tries to run for ever.
const WALL: Duration = Duration::from_millis(800);

/// How much later than its limit a run may end.
const LATENESS: Duration = Duration::from_millis(700);

/// Long enough for a run to be interrupted, and far from what a run may take.
const SOON: Duration = Duration::from_millis(500);

async fn failure_within(runtime: &dyn JsRuntime, source: &str, limits: Limits) -> TaskError {
    let mut request = request(source);
    request.limits = limits;
    match runtime.run(request).await.unwrap().outcome {
        Outcome::Failed(error) => error,
        Outcome::Completed(output) => panic!("{source} returned {output}"),
    }
}

fn brief() -> Limits {
    Limits { wall_ms: 100, ..Limits::default() }
}

#[tokio::test]
async fn no_killer_costs_more_than_its_own_run() {
    let runtime = runtime();
    let mut wrong = Vec::new();
    for killer in uncontained() {
        let mut request = request(killer.source);
        request.limits.wall_ms = WALL.as_millis() as u64;
        let began = Instant::now();
        let outcome = runtime.run(request).await.unwrap().outcome;
        let took = began.elapsed();
        let right =
            matches!(&outcome, Outcome::Failed(error) if killer.kinds.contains(&error.kind));
        if !right || took > WALL + LATENESS {
            wrong.push(format!("- {}: {outcome:?} after {took:?}", killer.name));
        }
        assert_eq!(output(&runtime, "() => 1").await, "1", "after {}", killer.name);
    }
    assert!(wrong.is_empty(), "{} ended otherwise:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn a_run_that_never_waits_is_cancelled_at_once() {
    let runtime = runtime();
    for source in [
        "() => { console.log('in'); for (;;); }",
        "console.log('in'); for (;;);",
        "() => { console.log('in'); for (;;) try { for (;;); } catch {} finally { for (;;); } }",
        "async () => { console.log('in'); await null; for (;;) { try { for (;;); } catch {} } }",
        "() => { console.log('in'); return [3, 2, 1].sort(() => { for (;;); }) }",
        "() => { console.log('in'); return /^(a+)+$/.test('a'.repeat(60) + 'b') }",
    ] {
        let mut events = runtime.follow(request(source)).await.unwrap();
        assert!(matches!(events.next().await, Some(Ok(RunEvent::Log(_)))), "{source}");
        let began = Instant::now();
        drop(events);
        assert!(began.elapsed() < SOON, "{source}: {:?}", began.elapsed());
        assert_eq!(output(&runtime, "() => 'free again'").await, "\"free again\"");
        assert!(began.elapsed() < SOON, "{source}: {:?}", began.elapsed());
    }
}

#[tokio::test]
async fn time_that_is_up_cannot_be_caught() {
    let runtime = runtime();
    for source in [
        "() => { for (;;) { try { for (;;); } catch {} } }",
        "() => { try { for (;;); } finally { return 'caught' } }",
        "async () => { try { await null; for (;;); } catch { return 'caught' } }",
        "async () => (async () => { for (;;); })().catch(() => 'caught')",
        "() => { for (;;) { try { eval('for (;;);') } catch {} } }",
        "for (;;) { try { for (;;); } catch {} }",
        "() => ({ toJSON() { for (;;); } })",
        "() => ({ get then() { for (;;); } })",
        "() => { throw { get message() { for (;;); }, name: 'x' } }",
        "for (;;);\nexport default 1",
    ] {
        let error = failure_within(&*runtime, source, brief()).await;
        assert_eq!(error.kind, FailureKind::TimeLimit, "{source}: {error:?}");
    }
}

#[tokio::test]
async fn memory_that_is_used_up_cannot_be_caught() {
    let runtime = runtime();
    let grow = "const all = []; for (;;) all.push(new Array(1000).fill(1));";
    for source in [
        format!("() => {{ {grow} }}"),
        format!("() => {{ try {{ {grow} }} catch {{ return 'caught' }} }}"),
        format!("() => {{ try {{ {grow} }} finally {{ return 'caught' }} }}"),
        format!("async () => {{ try {{ await null; {grow} }} catch {{ return 'caught' }} }}"),
        format!("async () => (async () => {{ {grow} }})().catch(() => 'caught')"),
        grow.to_owned(),
        "() => new Uint8Array(1 << 28).length".to_owned(),
        "() => { try { return new Array(1 << 25).fill(0).length } catch { return 'caught' } }"
            .to_owned(),
    ] {
        let limits = Limits { memory_bytes: 32 << 20, wall_ms: 20_000, ..Limits::default() };
        let error = failure_within(&*runtime, &source, limits).await;
        assert_eq!(error.kind, FailureKind::MemoryLimit, "{source}: {error:?}");
        assert!(error.message.contains("33554432 bytes"), "{}", error.message);
        assert_eq!(output(&runtime, "() => 'free again'").await, "\"free again\"");
    }
}

#[tokio::test]
async fn memory_within_the_limit_is_had() {
    let runtime = runtime();
    let source = "() => { let n = 0; for (let i = 0; i < 200; i++) n += new Uint8Array(1 << 20)\
                  .length; return [n, new Uint8Array(100 << 20).length] }";
    assert_eq!(output(&runtime, source).await, format!("[{},{}]", 200 << 20, 100 << 20));
}

#[tokio::test]
async fn calls_nested_too_deep_are_an_exception_like_any_other() {
    let source = "() => { let n = 0; const f = () => { n++; f() }; try { f() } catch (e) { return \
                  [e.name, n > 512] } }";
    assert_eq!(output(&runtime(), source).await, r#"["RangeError",true]"#);
}

/// A little of everything.
const DIVERSE: &str = "
import { helper } from './helper.js';
class Shape {
  #side = 2;
  get area() { return this.#side ** 2; }
  static make() { return new this(); }
}
export default async function (input) {
  const seen = new Map([[1, new Set([2])], [{}, new WeakMap()]]);
  function* numbers() { for (let i = 0; i < 50; i++) yield i; }
  const text = [...numbers()].map(n => `n${n}`).join('-').replace(/n(\\d)/g, (_, d) => d + 'x');
  const proxied = new Proxy({}, { get: (_, name) => name });
  console.log({ text, seen, date: new Date(0), shape: Shape.make() });
  const bytes = new TextEncoder().encode(text.repeat(20));
  const list = Array.from(numbers());
  const parsed = JSON.parse(JSON.stringify({ text, list, nested: { input } }));
  try { null.x } catch (error) { console.warn(error.stack) }
  await Promise.all([1, 2, 3].map(async n => { await null; return helper(n) }));
  await new Promise(done => setTimeout(done, 0));
  const more = (await import('./helper.js')).helper(BigInt(5) ** 40n > 3n ? 1 : 2);
  return [text.length, bytes.length, parsed.list.length, proxied.name, more,
    eval('1 + 1'), new URL('http://h/p?q=1').search, structuredClone([1, { a: 2 }])];
}";

#[tokio::test]
async fn wherever_memory_runs_out_the_run_ends_and_the_next_is_right() {
    let runtime = runtime();
    let mut request = request(DIVERSE);
    let helper = "export const helper = n => ({ n, list: [n, n * 2, `${n}`] });";
    request.program.modules.insert("helper.js".into(), helper.into());
    let (mut limited, mut completed) = (0, 0);
    for step in 0..300 {
        request.limits.memory_bytes = (150 << 10) + step * 4099;
        match runtime.run(request.clone()).await.unwrap().outcome {
            Outcome::Completed(_) => completed += 1,
            Outcome::Failed(error) => {
                assert_eq!(error.kind, FailureKind::MemoryLimit, "{error:?}");
                limited += 1;
            }
        }
    }
    assert!(limited > 50 && completed > 20, "{limited} limited, {completed} completed");
    assert_eq!(output(&runtime, "() => 1").await, "1");
}
