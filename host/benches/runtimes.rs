//! What JavaScript costs on each engine: its context, a call, JSON in and out, a few workloads, and
//! executions through isolated workers. Node is measured in the same run, for scale.

#[path = "../tests/support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use ratchet_host::lifecycle::Running;
use ratchet_host::plan::Planned;
use ratchet_plugin_api::Service;
use ratchet_plugin_api::model::{
    Id, Json, Limits, Outcome, Program, RunReport, RunRequest, Schemas,
};
use ratchet_plugin_api::raw::Remote;
use ratchet_plugin_api::services::JsRuntime;
use serde_json::{Value, json};
use support::{elsewhere, planned, start};

const ENGINES: [(&str, &str); 2] = [("boa", "ratchet-js-boa"), ("quickjs", "ratchet-js-quickjs")];

/// Milliseconds of a computation, as the task itself measures them.
const WORKLOADS: [(&str, &str); 4] = [
    ("fib(25)", "const f = n => n < 2 ? n : f(n - 1) + f(n - 2); f(25);"),
    ("100k string appends", "let s = ''; for (let i = 0; i < 1e5; i++) s += 'x' + i; s.length;"),
    (
        "sort of 100k numbers",
        "let x = 1; Array.from({ length: 1e5 }, () => x = x * 16807 % 2147483647)
            .sort((a, b) => a - b);",
    ),
    (
        "regular expression over 100 KB",
        "const t = 'lorem ipsum 12345 dolor '.repeat(4300); t.match(/\\w+\\s(\\d+)/g).length;",
    ),
];

/// One kilobyte of JSON as tasks get it: a few fields and a little text.
const DOCUMENT: &str = include_str!("document.json");

const TASK: &str = "function main(input) {
  const { num1, num2 } = input;
  if (typeof num1 !== 'number' || typeof num2 !== 'number') {
    throw new Error('Both inputs must be numbers');
  }
  return { sum: num1 + num2, product: num1 * num2 };
}";

const INPUT: &str = r#"{"num1":5,"num2":10}"#;

/// How long throughput is measured.
const MEASURED: Duration = Duration::from_secs(2);

/// How long a worker is left alone before a latency is taken, so that it has made the context.
const REST: Duration = Duration::from_millis(3);

/// Figures by name: milliseconds, or what the name says.
type Figures = BTreeMap<String, f64>;

/// What is printed, in this order, and how: name, digits, unit, whether more is better.
const ROWS: [(&str, usize, &str, bool); 12] = [
    ("context", 3, "ms", false),
    ("call", 3, "ms", false),
    ("json 1", 3, "ms", false),
    ("json 100", 2, "ms", false),
    ("json 1000", 2, "ms", false),
    ("fib(25)", 1, "ms", false),
    ("100k string appends", 1, "ms", false),
    ("sort of 100k numbers", 1, "ms", false),
    ("regular expression over 100 KB", 1, "ms", false),
    ("beyond the runtime", 3, "ms", false),
    ("executions per core", 0, "/s", true),
    ("resident", 1, "MiB", false),
];

fn request(source: &str, input: &str) -> RunRequest {
    RunRequest {
        execution: Id::new(),
        program: Program {
            entry: "main.js".into(),
            source: source.into(),
            modules: BTreeMap::new(),
        },
        input: Json::parse(input).expect("it is JSON"),
        context: None,
        schemas: Schemas::default(),
        limits: Limits { output_bytes: 64 << 20, ..Limits::default() },
        fetch: Default::default(),
    }
}

fn documents(kilobytes: usize) -> String {
    format!("[{}]", vec![DOCUMENT.trim(); kilobytes].join(","))
}

fn measured(work: &str) -> String {
    format!("() => {{ const began = performance.now(); {work} return performance.now() - began }}")
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

async fn runtime(plugin: Planned) -> (Running, Arc<dyn JsRuntime>) {
    let (running, _) = start(vec![plugin]).await.expect("it starts");
    let declared = <dyn JsRuntime as Service>::DECLARATION;
    let bound = running.registry().bind(declared.id, declared.major, None).expect("it is there");
    let runtime = <dyn JsRuntime as Service>::client(Remote::new(bound.service));
    (running, runtime)
}

async fn run(runtime: &Arc<dyn JsRuntime>, request: RunRequest) -> (RunReport, Json) {
    let report = runtime.run(request).await.expect("it runs");
    match &report.outcome {
        Outcome::Completed(output) => {
            let output = output.clone();
            (report, output)
        }
        other => panic!("it has to succeed: {other:?}"),
    }
}

/// Milliseconds inside a runtime that is not busy, median of some runs.
async fn rested(runtime: &Arc<dyn JsRuntime>, source: &str, input: &str, runs: usize) -> f64 {
    let mut inside = Vec::new();
    for _ in 0..runs {
        tokio::time::sleep(REST).await;
        let (report, _) = run(runtime, request(source, input)).await;
        inside.push(report.elapsed_us as f64 / 1e3);
    }
    median(inside)
}

/// Milliseconds of one run after another, each with its context.
async fn in_a_row(runtime: &Arc<dyn JsRuntime>, source: &str, runs: u32) -> f64 {
    run(runtime, request(source, "null")).await;
    let began = Instant::now();
    for _ in 0..runs {
        run(runtime, request(source, "null")).await;
    }
    milliseconds(began) / f64::from(runs)
}

/// Executions in a second with `callers` at once.
async fn throughput(runtime: &Arc<dyn JsRuntime>, callers: usize) -> f64 {
    let began = Instant::now();
    let callers = (0..callers).map(|_| async {
        let mut runs = 0_u32;
        while began.elapsed() < MEASURED {
            run(runtime, request(TASK, INPUT)).await;
            runs += 1;
        }
        runs
    });
    let runs: u32 = join_all(callers).await.into_iter().sum();
    f64::from(runs) / began.elapsed().as_secs_f64()
}

async fn engine(plugin: &str) -> Figures {
    let mut figures = Figures::new();
    let mut note = |name: &str, value: f64| figures.insert(name.to_owned(), value);

    let (running, inside) = runtime(planned(plugin)).await;
    let call = rested(&inside, "() => 1", "null", 300).await;
    note("call", call);
    note("context", in_a_row(&inside, "() => 1", 1000).await - call);
    for (kilobytes, runs) in [(1, 200), (100, 50), (1000, 20)] {
        let echo = rested(&inside, "input => input", &documents(kilobytes), runs).await;
        note(&format!("json {kilobytes}"), echo - call);
    }
    for (name, work) in WORKLOADS {
        let mut times = Vec::new();
        for _ in 0..15 {
            let (_, output) = run(&inside, request(&measured(work), "null")).await;
            times.push(output.to::<f64>().expect("it returns a number"));
        }
        note(name, median(times));
    }
    running.stop().await;

    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let replicas = u16::try_from(cores).unwrap_or(u16::MAX);
    let (running, isolated) = runtime(elsewhere(planned(plugin), replicas)).await;
    let per_second = throughput(&isolated, 4 * cores).await;
    note("executions per core", per_second / cores as f64);
    let mut beyond = Vec::new();
    for _ in 0..300 {
        tokio::time::sleep(REST).await;
        let began = Instant::now();
        let (report, _) = run(&isolated, request(TASK, INPUT)).await;
        beyond.push(milliseconds(began) - report.elapsed_us as f64 / 1e3);
    }
    note("beyond the runtime", median(beyond));
    let described = &running.registry().report()[0].description;
    let described: Value = serde_json::from_str(described).expect("it is JSON");
    if let Some(bytes) = described["workers"][0]["resident_bytes"].as_f64() {
        note("resident", bytes / f64::from(1 << 20));
    }
    running.stop().await;
    figures
}

/// The same on Node; none where there is no `node`.
fn node() -> Option<Figures> {
    let workloads: Value =
        WORKLOADS.map(|(name, work)| (name, measured(work))).into_iter().collect();
    let told =
        json!({"workloads": workloads, "document": DOCUMENT.trim(), "task": TASK, "input": INPUT});
    let mut node = Command::new("node")
        .args(["-e", include_str!("runtimes.js")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    let mut input = node.stdin.take().expect("it is piped");
    input.write_all(told.to_string().as_bytes()).ok()?;
    drop(input);
    let output = node.wait_with_output().ok()?;
    serde_json::from_slice(&output.stdout).ok()
}

#[allow(clippy::print_stdout, reason = "a benchmark's result")]
fn print(columns: &[(&str, Figures)]) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!("JavaScript on {cores} cores; medians; a fresh context for every run");
    print!("{:<32}", "");
    columns.iter().for_each(|(name, _)| print!("{name:>14}"));
    columns.iter().skip(1).for_each(|(name, _)| print!("{:>16}", format!("{name} gains")));
    println!();
    for (row, digits, unit, more_is_better) in ROWS {
        let figures: Vec<_> = columns.iter().map(|(_, figures)| figures.get(row)).collect();
        print!("{row:<32}");
        for figure in &figures {
            let text = figure.map_or_else(|| "-".into(), |it| format!("{it:.digits$} {unit}"));
            print!("{text:>14}");
        }
        for pair in figures.windows(2) {
            let gain = match pair {
                [Some(before), Some(after)] if more_is_better => {
                    format!("{:.1}x", *after / *before)
                }
                [Some(before), Some(after)] => format!("{:.1}x", *before / *after),
                _ => "-".into(),
            };
            print!("{gain:>16}");
        }
        println!();
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let mut columns = Vec::new();
    for (name, plugin) in ENGINES {
        columns.push((name, engine(plugin).await));
    }
    if let Some(figures) = node() {
        columns.push(("node", figures));
    }
    print(&columns);
}
