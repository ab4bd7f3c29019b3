//! Following a run: what it writes is told at once, and kept ahead of its end when that is far.

use std::time::Duration;

use ratchet_plugin_api::model::{
    EventKind, FailureKind, HttpExchange, LogLine, RunEvent, RunReport, RunRequest,
};
use ratchet_plugin_api::raw::BoxFuture;
use ratchet_plugin_api::services::JsRuntime;
use ratchet_plugin_api::{Call, Error, Result};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::events::Subject;
use crate::shared::Shared;

/// How often the lines of a run are kept while it lasts. A run that ends sooner has none kept
/// ahead: its lines are settled with it.
const KEEP_EVERY: Duration = Duration::from_millis(250);

/// What keeping lines may take before the run goes on without them being kept.
const KEEP_WITHIN: Duration = Duration::from_secs(5);

/// What was seen of a run.
pub(crate) struct Follow<'a> {
    shared: &'a Shared,
    subject: Subject,
    logs: Vec<LogLine>,
    /// Lines at the beginning that are kept already.
    kept: usize,
    /// Whether lines after those may have been kept without our knowing.
    unsure: bool,
    pub(crate) logs_dropped: u64,
    pub(crate) http: Vec<HttpExchange>,
}

impl<'a> Follow<'a> {
    pub(crate) fn new(shared: &'a Shared, subject: Subject) -> Self {
        let (logs, http) = (Vec::new(), Vec::new());
        Self { shared, subject, logs, kept: 0, unsure: false, logs_dropped: 0, http }
    }

    /// Runs to the end. What was seen up to then is here also when this fails or is dropped.
    pub(crate) async fn run(
        &mut self,
        runtime: &dyn JsRuntime,
        request: RunRequest,
    ) -> Result<RunReport> {
        let mut events = runtime.follow(request).await?;
        let mut ticks = interval_at(Instant::now() + KEEP_EVERY, KEEP_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut keeping: Option<BoxFuture<Result<usize>>> = None;
        loop {
            tokio::select! {
                biased;
                event = events.next() => match event {
                    Some(Ok(RunEvent::Log(line))) => self.log(line),
                    Some(Ok(RunEvent::Http(exchange))) => self.http.push(exchange),
                    Some(Ok(RunEvent::Finished(report))) => return Ok(self.finish(report)),
                    Some(Err(error)) => return Err(error),
                    None => {
                        let message = "the runtime ended without a report";
                        let reason = FailureKind::WorkerLost.reason();
                        return Err(Error::unavailable(message).with_reason(reason));
                    }
                },
                Some(kept) = under_way(&mut keeping), if keeping.is_some() => {
                    keeping = None;
                    self.note_kept(kept);
                }
                _ = ticks.tick(), if keeping.is_none() => {
                    keeping = self.keep();
                }
            }
        }
    }

    /// The lines that are not kept yet, for the settlement.
    pub(crate) async fn rest(mut self) -> (Vec<LogLine>, u64, Vec<HttpExchange>) {
        if self.unsure {
            // Said again with the same place, lines that were kept are not kept twice.
            if let Some(keeping) = self.keep() {
                let kept = keeping.await;
                self.note_kept(kept);
            }
        }
        self.http.sort_by_key(|exchange| exchange.started);
        (self.logs.split_off(self.kept), self.logs_dropped, self.http)
    }

    fn finish(&mut self, mut report: RunReport) -> RunReport {
        std::mem::take(&mut report.logs).into_iter().for_each(|line| self.log(line));
        self.http.append(&mut report.http);
        self.logs_dropped = report.logs_dropped;
        report
    }

    fn log(&mut self, line: LogLine) {
        if self.shared.bus.is_heard() {
            let position = self.logs.len() as u64;
            self.shared.bus.tell(self.subject, EventKind::Log { position, line: line.clone() });
        }
        self.logs.push(line);
    }

    /// Keeps the lines that are not kept yet; gives how many there are then.
    fn keep(&mut self) -> Option<BoxFuture<Result<usize>>> {
        let lines = self.logs[self.kept..].to_vec();
        let store = self.shared.stores.executions().ok()?;
        if lines.is_empty() {
            return None;
        }
        self.unsure = true;
        let (execution, from, count) = (self.subject.execution, self.kept as u64, self.logs.len());
        Some(Box::pin(async move {
            let keeping = store.append_logs(execution, from, lines);
            Call::timeout(KEEP_WITHIN, keeping).await.map(|()| count)
        }))
    }

    fn note_kept(&mut self, kept: Result<usize>) {
        match kept {
            Ok(count) => {
                self.kept = count.max(self.kept);
                self.unsure = false;
            }
            // They are kept with the next ones or settled with the end.
            Err(error) => tracing::debug!(%error, "lines of log were not kept ahead"),
        }
    }
}

async fn under_way<T>(call: &mut Option<BoxFuture<T>>) -> Option<T> {
    match call {
        Some(call) => Some(call.await),
        None => None,
    }
}
