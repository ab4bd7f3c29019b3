//! Giving jobs to hosts, and how attempts end.

use std::time::Duration;

use ratchet_plugin_api::model::{
    DeliveryRecord, DeliveryStatus, Execution, ExecutionStatus, FailureKind, Hold, HttpExchange,
    Id, JobStatus, Json, LogLine, NewDelivery, PendingDelivery, RunSummary, TaskError, Timestamp,
};
use ratchet_plugin_api::services::{Change, ClaimedJob, Settled, Settlement, Verdict};

use super::state::{DeliveryRow, Row, State, task_error};

/// Attempts that may be lost with a host or a worker before a job is given up.
pub(super) const MAX_CRASHES: u32 = 3;

/// How an attempt ended, as it is kept.
#[derive(Default)]
struct Ending {
    output: Option<Json>,
    error: Option<TaskError>,
    task_version: Option<String>,
    started_at: Option<Timestamp>,
    duration_us: Option<u64>,
    http: Vec<HttpExchange>,
    logs: Vec<LogLine>,
    logs_dropped: u64,
}

impl State {
    /// Gives a ready job to a host.
    pub(super) fn give(&mut self, job: Id, host: Id) -> Option<ClaimedJob> {
        let now = self.now;
        let row = self.open.get_mut(&job)?;
        row.job.status = JobStatus::Processing;
        row.job.host = Some(host);
        row.job.attempt += 1;
        row.job.started_at = Some(now);
        if row.job.attempt == 1 {
            let waited = now.since(row.job.run_at);
            self.waits.push((now, i64::try_from(waited.as_micros()).unwrap_or(i64::MAX)));
        }
        let job = &row.job;
        let checksum = self.tasks.get(&job.task).map(|row| row.task.checksum.clone());
        let left = |end: Timestamp| u64::try_from(end.since(now).as_millis()).unwrap_or(u64::MAX);
        Some(ClaimedJob {
            job: job.id,
            number: job.number,
            execution: job.execution,
            task: job.task,
            checksum: checksum.unwrap_or_default(),
            attempt: job.attempt,
            crashes: job.crashes,
            input: job.input.clone(),
            priority: job.priority,
            retry: job.retry.clone(),
            timeout_ms: job.timeout_ms,
            lifetime_left_ms: job.expires_at.map(left),
            outputs: job.outputs.clone(),
            schedule: job.schedule,
        })
    }

    /// Records how one attempt ended.
    pub(super) fn settle(&mut self, settlement: Settlement) -> Settled {
        let (host, job) = (settlement.host, settlement.job);
        let fits = self.open.get(&job).is_some_and(|row| {
            row.job.host == Some(host) && row.job.execution == settlement.execution
        });
        if !fits {
            return Settled::Stale;
        }
        let began = settlement.began_ms_ago.map(|ago| {
            let ago = i64::try_from(ago).unwrap_or(i64::MAX).saturating_mul(1000);
            Timestamp::from_microseconds(self.now.as_microseconds().saturating_sub(ago))
        });
        let mut ending = Ending {
            task_version: settlement.task_version,
            started_at: began,
            duration_us: Some(settlement.duration_us),
            http: settlement.http,
            logs: settlement.logs,
            logs_dropped: settlement.logs_dropped,
            ..Ending::default()
        };
        let deliveries = settlement.deliveries;
        match settlement.verdict {
            Verdict::Completed(output) => {
                ending.output = Some(output);
                self.end_attempt(job, ExecutionStatus::Completed, ending, deliveries);
                self.end_job(job, JobStatus::Completed);
            }
            Verdict::Failed(error) => {
                ending.error = Some(error);
                self.end_attempt(job, ExecutionStatus::Failed, ending, deliveries);
                self.end_job(job, JobStatus::Failed);
            }
            Verdict::Cancelled(error) => {
                ending.error = Some(error);
                self.end_attempt(job, ExecutionStatus::Cancelled, ending, deliveries);
                self.end_job(job, JobStatus::Cancelled);
            }
            Verdict::Retry { error, delay_ms, crashed } => {
                ending.error = Some(error);
                self.end_attempt(job, ExecutionStatus::Failed, ending, deliveries);
                self.try_again(job, delay_ms, crashed);
            }
            Verdict::Released => self.release(job),
        }
        Settled::Recorded
    }

    /// Takes a job back from a host that has not begun it, or gives it up if that was asked for.
    pub(super) fn release(&mut self, job: Id) {
        let Some(row) = self.open.get_mut(&job) else {
            return;
        };
        row.job.attempt -= 1;
        row.job.host = None;
        row.job.started_at = None;
        row.job.status = if row.job.attempt == 0 { JobStatus::Queued } else { JobStatus::Retrying };
        if row.job.cancelling {
            self.end_waiting(job, JobStatus::Cancelled, cancelled(None));
        }
    }

    /// Ends the attempt of a dead host and lets the job wait again; whether it does.
    pub(super) fn rescue(&mut self, job: Id) -> bool {
        let message = "the host that ran it was lost";
        let error = task_error(FailureKind::WorkerLost, "HostLost", message);
        let ending = Ending { error: Some(error), ..Ending::default() };
        self.end_attempt(job, ExecutionStatus::Failed, ending, Vec::new());
        self.try_again(job, 0, true);
        self.open.contains_key(&job)
    }

    /// Lets a job wait for another attempt, unless it was cancelled or lost too often.
    fn try_again(&mut self, job: Id, delay_ms: u64, crashed: bool) {
        let run_at = self.after_ms(delay_ms);
        let (execution, number) = (self.id(), self.number("execution"));
        let Some(row) = self.open.get_mut(&job) else {
            return;
        };
        row.job.crashes += u32::from(crashed);
        if row.job.cancelling {
            self.end_job(job, JobStatus::Cancelled);
            return;
        }
        if row.job.crashes > MAX_CRASHES {
            self.end_job(job, JobStatus::Failed);
            return;
        }
        row.job.status = JobStatus::Retrying;
        row.job.host = None;
        row.job.execution = execution;
        row.execution_number = number;
        row.progress = None;
        // A job that lost its host goes where it was, before those that came later.
        if !crashed || delay_ms > 0 {
            row.job.run_at = run_at;
        }
        row.admitted = false;
    }

    /// Ends a waiting job and its attempt, which was not begun.
    pub(super) fn end_waiting(&mut self, job: Id, status: JobStatus, error: TaskError) {
        let execution = match status {
            JobStatus::Cancelled => ExecutionStatus::Cancelled,
            _ => ExecutionStatus::Failed,
        };
        let ending = Ending { error: Some(error), ..Ending::default() };
        self.end_attempt(job, execution, ending, Vec::new());
        self.end_job(job, status);
    }

    /// Writes the present attempt of a job into history, with the deliveries it asks for.
    fn end_attempt(
        &mut self,
        job: Id,
        status: ExecutionStatus,
        ending: Ending,
        deliveries: Vec<NewDelivery>,
    ) {
        let now = self.now;
        let Some(row) = self.open.get_mut(&job) else {
            return;
        };
        row.job.error = ending.error.clone();
        row.job.output = ending.output.clone();
        let begun = row.had();
        let started_at = ending.started_at.or(row.job.started_at).filter(|_| begun);
        let lasted = || started_at.map(|start| now.since(start).as_micros() as u64);
        let execution = Execution {
            task_version: ending.task_version,
            status,
            output: ending.output,
            error: ending.error,
            http: ending.http,
            started_at,
            finished_at: Some(now),
            duration_us: ending.duration_us.or_else(lasted),
            logs_dropped: ending.logs_dropped,
            ..present_execution(row)
        };
        for delivery in deliveries {
            self.insert_delivery(delivery, &execution);
        }
        self.logs.entry(execution.id).or_default().extend(ending.logs);
        self.executions.insert(execution.id, execution);
    }

    /// Moves a job out of the queue, and lets those that depend on it go on.
    fn end_job(&mut self, job: Id, status: JobStatus) {
        let Some(mut row) = self.open.remove(&job) else {
            return;
        };
        row.job.status = status;
        row.job.host = None;
        row.job.cancelling = false;
        row.job.hold = Hold::None;
        row.job.waits_for.clear();
        row.job.finished_at = Some(self.now);
        row.admitted = false;
        self.keys.retain(|_, key| key.job != job || key.until.is_some());
        self.ended.insert(job, row);
        self.news.push(Change::Job(job));
        let waits = |row: &&Row| row.job.waits_for.contains(&job);
        let dependents: Vec<Id> = self.open.values().filter(waits).map(|row| row.job.id).collect();
        for dependent in dependents {
            let Some(row) = self.open.get_mut(&dependent) else {
                continue;
            };
            if status == JobStatus::Completed || row.runs_after_failure {
                row.job.waits_for.retain(|id| *id != job);
            } else {
                self.cancel_dependent(dependent, job);
            }
        }
    }

    fn insert_delivery(&mut self, new: NewDelivery, execution: &Execution) {
        let record = DeliveryRecord {
            id: new.id,
            number: self.number("delivery"),
            job: execution.job,
            execution: execution.id,
            sink: new.destination.sink.clone(),
            status: DeliveryStatus::Pending,
            attempts: 0,
            duration_us: None,
            bytes: None,
            location: None,
            error: None,
            created_at: self.now,
            finished_at: None,
        };
        let run = RunSummary {
            execution: execution.id,
            job: execution.job,
            task: execution.task,
            task_name: execution.task_name.clone(),
            task_version: execution.task_version.clone().unwrap_or_default(),
            succeeded: execution.status == ExecutionStatus::Completed,
            finished: self.now,
        };
        let pending = PendingDelivery {
            id: new.id,
            attempt: 0,
            destination: new.destination,
            run,
            output: execution.output.clone(),
            error: execution.error.clone(),
        };
        let row = DeliveryRow { record, pending, due_at: self.now, host: None };
        self.deliveries.insert(new.id, row);
        self.news.push(Change::Deliveries);
    }
}

/// The attempt of a job that has not ended, as an execution.
pub(super) fn present_execution(row: &Row) -> Execution {
    let job = &row.job;
    let (status, attempt) = if row.had() {
        (ExecutionStatus::Running, job.attempt)
    } else {
        (ExecutionStatus::Pending, job.attempt + 1)
    };
    Execution {
        id: job.execution,
        number: row.execution_number,
        job: Some(job.id),
        task: job.task,
        task_name: job.task_name.clone(),
        task_version: None,
        status,
        attempt,
        input: job.input.clone(),
        output: None,
        error: None,
        http: Vec::new(),
        progress: row.progress.clone(),
        host: job.host,
        queued_at: job.queued_at,
        started_at: job.started_at.filter(|_| row.had()),
        finished_at: None,
        duration_us: None,
        logs_dropped: 0,
        metadata: job.metadata.clone(),
    }
}

/// The error of a job that somebody gave up.
pub(super) fn cancelled(reason: Option<String>) -> TaskError {
    let message = reason.unwrap_or_else(|| "the job was cancelled".to_owned());
    task_error(FailureKind::Cancelled, "Cancelled", message)
}

impl Row {
    /// Makes an ended job wait again from the beginning.
    pub(super) fn begin_anew(&mut self, now: Timestamp, execution: Id, number: i64) {
        let job = &mut self.job;
        job.status = JobStatus::Queued;
        job.attempt = 0;
        job.crashes = 0;
        job.execution = execution;
        job.run_at = now;
        job.expires_at = self.lifetime_ms.map(|life| now.after(Duration::from_millis(life)));
        job.error = None;
        job.output = None;
        job.started_at = None;
        job.finished_at = None;
        self.execution_number = number;
        self.progress = None;
        self.admitted = false;
    }
}
