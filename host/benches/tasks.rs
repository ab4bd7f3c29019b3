//! Executions through isolated workers: latency beyond the engine's own time, throughput, and the
//! processor time that takes, which bounds what more workers can gain.

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

/// Microseconds of processor time that a process has used, all its threads together.
fn processor_us(pid: u64) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it lives");
    let (_, fields) = text.rsplit_once(')').expect("its name ends");
    // The 14th and 15th of all fields are ticks in user and in system mode.
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: f64 = ticks.map(|field| field.parse::<f64>().expect("a number")).sum();
    ticks * 1e6 / rustix::param::clock_ticks_per_second() as f64
}

/// The process ids of the workers that live.
fn workers(running: &Running) -> Vec<u64> {
    let report = running.registry().report();
    let described = report.iter().filter(|provider| provider.service.contains("js-runtime"));
    let workers = described.flat_map(|provider| {
        let described: serde_json::Value =
            serde_json::from_str(&provider.description).expect("it is JSON");
        described["workers"].as_array().cloned().unwrap_or_default()
    });
    workers.filter_map(|worker| worker["pid"].as_u64()).collect()
}

/// What a second of many callers gave and took.
struct Throughput {
    /// Executions in a second.
    rate: f64,
    /// Microseconds of processor time per execution in this process: host and callers.
    host_us: f64,
    /// The same in the workers.
    workers_us: f64,
}

impl Throughput {
    /// Executions in a second if all processors did nothing else, all the time.
    fn bound(&self) -> f64 {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        processors as f64 * 1e6 / (self.host_us + self.workers_us)
    }
}

/// Runs `callers` at once for a while.
async fn throughput(running: &Running, runtime: &Arc<dyn JsRuntime>, callers: usize) -> Throughput {
    // All workers have started when all callers have been answered.
    futures_util::future::join_all((0..callers).map(|_| run_once(runtime))).await;
    let (host, pids) = (std::process::id().into(), workers(running));
    let used = |pids: &[u64]| pids.iter().map(|&pid| processor_us(pid)).sum::<f64>();
    let before = (used(&[host]), used(&pids));
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
    let rate = f64::from(runs) / began.elapsed().as_secs_f64();
    let after = (used(&[host]), used(&pids));
    Throughput {
        rate,
        host_us: (after.0 - before.0) / f64::from(runs),
        workers_us: (after.1 - before.1) / f64::from(runs),
    }
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
        let alone = throughput(&running, &one, 4).await;
        running.stop().await;
        let (running, two) = runtime(plugin, 2).await;
        let both = throughput(&running, &two, 8).await;
        running.stop().await;
        println!("{plugin}");
        println!("  inside the runtime, p50           {inside:>8.0} us");
        println!("  beyond it (waist, pipe), p50 p99  {p50:>8.0} us {p99:>8.0} us");
        for (name, found) in [("one worker", &alone), ("two workers", &both)] {
            println!(
                "  {name:<32}  {:>8.0} executions/s  {:.2}x, processor time of one: host {:.0} us, \
                 worker {:.0} us; bound {:.0} executions/s",
                found.rate,
                found.rate / alone.rate,
                found.host_us,
                found.workers_us,
                found.bound()
            );
        }
    }
}
