//! Executions through isolated workers: latency beyond the engine's own time, and throughput.

#[path = "../tests/support/mod.rs"]
mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use ratchet_host::lifecycle::Running;
use ratchet_plugin_api::Service;
use ratchet_plugin_api::model::{Id, Json, Limits, Outcome, Program, RunRequest, Schemas};
use ratchet_plugin_api::raw::Remote;
use ratchet_plugin_api::services::JsRuntime;
use support::{elsewhere, planned, start};

const SOURCE: &str = "function(input) {
  const { num1, num2 } = input;
  if (typeof num1 !== 'number' || typeof num2 !== 'number') {
    throw new Error('Both inputs must be numbers');
  }
  return { sum: num1 + num2, product: num1 * num2 };
}";

const SCHEMA: &str = r#"{"type":"object","properties":{"num1":{"type":"number"},
    "num2":{"type":"number"}},"required":["num1","num2"]}"#;

/// How long throughput is measured.
const MEASURED: Duration = Duration::from_secs(2);

/// Executions whose latency is taken.
const SAMPLES: usize = 2_000;

fn request() -> RunRequest {
    RunRequest {
        execution: Id::new(),
        program: Program {
            entry: "main.js".into(),
            source: SOURCE.into(),
            modules: Default::default(),
        },
        input: Json::parse(r#"{"num1":5,"num2":10}"#).expect("it is JSON"),
        context: None,
        schemas: Schemas { input: Some(Json::from_trusted(SCHEMA)), output: None },
        limits: Limits::default(),
        fetch: Default::default(),
    }
}

async fn runtime(plugin: &str, replicas: u16) -> (Running, Arc<dyn JsRuntime>) {
    let (running, _) = start(vec![elsewhere(planned(plugin), replicas)]).await.expect("it starts");
    let declared = <dyn JsRuntime as Service>::DECLARATION;
    let bound = running.registry().bind(declared.id, declared.major, None).expect("it is there");
    let runtime = <dyn JsRuntime as Service>::client(Remote::new(bound.service));
    (running, runtime)
}

/// Microseconds of one execution: seen from outside, and of that inside the runtime.
async fn run_once(runtime: &Arc<dyn JsRuntime>) -> (f64, f64) {
    let began = Instant::now();
    let report = runtime.run(request()).await.expect("it runs");
    let outside = began.elapsed().as_secs_f64() * 1e6;
    assert!(matches!(report.outcome, Outcome::Completed(_)), "{:?}", report.outcome);
    (outside, report.elapsed_us as f64)
}

fn percentile(sorted: &[f64], share: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * share) as usize]
}

async fn latency(runtime: &Arc<dyn JsRuntime>) -> (f64, f64, f64) {
    for _ in 0..100 {
        run_once(runtime).await;
    }
    let (mut beyond, mut inside) = (Vec::new(), Vec::new());
    for _ in 0..SAMPLES {
        let (outside, engine) = run_once(runtime).await;
        beyond.push(outside - engine);
        inside.push(engine);
    }
    beyond.sort_by(f64::total_cmp);
    inside.sort_by(f64::total_cmp);
    (percentile(&inside, 0.5), percentile(&beyond, 0.5), percentile(&beyond, 0.99))
}

/// Executions in a second with `callers` at once.
async fn throughput(runtime: &Arc<dyn JsRuntime>, callers: usize) -> f64 {
    let began = Instant::now();
    let callers = (0..callers).map(|_| async {
        let mut runs = 0_u32;
        while began.elapsed() < MEASURED {
            run_once(runtime).await;
            runs += 1;
        }
        runs
    });
    let runs: u32 = futures_util::future::join_all(callers).await.into_iter().sum();
    f64::from(runs) / began.elapsed().as_secs_f64()
}

#[allow(clippy::print_stdout, reason = "a benchmark's result")]
#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    println!("executions of a small task with a schema, each in a fresh context, isolated workers");
    for plugin in ["ratchet-js-boa", "ratchet-js-quickjs"] {
        if !support::target_directory().join(format!("lib{}.so", plugin.replace('-', "_"))).exists()
        {
            continue;
        }
        let (running, one) = runtime(plugin, 1).await;
        let (inside, p50, p99) = latency(&one).await;
        let alone = throughput(&one, 4).await;
        running.stop().await;
        let (running, two) = runtime(plugin, 2).await;
        let both = throughput(&two, 8).await;
        running.stop().await;
        println!("{plugin}");
        println!("  inside the runtime, p50           {inside:>8.0} us");
        println!("  beyond it (waist, pipe), p50 p99  {p50:>8.0} us {p99:>8.0} us");
        println!("  one worker                        {alone:>8.0} executions/s");
        println!(
            "  two workers                       {both:>8.0} executions/s  {:.2}x",
            both / alone
        );
    }
}
