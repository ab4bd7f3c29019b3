//! Plugins that misbehave in every way there is, one at a time: the host stays alive, the sinner's
//! call gets the right error, and another plugin is answered meanwhile.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use ratchet_host::lifecycle::Running;
use ratchet_plugin_api::raw::Remote;
use ratchet_plugin_api::{Call, Code, Result, Service, Stream, service};
use serde_json::json;
use support::{PATIENCE, configured, delivery, elsewhere, planned, sink, start};

const HOSTILE: &str = "ratchet-fixture-hostile";
const VICTIM: &str = "ratchet-output-stdio";

/// How long the victim may take to answer while somebody else sins.
const VICTIM_PATIENCE: Duration = Duration::from_secs(2);

async fn hostile_and_victim() -> Running {
    let plugins = vec![planned(VICTIM), planned(HOSTILE)];
    start(plugins).await.expect("both start").0
}

async fn victim_answers(running: &Running) {
    let stdio = sink(running, "stdio").unwrap();
    let check = stdio.check(ratchet_plugin_api::model::Json::parse("{}").unwrap());
    tokio::time::timeout(VICTIM_PATIENCE, check).await.expect("in time").expect("rightly");
}

/// Commits `sin` in a host of its own and looks at what the caller gets.
async fn sins(sin: &str, expected: Result<(), Code>) {
    let running = hostile_and_victim().await;
    let hostile = sink(&running, "hostile").unwrap();
    let sinning = hostile.deliver(delivery(json!({"sin": sin})));
    let (result, ()) =
        tokio::join!(Call::timeout(PATIENCE, sinning), async { victim_answers(&running).await });
    assert_eq!(result.map(drop).map_err(|error| error.code), expected, "{sin}");
    // The sinner itself answers again, unless it has left.
    if sin != "vanish" {
        let harmless = hostile.deliver(delivery(json!({"sin": "none"})));
        Call::timeout(PATIENCE, harmless).await.expect("it still answers");
    }
    victim_answers(&running).await;
    running.stop().await;
}

macro_rules! sins {
    ($($name:ident: $sin:literal => $expected:expr;)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            sins($sin, $expected).await;
        })*
    };
}

sins! {
    a_panic_before_the_first_await_fails_the_call: "panic-at-once" => Err(Code::Panicked);
    a_panic_after_an_await_fails_the_call: "panic-later" => Err(Code::Panicked);
    a_panic_with_an_odd_payload_fails_the_call: "panic-with-a-number" => Err(Code::Panicked);
    a_panic_payload_that_panics_when_dropped: "panic-with-a-bomb" => Err(Code::Panicked);
    a_panic_that_drops_a_bomb: "panic-in-drop-after-panic" => Err(Code::Panicked);
    a_blocked_thread_delays_only_its_call: "block-a-thread" => Ok(());
    a_spinning_call_delays_only_itself: "spin" => Ok(());
    a_leaked_thread_harms_nobody: "leak-a-thread" => Ok(());
    a_leaked_task_harms_nobody: "leak-a-task" => Ok(());
    a_panic_in_a_task_is_contained: "panic-in-a-task" => Ok(());
    a_panic_in_a_thread_is_contained: "panic-in-a-thread" => Ok(());
    a_log_flood_is_swallowed: "flood-the-log" => Ok(());
    a_standard_output_flood_is_diverted: "flood-standard-output" => Ok(());
    a_huge_reply_arrives: "huge-reply" => Ok(());
    a_huge_error_arrives: "huge-error" => Err(Code::Invalid);
    heavy_allocation_harms_nobody: "allocate" => Ok(());
    a_call_to_itself_is_answered: "call-itself" => Ok(());
    a_waker_that_panics_is_contained: "wake-with-a-panic" => Ok(());
    a_storm_of_wakes_ends: "wake-storm" => Ok(());
    a_provider_that_vanishes_during_a_call_still_answers_it: "vanish" => Ok(());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deep_chain_of_calls_to_itself_is_answered() {
    let running = hostile_and_victim().await;
    let mut deep = delivery(json!({"sin": "call-itself-deeply"}));
    deep.attempt = 200;
    let hostile = sink(&running, "hostile").unwrap();
    Call::timeout(PATIENCE, hostile.deliver(deep)).await.expect("it answers");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_that_panics_when_a_call_is_given_up_is_contained() {
    let running = hostile_and_victim().await;
    let hostile = sink(&running, "hostile").unwrap();
    let doomed = hostile.deliver(delivery(json!({"sin": "panic-in-drop"})));
    let given_up = tokio::time::timeout(Duration::from_millis(50), doomed).await;
    assert!(given_up.is_err(), "it was answered");
    victim_answers(&running).await;
    hostile.deliver(delivery(json!({"sin": "none"}))).await.expect("it still answers");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deadlines_hold_against_those_who_ignore_them() {
    let running = hostile_and_victim().await;
    let hostile = sink(&running, "hostile").unwrap();
    for sin in ["never-answer", "ignore-the-deadline"] {
        let began = Instant::now();
        let late = hostile.deliver(delivery(json!({"sin": sin})));
        let error = Call::timeout(Duration::from_millis(100), late).await.unwrap_err();
        assert_eq!(error.code, Code::Timeout, "{sin}");
        assert!(began.elapsed() < Duration::from_secs(2), "{sin} took {:?}", began.elapsed());
        victim_answers(&running).await;
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_of_another_shape_is_an_error_of_the_call() {
    let running = hostile_and_victim().await;
    let liar = sink(&running, "liar").unwrap();
    let error = liar.deliver(delivery(json!({}))).await.unwrap_err();
    assert_eq!(error.code, Code::Invalid, "{error}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sins_of_starting_are_told_and_leave_the_rest_stopped() {
    let cases = [
        (json!({"start": "panic"}), "panicked: a sin while starting"),
        (json!({"start": "hang"}), "it took more than 1 s"),
        (json!({"start": "block"}), "it took more than 1 s"),
        (json!({"start": "fail"}), "it would rather not"),
        (json!({"start": "double-provide"}), "is provided by acme.fixture.hostile already"),
        (json!({"explosive": 1}), "panicked: a sin while configuration is read"),
        (json!({"unknown": 1}), "unknown field `unknown`"),
    ];
    for (config, expected) in cases {
        let mut settings = ratchet_host::config::settings::Settings::default();
        settings.lifecycle.start_timeout = 1;
        let plugins = vec![planned(VICTIM), configured(planned(HOSTILE), config.clone())];
        let started = support::start_with(plugins, settings).await;
        let refusals = started.err().unwrap_or_else(|| panic!("{config} started"));
        let text = ratchet_host::diagnostic::render(&refusals);
        assert!(text.contains(expected), "{config}:\n{text}");
        assert!(text.lines().count() <= 8, "{config}:\n{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sins_of_stopping_do_not_keep_the_host_from_stopping() {
    for config in [
        json!({"stop": "panic"}),
        json!({"stop": "hang"}),
        json!({"stop": "fail"}),
        json!({"drop_panics": true}),
    ] {
        let mut settings = ratchet_host::config::settings::Settings::default();
        settings.lifecycle.stop_timeout = 1;
        let plugins = vec![planned(VICTIM), configured(planned(HOSTILE), config.clone())];
        let started = support::start_with(plugins, settings).await;
        let (running, _) = started.unwrap_or_else(|_| panic!("{config} did not start"));
        let began = Instant::now();
        tokio::time::timeout(PATIENCE, running.stop()).await.expect("it stops");
        assert!(began.elapsed() < Duration::from_secs(3), "{config}: {:?}", began.elapsed());
    }
}

/// The fixture's other contract, as its consumers know it.
#[service(id = "acme.ticker", version = "1.0")]
trait Ticker {
    /// Counts from 0 in a way that depends on `sin`.
    async fn count(&self, sin: String) -> Result<Stream<u64>>;
}

fn ticker(running: &Running) -> Arc<dyn Ticker> {
    let declared = <dyn Ticker as Service>::DECLARATION;
    let binding = running.registry().bind(declared.id, declared.major, None).unwrap();
    <dyn Ticker as Service>::client(Remote::new(binding.service))
}

/// Reads to the end; gives how many items came and how it ended.
async fn drain(mut numbers: Stream<u64>, most: u64) -> (u64, Option<Code>) {
    let mut read = 0;
    while read < most {
        match numbers.next().await {
            Some(Ok(number)) => {
                assert_eq!(number, read, "numbers come in order");
                read += 1;
            }
            Some(Err(error)) => return (read, Some(error.code)),
            None => break,
        }
    }
    (read, None)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sins_of_streams_end_the_stream_and_nothing_else() {
    for placed in [planned(HOSTILE), elsewhere(planned(HOSTILE), 1)] {
        let (running, _) = start(vec![planned(VICTIM), placed]).await.expect("both start");
        let ticker = ticker(&running);
        for (sin, expected) in [
            ("endless", (5_000, None)),
            ("fail-at-ten", (10, Some(Code::Unavailable))),
            ("panic-at-ten", (10, Some(Code::Panicked))),
            ("panic-when-dropped", (100, None)),
        ] {
            let numbers = ticker.count(sin.into()).await.unwrap();
            let drained = tokio::time::timeout(PATIENCE, drain(numbers, 5_000.min(expected.0 + 1)));
            let (read, code) = drained.await.unwrap_or_else(|_| panic!("{sin} hangs"));
            assert!(read >= expected.0.min(5_000), "{sin}: {read} came");
            assert_eq!(code, expected.1, "{sin}");
        }
        let mut silent = ticker.count("silent".into()).await.unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(50), silent.next()).await.is_err());
        drop(silent);
        victim_answers(&running).await;
        running.stop().await;
    }
}

/// What ends a process can only be survived in another one.
async fn deadly(sin: &str, code: Code, reason: Option<&str>) {
    let plugins = vec![planned(VICTIM), elsewhere(planned(HOSTILE), 1)];
    let (running, _) = start(plugins).await.expect("both start");
    let hostile = sink(&running, "hostile").unwrap();
    for _ in 0..2 {
        let doomed = hostile.deliver(delivery(json!({"sin": sin})));
        let error = Call::timeout(PATIENCE, doomed).await.unwrap_err();
        assert_eq!((error.code, error.reason.as_deref()), (code, reason), "{sin}: {error}");
        let harmless = hostile.deliver(delivery(json!({"sin": "none"})));
        Call::timeout(PATIENCE, harmless).await.expect("a new worker answers");
        victim_answers(&running).await;
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_abort_costs_one_call_of_a_worker() {
    deadly("abort", Code::Unavailable, Some("run.worker_lost")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exit_costs_one_call_of_a_worker() {
    deadly("exit", Code::Unavailable, Some("run.worker_lost")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stack_overflow_costs_one_call_of_a_worker() {
    deadly("overflow-the-stack", Code::LimitExceeded, Some("limit.recursion")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exhausted_memory_costs_one_call_of_a_worker() {
    deadly("use-all-memory", Code::LimitExceeded, Some("limit.memory")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sins_that_are_contained_in_one_process_are_contained_in_two() {
    let plugins = vec![planned(VICTIM), elsewhere(planned(HOSTILE), 2)];
    let (running, log) = start(plugins).await.expect("both start");
    let hostile = sink(&running, "hostile").unwrap();
    for (sin, expected) in [
        ("panic-at-once", Err(Code::Panicked)),
        ("panic-with-a-bomb", Err(Code::Panicked)),
        ("flood-the-log", Ok(())),
        ("flood-standard-output", Ok(())),
        ("huge-error", Err(Code::Invalid)),
        ("call-itself", Ok(())),
        ("none", Ok(())),
    ] {
        let sinning = hostile.deliver(delivery(json!({"sin": sin})));
        let result = Call::timeout(PATIENCE, sinning).await;
        assert_eq!(result.map(drop).map_err(|error| error.code), expected, "{sin}");
    }
    assert_eq!(log.count("a flood"), 100_000, "every event of the flood crossed");
    running.stop().await;
}
