//! A runtime that does what its input says.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::stream;
use ratchet_plugin_api::model::{
    FailureKind, Json, LogLevel, LogLine, Outcome, Program, ProgramReport, RunEvent, RunReport,
    RunRequest, TaskError, Timestamp,
};
use ratchet_plugin_api::services::{JsRuntime, RuntimeInfo};
use ratchet_plugin_api::{Error, Result, Stream, service};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Notify;

/// What one job does; all in this order.
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Script {
    /// The first attempts that find no worker.
    unbegun: u32,
    /// What it writes.
    logs: Vec<String>,
    /// Milliseconds it takes.
    wait_ms: u64,
    /// Whether it never ends.
    hang: bool,
    /// The first attempts that lose their worker.
    die: u32,
    /// The first attempts that throw.
    fail: u32,
    /// What they throw.
    class: Option<String>,
    /// Properties of that.
    details: Option<Value>,
    /// What it returns, else the number of the attempt.
    returns: Option<Value>,
    /// Only a name.
    name: Option<String>,
}

/// What is seen of the runs.
#[derive(Default)]
pub(super) struct Seen {
    /// Runs begun for each job.
    runs: Mutex<HashMap<String, u32>>,
    /// The names of scripts in the order they began.
    pub(super) order: Mutex<Vec<String>>,
    /// When each run began.
    pub(super) began_at: Mutex<Vec<Instant>>,
    /// Runs begun.
    pub(super) begun: AtomicUsize,
    /// Runs under way.
    pub(super) running: AtomicUsize,
    /// The most there were at once.
    pub(super) most: AtomicUsize,
    changed: Notify,
}

#[derive(Default)]
pub(super) struct ScriptedRuntime {
    pub(super) seen: Arc<Seen>,
}

impl Seen {
    /// Waits until `condition` holds.
    pub(super) async fn until(&self, condition: impl Fn(&Self) -> bool) {
        let wait = async {
            loop {
                let changed = self.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if condition(self) {
                    return;
                }
                changed.await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait).await.unwrap();
    }

    pub(super) fn running(&self) -> usize {
        self.running.load(Ordering::SeqCst)
    }

    pub(super) fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }
}

/// One run under way, until it is dropped.
struct Run(Arc<Seen>);

impl Run {
    fn begin(seen: &Arc<Seen>) -> Self {
        let running = seen.running.fetch_add(1, Ordering::SeqCst) + 1;
        seen.most.fetch_max(running, Ordering::SeqCst);
        seen.begun.fetch_add(1, Ordering::SeqCst);
        seen.began_at.lock().unwrap().push(Instant::now());
        seen.changed.notify_waiters();
        Self(Arc::clone(seen))
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
        self.0.changed.notify_waiters();
    }
}

#[service]
impl JsRuntime for ScriptedRuntime {
    async fn info(&self) -> Result<RuntimeInfo> {
        let name = "scripted".to_owned();
        Ok(RuntimeInfo { engine: name.clone(), name, interruptible: true })
    }

    async fn check(&self, _: Program) -> Result<ProgramReport> {
        Ok(ProgramReport::default())
    }

    async fn run(&self, _: RunRequest) -> Result<RunReport> {
        Err(Error::internal("runs are followed"))
    }

    async fn follow(&self, request: RunRequest) -> Result<Stream<RunEvent>> {
        let script: Script = request.input.to().unwrap_or_default();
        let context: Value = request.context.unwrap().to()?;
        let job = context["jobId"].as_str().unwrap().to_owned();
        let attempt = {
            let mut runs = self.seen.runs.lock().unwrap();
            let runs = runs.entry(job).or_default();
            *runs += 1;
            *runs
        };
        if attempt <= script.unbegun {
            return Err(Error::unavailable("no worker could be started"));
        }
        if let Some(name) = &script.name {
            self.seen.order.lock().unwrap().push(name.clone());
        }
        let run = Run::begin(&self.seen);
        let logs = script.logs.clone().into_iter().map(|message| {
            Ok(RunEvent::Log(LogLine { time: Timestamp::now(), level: LogLevel::Info, message }))
        });
        let end = stream::once(async move {
            let _run = run;
            tokio::time::sleep(Duration::from_millis(script.wait_ms)).await;
            if script.hang {
                std::future::pending::<()>().await;
            }
            if attempt <= script.die {
                let lost = Error::unavailable("the worker process was ended by SIGKILL");
                return Err(lost.with_reason(FailureKind::WorkerLost.reason()));
            }
            Ok(RunEvent::Finished(report(&script, attempt)))
        });
        use futures_util::StreamExt as _;
        Ok(Stream::new(stream::iter(logs).chain(end)))
    }
}

fn report(script: &Script, attempt: u32) -> RunReport {
    let outcome = if attempt <= script.fail {
        Outcome::Failed(TaskError {
            kind: FailureKind::Thrown,
            class: script.class.clone().unwrap_or_else(|| "Error".into()),
            message: format!("attempt {attempt} fails"),
            stack: Vec::new(),
            violations: Vec::new(),
            details: script.details.clone().map(Json::from),
            causes: Vec::new(),
        })
    } else {
        Outcome::Completed(script.returns.clone().unwrap_or(json!(attempt)).into())
    };
    RunReport { outcome, logs: Vec::new(), logs_dropped: 0, http: Vec::new(), elapsed_us: 7 }
}
