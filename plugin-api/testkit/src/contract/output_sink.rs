//! What every output sink must do.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use ratchet_plugin_api::model::{Delivery, Id, Json, RunSummary, Timestamp};
use ratchet_plugin_api::services::OutputSink;
use ratchet_plugin_api::{Call, Code};
use serde_json::Value;

use super::{Report, fails, succeeds, through_waist};

/// Deliveries made at the same time.
const CONCURRENT: usize = 16;

/// More than fits into any one buffer on the way.
const LARGE: usize = 4 * 1024 * 1024;

/// Destinations in the terms of the sink under test.
#[derive(Clone, Debug)]
pub struct Targets {
    /// One to which everything can be delivered.
    pub valid: Value,
    /// Ones to which nothing ever can, such as with a key misspelt or of the wrong type. At least
    /// one.
    pub invalid: Vec<Value>,
}

/// Checks a sink. Deliveries are really made, to `targets.valid`.
///
/// # Panics
/// Outside of a tokio runtime, and when no invalid target is given.
pub async fn output_sink(sink: Arc<dyn OutputSink>, targets: Targets) -> Report {
    assert!(!targets.invalid.is_empty(), "give at least one invalid target");
    let sink = through_waist::<dyn OutputSink>(sink);
    let sink = &sink;
    let valid = Json::from(targets.valid);
    let deliver = |delivery: Delivery| async move { sink.deliver(delivery).await };
    let json = || delivery(&valid, "application/json", &br#"{"sum":15}"#[..]);
    let mut report = Report::new("ratchet.output-sink");

    report
        .check("accepts a valid target", async { succeeds(sink.check(valid.clone()).await) })
        .await;

    report
        .check("delivers JSON", async {
            let receipt = succeeds(deliver(json()).await)?;
            if receipt.bytes == 0 {
                return Err("the receipt says that 0 bytes were written".to_owned());
            }
            Ok(())
        })
        .await;

    report
        .check("takes a repeat of a delivery as harmless", async {
            let first = json();
            let second = Delivery { attempt: 2, ..first.clone() };
            succeeds(deliver(first).await)?;
            succeeds(deliver(second).await).map(drop)
        })
        .await;

    report
        .check("delivers the result of a failed run", async {
            let mut failed = json();
            failed.run.succeeded = false;
            succeeds(deliver(failed).await).map(drop)
        })
        .await;

    report
        .check("delivers a result that belongs to a job", async {
            let mut queued = json();
            queued.run.job = Some(Id::new());
            succeeds(deliver(queued).await).map(drop)
        })
        .await;

    report
        .check("delivers text beyond ASCII", async {
            let text = delivery(&valid, "application/json", "\"żółw 🐢\"".as_bytes());
            succeeds(deliver(text).await).map(drop)
        })
        .await;

    report
        .check("delivers a large body", async {
            let body = format!("\"{}\"", "x".repeat(LARGE));
            succeeds(deliver(delivery(&valid, "application/json", body)).await).map(drop)
        })
        .await;

    report
        .check("delivers or refuses an empty body", async {
            delivered_or_invalid(deliver(delivery(&valid, "application/json", "")).await)
        })
        .await;

    report
        .check("delivers or refuses a body that is not text", async {
            let bytes = delivery(&valid, "application/octet-stream", vec![0xff, 0x00, 0xfe]);
            delivered_or_invalid(deliver(bytes).await)
        })
        .await;

    report
        .check("delivers or refuses a task name that is a path", async {
            let mut hostile = json();
            hostile.run.task_name = "../../../escape\n\0".to_owned();
            delivered_or_invalid(deliver(hostile).await)
        })
        .await;

    for target in targets.invalid {
        let target = Json::from(target);
        report
            .check("refuses an invalid target", async {
                let checked = sink.check(target.clone()).await;
                fails(checked, Code::Invalid).map_err(|why| format!("check of {target}: {why}"))
            })
            .await;
        report
            .check("refuses to deliver to an invalid target", async {
                let delivered = deliver(Delivery { target: target.clone(), ..json() }).await;
                fails(delivered, Code::Invalid).map_err(|why| format!("to {target}: {why}"))
            })
            .await;
    }

    report
        .check("delivers many at once", async {
            let outcomes = join_all((0..CONCURRENT).map(|_| deliver(json()))).await;
            outcomes.into_iter().try_for_each(|outcome| succeeds(outcome).map(drop))
        })
        .await;

    report
        .check("ends with the deadline, and delivers afterwards", async {
            match Call::timeout(Duration::ZERO, deliver(json())).await {
                // Quick enough to be done before anyone looked at the clock.
                Ok(_) => {}
                late => fails(late, Code::Timeout)?,
            }
            succeeds(deliver(json()).await).map(drop)
        })
        .await;

    report
        .check("delivers after a delivery was given up", async {
            for _ in 0..CONCURRENT {
                // Polls once and drops.
                let _ = deliver(json()).now_or_never();
            }
            succeeds(deliver(json()).await).map(drop)
        })
        .await;

    report
}

fn delivery(target: &Json, content_type: &str, body: impl Into<Bytes>) -> Delivery {
    let run = RunSummary {
        execution: Id::new(),
        job: None,
        task: Id::new(),
        task_name: "contract-test".to_owned(),
        task_version: "1.0.0".to_owned(),
        succeeded: true,
        finished: Timestamp::now(),
    };
    Delivery {
        id: Id::new(),
        attempt: 1,
        run,
        target: target.clone(),
        content_type: content_type.to_owned(),
        body: body.into(),
    }
}

/// A sink may have no use for such a delivery, but then it says so for good.
fn delivered_or_invalid<T: std::fmt::Debug>(
    outcome: ratchet_plugin_api::Result<T>,
) -> Result<(), String> {
    match outcome {
        Ok(_) => Ok(()),
        refused => fails(refused, Code::Invalid),
    }
}
