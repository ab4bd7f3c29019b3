//! Running a task once: choosing a runtime, asking it, and following what happens.

pub(crate) mod failure;

use std::sync::Arc;
use std::time::{Duration, Instant};

use ratchet_plugin_api::model::{
    FailureKind, FetchPolicy, HttpExchange, Id, Json, Limits, LogLevel, LogLine, Outcome, RunEvent,
    RunReport, RunRequest, Schemas,
};
use ratchet_plugin_api::services::JsRuntime;
use ratchet_plugin_api::{Call, Code, Context, Error, Result, did_you_mean, nearest};
use ratchet_taskdir::{Metadata, Task};
use serde_json::json;
use tokio::time::{MissedTickBehavior, interval};

use crate::config::Execution;
use failure::task_error_of;

/// What a runtime gets beyond the time limit to end a run by itself and report, before the call's
/// deadline ends the worker it is on.
const GRACE: Duration = Duration::from_secs(1);

/// How often a long run is said to be still running.
const STILL_RUNNING: Duration = Duration::from_secs(10);

/// The runtimes at hand and what tasks may use up on them.
#[derive(Clone)]
pub(crate) struct Runner {
    context: Context,
    execution: Execution,
    /// The runtime chosen on the command line.
    chosen: Option<String>,
}

/// What one run is given.
#[derive(Clone, Debug)]
pub(crate) struct RunOptions {
    pub(crate) input: Json,
    pub(crate) fetch: FetchPolicy,
    /// Replaces the time limit of configuration and metadata.
    pub(crate) timeout: Option<Duration>,
}

/// What came of a run, with everything that was seen on the way.
#[derive(Clone, Debug)]
pub(crate) struct Finished {
    pub(crate) outcome: Outcome,
    pub(crate) logs: Vec<LogLine>,
    /// Lines of log dropped because a log limit was reached.
    pub(crate) logs_dropped: u64,
    /// The requests `fetch` made, in the order they were started.
    pub(crate) http: Vec<HttpExchange>,
    pub(crate) elapsed: Duration,
}

impl Runner {
    pub(crate) fn new(context: Context, execution: Execution, chosen: Option<String>) -> Self {
        Self { context, execution, chosen }
    }

    /// The runtime for a task: that of the command line, else that of its metadata, else that of
    /// the configuration, else the only one.
    ///
    /// # Errors
    /// `Invalid` when a runtime is named that is not there.
    pub(crate) fn runtime(&self, metadata: &Metadata) -> Result<Arc<dyn JsRuntime>> {
        let wanted = [&self.chosen, &metadata.policy.runtime, &self.execution.runtime];
        let Some(name) = wanted.into_iter().flatten().next() else {
            return self.context.slot::<dyn JsRuntime>().get();
        };
        self.context.slot_named::<dyn JsRuntime>(name).get().map_err(|error| {
            if error.code != Code::Gone {
                return error;
            }
            let present = self.context.all::<dyn JsRuntime>();
            let names: Vec<&str> = present.iter().map(|(name, _)| name.as_str()).collect();
            let hint = did_you_mean(nearest(name, names.iter().copied()));
            let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            Error::invalid(format!(
                "no JavaScript runtime is called `{name}`; there is: {names}{hint}"
            ))
        })
    }

    /// What a run of `task` may use up.
    pub(crate) fn limits(&self, task: &Task, timeout: Option<Duration>) -> Limits {
        self.execution.limits(&task.metadata, timeout)
    }

    /// Runs `task` to its end, telling `on_log` each line as it is written.
    ///
    /// # Errors
    /// What kept the run from starting; a task that fails is [`Outcome::Failed`].
    pub(crate) async fn run(
        &self,
        task: &Task,
        options: RunOptions,
        on_log: impl FnMut(&LogLine) + Send,
    ) -> Result<Finished> {
        let runtime = self.runtime(&task.metadata)?;
        let limits = self.limits(task, options.timeout);
        let wall = Duration::from_millis(limits.wall_ms);
        let execution = Id::new();
        let schemas =
            if self.execution.validate_schemas { task.schemas() } else { Schemas::default() };
        let task_id =
            task.metadata.uuid.map_or_else(|| task.name().to_owned(), |id| id.to_string());
        let context = json!({
            "executionId": execution.to_string(),
            "taskId": task_id,
            "taskVersion": task.metadata.version,
            "jobId": null,
        });
        let request = RunRequest {
            execution,
            program: task.program.clone(),
            input: options.input,
            context: Some(context.into()),
            schemas,
            limits,
            fetch: options.fetch,
        };
        let mut following = Following::new(on_log);
        let run = async move {
            let deadline = wall.saturating_add(GRACE);
            let ended = Call::timeout(deadline, following.follow(&*runtime, request)).await;
            following.finish(ended, wall)
        };
        Call::current().for_execution(execution).scope(run).await
    }
}

/// A run under way.
struct Following<F> {
    on_log: F,
    started: Instant,
    logs: Vec<LogLine>,
    http: Vec<HttpExchange>,
}

impl<F: FnMut(&LogLine) + Send> Following<F> {
    fn new(on_log: F) -> Self {
        Self { on_log, started: Instant::now(), logs: Vec::new(), http: Vec::new() }
    }

    async fn follow(&mut self, runtime: &dyn JsRuntime, request: RunRequest) -> Result<RunReport> {
        let mut events = runtime.follow(request).await?;
        let mut ticks = interval(STILL_RUNNING);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first tick is at once.
        ticks.tick().await;
        loop {
            let event = tokio::select! {
                event = events.next() => event,
                _ = ticks.tick() => {
                    let seconds = self.started.elapsed().as_secs();
                    tracing::info!(target: "task", "still running after {seconds} s");
                    continue;
                }
            };
            match event {
                Some(Ok(RunEvent::Log(line))) => self.log(line),
                Some(Ok(RunEvent::Http(exchange))) => self.http.push(exchange),
                Some(Ok(RunEvent::Finished(report))) => return Ok(report),
                Some(Err(error)) => return Err(error),
                None => {
                    let message = "the runtime ended without a report";
                    let lost = FailureKind::WorkerLost;
                    return Err(Error::unavailable(message).with_reason(lost.reason()));
                }
            }
        }
    }

    fn log(&mut self, line: LogLine) {
        (self.on_log)(&line);
        self.logs.push(line);
    }

    /// Puts what was seen on the way and the end together.
    fn finish(mut self, ended: Result<RunReport>, wall: Duration) -> Result<Finished> {
        let (outcome, logs_dropped, elapsed) = match ended {
            Ok(report) => {
                report.logs.into_iter().for_each(|line| self.log(line));
                self.http.extend(report.http);
                (report.outcome, report.logs_dropped, Duration::from_micros(report.elapsed_us))
            }
            Err(error) => (Outcome::Failed(task_error_of(error, wall)?), 0, self.started.elapsed()),
        };
        self.http.sort_by_key(|exchange| exchange.started);
        let Self { logs, http, .. } = self;
        Ok(Finished { outcome, logs, logs_dropped, http, elapsed })
    }
}

/// Hands a task's line of log to the log, at its own level.
pub(crate) fn trace(line: &LogLine) {
    let text = line.message.as_str();
    match line.level {
        LogLevel::Trace => tracing::trace!(target: "task", "{text}"),
        LogLevel::Debug => tracing::debug!(target: "task", "{text}"),
        LogLevel::Info => tracing::info!(target: "task", "{text}"),
        LogLevel::Warn => tracing::warn!(target: "task", "{text}"),
        LogLevel::Error => tracing::error!(target: "task", "{text}"),
    }
}
