//! Tasks in isolated workers: the contract of every engine seen through a process boundary, and
//! tasks made to kill an engine, each ending as the right error of that one run.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ratchet_host::lifecycle::Running;
use ratchet_jskit::contract::{Uncontained, cases, uncontained, verify};
use ratchet_plugin_api::model::{
    FailureKind, FetchPolicy, Id, Json, Limits, Outcome, Program, RunEvent, RunReport, RunRequest,
    Schemas,
};
use ratchet_plugin_api::raw::Remote;
use ratchet_plugin_api::services::JsRuntime;
use ratchet_plugin_api::{Call, Result, Service};
use support::{elsewhere, planned, start};

const BOA: &str = "ratchet-js-boa";
const QUICKJS: &str = "ratchet-js-quickjs";

/// Wall-clock time of a task that tries to run for ever.
const WALL: Duration = Duration::from_millis(800);

/// How much later than its limit a run may be known to have ended.
const LATENESS: Duration = Duration::from_millis(700);

/// Shows each of these on every engine.
macro_rules! on_every_engine {
    ($($name:ident),* $(,)?) => {
        mod boa {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::$name(super::BOA).await;
                }
            )*
        }
        mod quickjs {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::$name(super::QUICKJS).await;
                }
            )*
        }
    };
}

on_every_engine! {
    every_engine_case_holds_through_a_process_boundary,
    killers_end_as_the_right_error_and_the_next_run_is_right,
    a_killer_leaves_its_neighbours_alone,
    a_followed_run_tells_its_log_while_it_runs_and_is_cancelled_by_letting_go,
    a_run_killed_in_the_middle_keeps_the_log_it_was_followed_by,
    every_sample_passes_its_tests,
}

async fn started(engine: &str, replicas: u16) -> (Running, Arc<dyn JsRuntime>) {
    let (running, _) = start(vec![elsewhere(planned(engine), replicas)]).await.expect("it starts");
    let declared = <dyn JsRuntime as Service>::DECLARATION;
    let bound = running.registry().bind(declared.id, declared.major, None).expect("it is there");
    let runtime = <dyn JsRuntime as Service>::client(Remote::new(bound.service));
    (running, runtime)
}

fn request(source: &str) -> RunRequest {
    RunRequest {
        execution: Id::new(),
        program: Program {
            entry: "main.js".into(),
            source: source.into(),
            modules: BTreeMap::new(),
        },
        input: Json::parse(r#"{"num1":5,"num2":10}"#).unwrap(),
        context: None,
        schemas: Schemas::default(),
        limits: Limits { wall_ms: WALL.as_millis() as u64, ..Limits::default() },
        fetch: FetchPolicy::Denied,
    }
}

/// How a run ended: in the runtime's words, or by the reason its worker was lost for.
fn ending(result: Result<RunReport>) -> std::result::Result<String, (FailureKind, String)> {
    match result {
        Ok(report) => match report.outcome {
            Outcome::Completed(output) => Ok(output.to_string()),
            Outcome::Failed(error) => Err((error.kind, error.message)),
        },
        Err(error) => {
            let kind = error.reason.as_deref().and_then(FailureKind::from_reason);
            Err((kind.unwrap_or_else(|| panic!("an unknown end: {error:?}")), error.to_string()))
        }
    }
}

async fn is_sound(runtime: &Arc<dyn JsRuntime>) {
    let sound = request("({ num1, num2 }) => ({ sum: num1 + num2 })");
    let patience = Call::timeout(Duration::from_secs(10), runtime.run(sound)).await;
    assert_eq!(ending(patience), Ok(r#"{"sum":15}"#.to_owned()));
}

/// Runs one killer and then a sound task.
async fn kill(
    runtime: &Arc<dyn JsRuntime>,
    killer: &Uncontained,
) -> std::result::Result<(), String> {
    let began = Instant::now();
    let run = runtime.run(request(killer.source));
    let end = ending(Call::timeout(WALL, run).await);
    let took = began.elapsed();
    is_sound(runtime).await;
    match end {
        Err((kind, _)) if killer.kinds.contains(&kind) && took < WALL + LATENESS => Ok(()),
        end => Err(format!("- {}: {end:?} after {took:?}", killer.name)),
    }
}

async fn every_engine_case_holds_through_a_process_boundary(engine: &str) {
    let (running, runtime) = started(engine, 1).await;
    verify(Arc::clone(&runtime), &cases()).await;
    running.stop().await;
}

async fn killers_end_as_the_right_error_and_the_next_run_is_right(engine: &str) {
    let (running, runtime) = started(engine, 1).await;
    let mut wrong = Vec::new();
    for killer in uncontained() {
        eprintln!("killer: {}", killer.name);
        wrong.extend(kill(&runtime, &killer).await.err());
    }
    assert!(wrong.is_empty(), "{} ended otherwise:\n{}", wrong.len(), wrong.join("\n"));
    running.stop().await;
}

async fn a_killer_leaves_its_neighbours_alone(engine: &str) {
    let (running, runtime) = started(engine, 2).await;
    is_sound(&runtime).await;
    let looping = Call::timeout(WALL, runtime.run(request("() => { for (;;); }")));
    let neighbours = async {
        let mut slowest = Duration::ZERO;
        for _ in 0..50 {
            let began = Instant::now();
            is_sound(&runtime).await;
            slowest = slowest.max(began.elapsed());
        }
        slowest
    };
    let (looped, slowest) = tokio::join!(looping, neighbours);
    assert!(matches!(ending(looped), Err((FailureKind::TimeLimit, _))));
    assert!(slowest < Duration::from_millis(500), "a neighbour took {slowest:?}");
    running.stop().await;
}

async fn a_followed_run_tells_its_log_while_it_runs_and_is_cancelled_by_letting_go(engine: &str) {
    let (running, runtime) = started(engine, 1).await;
    let source = "async () => {
      console.log('one');
      await new Promise((resolve) => setTimeout(resolve, 60_000));
    }";
    let mut waiting = request(source);
    waiting.limits.wall_ms = 60_000;
    let mut events = runtime.follow(waiting).await.expect("it starts");
    match events.next().await {
        Some(Ok(RunEvent::Log(line))) => assert_eq!(line.message, "one"),
        other => panic!("another event came: {other:?}"),
    }
    drop(events);
    is_sound(&runtime).await;
    running.stop().await;
}

async fn a_run_killed_in_the_middle_keeps_the_log_it_was_followed_by(engine: &str) {
    let (running, runtime) = started(engine, 1).await;
    let source = "() => { console.log('before'); for (;;); }";
    let followed = Call::timeout(WALL, async {
        let mut events = runtime.follow(request(source)).await?;
        let first = events.next().await;
        assert!(matches!(first, Some(Ok(RunEvent::Log(_)))), "{first:?}");
        match events.next().await {
            Some(Err(error)) => Err(error),
            other => panic!("it went on: {other:?}"),
        }
    });
    let error: Result<()> = followed.await;
    assert_eq!(error.unwrap_err().code, ratchet_plugin_api::Code::Timeout);
    is_sound(&runtime).await;
    running.stop().await;
}

async fn every_sample_passes_its_tests(engine: &str) {
    let samples = concat!(env!("CARGO_MANIFEST_DIR"), "/../sample/js-tasks");
    let runtime = engine.trim_start_matches("ratchet-js-");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_ratchet"))
        .args(["test", "--from-fs", samples, "--runtime", runtime])
        .output()
        .expect("it can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The process ids of the workers that live.
fn pids(running: &Running) -> Vec<u64> {
    let report = running.registry().report();
    let runtime = report.iter().find(|provider| provider.service.contains("js-runtime"));
    let described: serde_json::Value =
        serde_json::from_str(&runtime.expect("it is there").description).unwrap();
    let workers = described["workers"].as_array().unwrap();
    workers.iter().filter_map(|worker| worker["pid"].as_u64()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_can_be_interrupted_keeps_its_worker() {
    let (running, runtime) = started(QUICKJS, 1).await;
    is_sound(&runtime).await;
    let before = pids(&running);
    assert_eq!(before.len(), 1);
    for (source, expected) in [
        ("() => { for (;;); }", FailureKind::TimeLimit),
        ("for (;;) { try { for (;;); } catch {} }", FailureKind::TimeLimit),
        ("async () => { await null; for (;;); }", FailureKind::TimeLimit),
        ("() => { const f = () => f(); f() }", FailureKind::RecursionLimit),
        (
            "() => { const a = []; for (;;) a.push(new Array(1000).fill(1)) }",
            FailureKind::MemoryLimit,
        ),
    ] {
        let mut request = request(source);
        request.limits.memory_bytes = 64 << 20;
        // As taskkit does: the call has a little longer than the run.
        let ended = ending(Call::timeout(WALL + LATENESS, runtime.run(request)).await);
        assert!(matches!(&ended, Err((kind, _)) if *kind == expected), "{source}: {ended:?}");
        is_sound(&runtime).await;
        assert_eq!(pids(&running), before, "{source} cost the worker");
    }
    // Given up by whoever asked, while it runs.
    let looping = tokio::time::timeout(WALL / 4, runtime.run(request("() => { for (;;); }")));
    assert!(looping.await.is_err());
    is_sound(&runtime).await;
    assert_eq!(pids(&running), before, "cancelling cost the worker");
    running.stop().await;
}

/// Takes all the memory it can get in small pieces, and has the host's side hold some between them.
const GREEDY: &str = "() => {
  const all = [];
  for (let i = 0; ; i++) {
    all.push({ i, text: 'x' + i });
    if (i % 20_000 === 0) console.log('y'.repeat(1000));
  }
}";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_memory_a_run_took_is_not_missed_by_the_next() {
    let (running, runtime) = started(QUICKJS, 1).await;
    for round in 0..4 {
        let mut greedy = request(GREEDY);
        // More than the process may have, so that both limits are reached.
        greedy.limits = Limits { wall_ms: 20_000, memory_bytes: 1 << 30, ..Limits::default() };
        let ended = ending(runtime.run(greedy).await);
        assert!(matches!(&ended, Err((FailureKind::MemoryLimit, _))), "{ended:?}");
        // Half of what a fresh process could bear.
        let mut large = request("text => text.length");
        large.input = Json::of(&"z".repeat(12 << 20)).unwrap();
        let ended = ending(runtime.run(large).await);
        assert_eq!(ended, Ok((12 << 20).to_string()), "in round {round}");
    }
    running.stop().await;
}
