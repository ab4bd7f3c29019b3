//! What a call through the waist costs, against the same call of a boxed trait object.
//!
//! Ratios are of one run on one machine, which is what travels; `docs/benchmarks.md` keeps a table.

#[path = "../tests/support/mod.rs"]
mod support;

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use ratchet_plugin_api::model::Json;
use ratchet_plugin_api::raw::Remote;
use ratchet_plugin_api::{Result, Service, service};
use serde_json::json;
use support::{elsewhere, planned, start};

/// The fixture's contract, as its consumers know it.
#[service(id = "acme.echo", version = "1.0", many)]
trait Echo {
    /// Gives `document` back.
    async fn echo(&self, document: Json) -> Result<Json>;
}

/// The same without a waist.
struct Native;

#[service]
impl Echo for Native {
    async fn echo(&self, document: Json) -> Result<Json> {
        Ok(document)
    }
}

/// How long each figure is measured.
const MEASURED: Duration = Duration::from_millis(300);

/// Calls under way at once, for the amortised cost of a spawned call.
const CONCURRENT: usize = 64;

fn document(bytes: usize) -> Json {
    Json::of(&json!({"text": "x".repeat(bytes - 11)})).expect("it is JSON")
}

/// Nanoseconds of one call, one after another.
async fn serial(echo: &Arc<dyn Echo>, document: &Json) -> f64 {
    let (began, mut calls) = (Instant::now(), 0_u32);
    while began.elapsed() < MEASURED {
        for _ in 0..32 {
            black_box(echo.echo(document.clone()).await.expect("it answers"));
        }
        calls += 32;
    }
    began.elapsed().as_nanos() as f64 / f64::from(calls)
}

/// Nanoseconds of one call when many are under way.
async fn concurrent(echo: &Arc<dyn Echo>, document: &Json) -> f64 {
    let (began, mut calls) = (Instant::now(), 0_usize);
    while began.elapsed() < MEASURED {
        let batch = (0..CONCURRENT).map(|_| echo.echo(document.clone()));
        black_box(join_all(batch).await);
        calls += CONCURRENT;
    }
    began.elapsed().as_nanos() as f64 / calls as f64
}

#[allow(clippy::print_stdout, reason = "a benchmark's result")]
#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let (here, _) = start(vec![planned("ratchet-fixture-echo")]).await.expect("it starts");
    let other = vec![elsewhere(planned("ratchet-fixture-echo"), 1)];
    let (there, _) = start(other).await.expect("it starts");
    let find = |running: &ratchet_host::lifecycle::Running, name: &str| {
        let declared = <dyn Echo as Service>::DECLARATION;
        let bound = running.registry().bind(declared.id, declared.major, Some(name));
        <dyn Echo as Service>::client(Remote::new(bound.expect("it is there").service))
    };
    let native: Arc<dyn Echo> = Arc::new(Native);
    let (inline, spawned) = (find(&here, "inline"), find(&here, "spawned"));
    let process = find(&there, "inline");

    println!("cost of a call in nanoseconds, and as a multiple of a boxed trait object's");
    println!("{:<26}{:>14}{:>16}{:>16}", "", "64 B", "4 KiB", "100 KiB");
    let documents = [document(64), document(4 << 10), document(100 << 10)];
    let mut baseline = Vec::new();
    for document in &documents {
        baseline.push(serial(&native, document).await);
    }
    let row = |name: &str, figures: &[f64]| {
        let cells: Vec<_> = figures
            .iter()
            .zip(&baseline)
            .map(|(figure, base)| format!("{figure:>9.0} {:>5.1}x", figure / base))
            .collect();
        println!("{name:<26}{}", cells.join(" "));
    };
    row("boxed trait object", &baseline);
    for (name, echo, together) in [
        ("inline", &inline, false),
        ("spawned, one at a time", &spawned, false),
        ("spawned, 64 under way", &spawned, true),
        ("process, one at a time", &process, false),
        ("process, 64 under way", &process, true),
    ] {
        let mut figures = Vec::new();
        for document in &documents {
            figures.push(match together {
                true => concurrent(echo, document).await,
                false => serial(echo, document).await,
            });
        }
        row(name, &figures);
    }
    here.stop().await;
    there.stop().await;
}
