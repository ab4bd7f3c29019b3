//! Plugins in processes of their own: the sandbox, the bridge, deadlines, cancellation,
//! replacement and fairness.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use ratchet_host::config::settings::{Sandbox, Settings, StartWhen};
use ratchet_host::lifecycle::Running;
use ratchet_host::plan::Provider;
use ratchet_plugin_api::services::OutputSink;
use ratchet_plugin_api::{Call, Code, Error, Result};
use serde_json::{Value, json};
use support::{PATIENCE, delivery, elsewhere, planned, sink, start, start_with};

const SINGLE: &str = "ratchet-fixture-single";
const TICKER: &str = "ratchet-fixture-hostile";

/// A host with `replicas` workers that answer one call at a time.
async fn workers(replicas: u16) -> (Running, Arc<dyn OutputSink>) {
    let plugins = vec![planned(TICKER), elsewhere(planned(SINGLE), replicas)];
    let (running, _) = start(plugins).await.expect("it starts");
    let single = sink(&running, "single").unwrap();
    (running, single)
}

async fn ask(single: &Arc<dyn OutputSink>, target: Value) -> Result<String> {
    let receipt = Call::timeout(PATIENCE, single.deliver(delivery(target))).await?;
    receipt.location.ok_or_else(|| Error::internal("there is no answer"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_can_do_nothing_but_compute() {
    let (running, single) = workers(1).await;
    assert_eq!(ask(&single, json!("escape")).await.unwrap(), "");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_complete_sandbox_satisfies_those_who_require_it() {
    let settings = Settings { sandbox: Sandbox::Required, ..Settings::default() };
    let plugins = vec![elsewhere(planned(SINGLE), 1)];
    let (running, _) = start_with(plugins, settings).await.expect("it starts");
    running.settled().await.expect("the worker starts");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_sandbox_the_same_worker_can_do_anything() {
    // Shows that the test above can fail.
    let settings = Settings { sandbox: Sandbox::Off, ..Settings::default() };
    let plugins = vec![elsewhere(planned(SINGLE), 1)];
    let (running, _) = start_with(plugins, settings).await.expect("it starts");
    let single = sink(&running, "single").unwrap();
    let reached = ask(&single, json!("escape")).await.unwrap();
    assert!(reached.contains("read a file") && reached.contains("start a program"), "{reached}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_calls_the_host_back_and_pulls_its_streams() {
    let (running, single) = workers(1).await;
    assert_eq!(ask(&single, json!({"count": 1000})).await.unwrap(), "999");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_keeps_its_trace_deadline_and_baggage_in_another_process() {
    let (running, single) = workers(1).await;
    let call = Call::root().within(Duration::from_secs(5)).with_baggage("who", "a test");
    let trace = call.trace;
    let told = call.scope(ask(&single, json!("tell-call"))).await.unwrap();
    let mut words = told.splitn(3, ' ');
    assert_eq!(words.next(), Some(format!("{trace:032x}").as_str()));
    let left: u64 = words.next().unwrap().parse().unwrap();
    assert!((3000..=5000).contains(&left), "{left} ms are left");
    assert_eq!(words.next(), Some("a test"));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stuck_worker_is_killed_at_the_deadline_and_replaced() {
    let (running, single) = workers(1).await;
    let first = ask(&single, json!("identify")).await.unwrap();
    let began = Instant::now();
    let stuck = single.deliver(delivery(json!("get-stuck")));
    let error = Call::timeout(Duration::from_millis(200), stuck).await.unwrap_err();
    assert_eq!(error.code, Code::Timeout);
    let second = ask(&single, json!("identify")).await.unwrap();
    assert_ne!(first, second, "the stuck worker was not replaced");
    assert!(began.elapsed() < Duration::from_secs(2), "it took {:?}", began.elapsed());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn giving_up_a_stuck_call_costs_the_worker_and_nobody_else() {
    let (running, single) = workers(2).await;
    let stuck = single.deliver(delivery(json!("get-stuck")));
    assert!(tokio::time::timeout(Duration::from_millis(100), stuck).await.is_err());
    for _ in 0..4 {
        ask(&single, json!("identify")).await.expect("it answers");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn giving_up_a_call_that_can_be_given_up_keeps_the_worker() {
    let (running, single) = workers(1).await;
    let first = ask(&single, json!("identify")).await.unwrap();
    let waiting = single.deliver(delivery(json!({"wait": 60_000})));
    assert!(tokio::time::timeout(Duration::from_millis(50), waiting).await.is_err());
    assert_eq!(ask(&single, json!("identify")).await.unwrap(), first);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_killed_from_outside_costs_its_call_and_is_replaced() {
    let (running, single) = workers(1).await;
    let pid: i32 = ask(&single, json!("identify")).await.unwrap().parse().unwrap();
    let running_call = ask(&single, json!({"count": 1_000_000_000}));
    let killing = async {
        // Once it has called the host back, it is known to have begun.
        while !has_counted(&running) {
            tokio::task::yield_now().await;
        }
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    };
    let (result, ()) = tokio::join!(running_call, killing);
    let error = result.unwrap_err();
    assert_eq!(error.reason.as_deref(), Some("run.worker_lost"), "{error}");
    assert!(error.message.contains("SIGKILL"), "{error}");
    let replacement: i32 = ask(&single, json!("identify")).await.unwrap().parse().unwrap();
    assert_ne!(pid, replacement);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_worker_is_not_replaced_where_configuration_says_so() {
    let mut plugin = elsewhere(planned(SINGLE), 2);
    plugin.settings.restart = false;
    let (running, _) = start(vec![planned(TICKER), plugin]).await.expect("it starts");
    let single = sink(&running, "single").unwrap();
    let mut lost = Vec::new();
    for _ in 0..2 {
        let pid: i32 = ask(&single, json!("identify")).await.unwrap().parse().unwrap();
        assert!(!lost.contains(&pid));
        lost.push(pid);
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        while workers_of(&running)
            .as_array()
            .unwrap()
            .iter()
            .any(|it| it["pid"] == lost[lost.len() - 1])
        {
            tokio::task::yield_now().await;
        }
    }
    let error = ask(&single, json!("identify")).await.unwrap_err();
    assert_eq!((error.code, error.reason.as_deref()), (Code::Unavailable, Some("worker.none")));
    running.stop().await;
}

/// What is known of the workers that live.
fn workers_of(running: &Running) -> Value {
    let report = running.registry().report();
    let single = report.iter().find(|provider| provider.instance == "single").unwrap();
    let described: Value = serde_json::from_str(&single.description).unwrap();
    described["workers"].clone()
}

/// Whether anybody has asked for numbers.
fn has_counted(running: &Running) -> bool {
    let report = running.registry().report();
    let ticker = report.iter().find(|provider| provider.service.contains("ticker")).unwrap();
    let described: Value = serde_json::from_str(&ticker.description).unwrap();
    described["methods"].as_array().unwrap().iter().any(|method| method["calls"] != 0)
}

fn is_busy(running: &Running) -> bool {
    workers_of(running)[0]["in_flight"] == 1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_that_answers_nobody_yet_has_no_process_before_its_first_call() {
    let (running, single) = workers(1).await;
    assert_eq!(workers_of(&running), json!([]));
    ask(&single, json!("identify")).await.unwrap();
    assert_eq!(workers_of(&running).as_array().unwrap().len(), 1);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_that_answers_another_has_its_process_at_once() {
    let mut consumer = planned(TICKER);
    let single = elsewhere(planned(SINGLE), 1);
    let provision = &single.manifest.provides[0];
    let instance = provision.instance.clone();
    let provider = Provider { plugin: single.manifest.id.clone(), instance };
    consumer.bindings.insert(provision.service.clone(), provider);
    let (running, _) = start(vec![consumer, single]).await.expect("it starts");
    assert_eq!(workers_of(&running).as_array().unwrap().len(), 1);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_answers_one_call_at_a_time_and_replicas_share_the_work() {
    let (running, single) = workers(2).await;
    let began = Instant::now();
    let calls = (0..4).map(|_| ask(&single, json!({"wait": 200})));
    let answers = futures_util::future::join_all(calls).await;
    let mut workers: Vec<String> = answers.into_iter().map(|answer| answer.unwrap()).collect();
    assert!(began.elapsed() >= Duration::from_millis(390), "four ran on two at once");
    workers.sort();
    workers.dedup();
    assert_eq!(workers.len(), 2, "two workers shared the work");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_finds_no_free_worker_in_time_says_so() {
    let (running, single) = workers(1).await;
    let blocking = ask(&single, json!({"wait": 500}));
    let waiting = async {
        while !is_busy(&running) {
            tokio::task::yield_now().await;
        }
        let late = single.deliver(delivery(json!("identify")));
        Call::timeout(Duration::from_millis(50), late).await
    };
    let (first, second) = tokio::join!(blocking, waiting);
    first.expect("the first is answered");
    assert_eq!(second.unwrap_err().code, Code::Timeout);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_over_its_memory_limit_dies_alone() {
    let (running, single) = workers(1).await;
    let error = ask(&single, json!({"grow": 1024})).await.unwrap_err();
    assert_eq!(error.code, Code::LimitExceeded, "{error}");
    assert_eq!(error.reason.as_deref(), Some("limit.memory"), "{error}");
    ask(&single, json!("identify")).await.expect("a new worker answers");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_are_replaced_after_their_share_of_calls() {
    let plugins = vec![elsewhere(planned(SINGLE), 1)];
    let (running, _) = support::start_recycled(plugins, 3).await.expect("it starts");
    let single = sink(&running, "single").unwrap();
    let mut workers = Vec::new();
    for _ in 0..9 {
        workers.push(ask(&single, json!("identify")).await.unwrap());
    }
    workers.dedup();
    assert_eq!(workers.len(), 3, "{workers:?}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_calls_dropped_at_random_leave_the_worker_sound() {
    let (running, single) = workers(2).await;
    let first = ask(&single, json!("identify")).await.unwrap();
    for round in 0..100_u64 {
        let calls = (0..100_u64).map(|index| {
            let single = Arc::clone(&single);
            async move {
                let call = single.deliver(delivery(json!({"wait": 0})));
                // From "at once" to "long after the answer".
                let patience = Duration::from_micros((round * 7919 + index * 104_729) % 3000);
                let _ = tokio::time::timeout(patience, call).await;
            }
        });
        futures_util::future::join_all(calls).await;
    }
    let pids = [first, ask(&single, json!("identify")).await.unwrap()];
    let last = ask(&single, json!("identify")).await.unwrap();
    assert!(!last.is_empty(), "{pids:?}");
    assert!(!is_busy(&running), "a call was leaked");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_on_demand_starts_with_its_first_call_and_stops_with_the_host() {
    let mut ticker = planned(TICKER);
    ticker.settings.start = StartWhen::OnDemand;
    let (running, _) = start(vec![ticker, elsewhere(planned(SINGLE), 1)]).await.unwrap();
    let waiting = || {
        let report = running.registry().report();
        report.iter().filter(|one| one.description.contains(r#""started":false"#)).count()
    };
    let single = sink(&running, "single").unwrap();
    ask(&single, json!("identify")).await.unwrap();
    assert_eq!(waiting(), 3, "nobody has called it");
    for _ in 0..2 {
        assert_eq!(ask(&single, json!({"count": 100})).await.unwrap(), "99");
    }
    // Its other services, which were held as well, are its own now.
    let hostile = sink(&running, "hostile").unwrap();
    let answer = Call::timeout(PATIENCE, hostile.deliver(delivery(json!({"sin": "none"}))));
    answer.await.unwrap();
    assert_eq!(waiting(), 0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_on_demand_that_does_not_start_tells_its_callers_why() {
    let mut ticker = support::configured(planned(TICKER), json!({"start": "fail"}));
    ticker.settings.start = StartWhen::OnDemand;
    let (running, _) = start(vec![ticker]).await.unwrap();
    for _ in 0..2 {
        let hostile = sink(&running, "hostile").unwrap();
        let error = hostile.deliver(delivery(json!({"sin": "none"}))).await.unwrap_err();
        assert!(error.to_string().contains("it would rather not"), "{error}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_keeps_memory_is_replaced_before_the_next_call() {
    let (running, single) = workers(1).await;
    let first = ask(&single, json!("identify")).await.unwrap();
    // Of 256 MiB.
    assert_eq!(ask(&single, json!({"grow": 16})).await.unwrap(), first);
    assert_eq!(ask(&single, json!({"grow": 100})).await.unwrap(), first, "it had room");
    assert_ne!(ask(&single, json!("identify")).await.unwrap(), first, "it has little now");
    for _ in 0..8 {
        ask(&single, json!({"grow": 100})).await.expect("nobody misses what others took");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_its_worker_had_not_read_is_given_to_another() {
    let (running, single) = workers(1).await;
    let first = ask(&single, json!("identify")).await.unwrap();
    let pid = rustix::process::Pid::from_raw(first.parse().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    let call = ask(&single, json!("identify"));
    let killing = async {
        while !is_busy(&running) {
            tokio::task::yield_now().await;
        }
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    };
    let (second, ()) = tokio::join!(call, killing);
    assert_ne!(second.expect("another answers"), first);
    running.stop().await;
}
