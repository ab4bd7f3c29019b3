//! Accepting jobs.

use std::time::Duration;

use ratchet_plugin_api::model::{FailureKind, Hold, Id, Job, JobStatus, Key, NewJob, Timestamp};
use ratchet_plugin_api::services::{AcceptJobs, Acceptance};
use ratchet_plugin_api::{Code, Error, Result};

use super::state::{KeyRow, LimiterRow, Row, State, task_error};

/// Bytes an idempotency key may have.
const LONGEST_KEY: usize = 255;

impl State {
    /// Accepts jobs in order, or with `atomic` all or none.
    pub(super) fn accept(&mut self, request: AcceptJobs) -> Result<Vec<Acceptance>> {
        let before = request.atomic.then(|| self.clone());
        let mut answers = Vec::new();
        // Those of this request count whatever becomes of them.
        let mut waiting = self.open.values().filter(|row| !row.had()).count() as u64;
        for (place, job) in request.jobs.into_iter().enumerate() {
            let answer = self.accept_one(job, waiting, request.max_waiting);
            waiting += u64::from(matches!(answer, Acceptance::Accepted { .. }));
            if let (Acceptance::Refused(error), Some(before)) = (&answer, &before) {
                let error = error.clone().context(format!("job {} of the batch", place + 1));
                *self = before.clone();
                return Err(error);
            }
            answers.push(answer);
        }
        if let Some(host) = request.claim_for.filter(|host| self.lives(*host)) {
            self.bring_up_to_date();
            self.claim_accepted(&mut answers, host);
        }
        Ok(answers)
    }

    fn claim_accepted(&mut self, answers: &mut [Acceptance], host: Id) {
        if self.pause.is_some() {
            return;
        }
        for answer in answers {
            let Acceptance::Accepted { execution, claim, .. } = answer else {
                continue;
            };
            let own = |row: &&Row| row.job.execution == *execution && row.job.hold == Hold::None;
            let job = self.open.values().find(own).map(|row| row.job.id);
            *claim = job.and_then(|job| self.give(job, host)).map(Box::new);
        }
    }

    fn accept_one(&mut self, new: NewJob, waiting: u64, most: Option<u64>) -> Acceptance {
        match self.examine(&new) {
            Err(error) => return Acceptance::Refused(error),
            Ok(Some(known)) => return Acceptance::Duplicate(known),
            Ok(None) => {}
        }
        if most.is_some_and(|most| waiting >= most) {
            let message = format!("the queue is full: {waiting} jobs wait");
            let error = Error::new(Code::LimitExceeded, message).with_reason("queue.full");
            return Acceptance::Refused(error);
        }
        self.insert(new)
    }

    /// Finds what is wrong with a job, or the job its key stands for.
    fn examine(&self, new: &NewJob) -> Result<Option<Id>> {
        if let Some(unique) = &new.unique {
            if unique.key.is_empty() || unique.key.len() > LONGEST_KEY {
                let message = format!(
                    "an idempotency key has 1 to {LONGEST_KEY} bytes; this one has {}",
                    unique.key.len()
                );
                return Err(Error::invalid(message).with_reason("job.bad_key"));
            }
            if let Some(known) = self.keys.get(&unique.key) {
                if known.fingerprint == unique.fingerprint {
                    return Ok(Some(known.job));
                }
                let message =
                    format!("the key `{}` stands for another request already", unique.key);
                return Err(Error::new(Code::Conflict, message).with_reason("job.key_reused"));
            }
        }
        if self.job(&Key::Id(new.id)).is_ok() {
            let message = format!("there is a job {} already", new.id);
            return Err(Error::new(Code::Conflict, message).with_reason("job.exists"));
        }
        match self.tasks.get(&new.task).filter(|row| !row.removed) {
            None => {
                let message = format!("there is no task {}", new.task);
                return Err(Error::invalid(message).with_reason("task.not_found"));
            }
            Some(row) if !row.task.enabled => {
                let message = format!("the task `{}` is disabled", row.task.definition.name);
                return Err(Error::new(Code::Conflict, message).with_reason("task.disabled"));
            }
            Some(_) => {}
        }
        for dependency in &new.depends_on {
            if self.job(&Key::Id(*dependency)).is_err() {
                let message = format!("it depends on the job {dependency}, which does not exist");
                return Err(Error::invalid(message).with_reason("job.unknown_dependency"));
            }
        }
        Ok(None)
    }

    fn insert(&mut self, new: NewJob) -> Acceptance {
        let run_at = new.not_before.map_or(self.now, |time| time.max(self.now));
        let run_at = run_at.max(self.after_ms(new.delay_ms));
        let (number, execution_number) = (self.number("job"), self.number("execution"));
        let execution = self.id();
        if let Some(unique) = &new.unique {
            let until = unique.window_ms.map(|window| self.after_ms(window));
            let fingerprint = unique.fingerprint.clone();
            self.keys.insert(unique.key.clone(), KeyRow { job: new.id, fingerprint, until });
        }
        if let Some(limiter) = &new.limiter {
            let fresh = LimiterRow { limiter: limiter.clone(), arrival: i64::MIN / 2 };
            self.limiters.entry(limiter.key.clone()).or_insert(fresh).limiter = limiter.clone();
        }
        let waits_for = new.depends_on.iter().filter(|id| self.open.contains_key(id)).copied();
        let mut waits_for: Vec<Id> = waits_for.collect();
        waits_for.sort_unstable();
        waits_for.dedup();
        let went_wrong =
            |id: &&Id| self.ended.get(id).is_some_and(|row| row.job.status != JobStatus::Completed);
        let failed = new.depends_on.iter().find(went_wrong).filter(|_| !new.runs_after_failure);
        let (failed, id) = (failed.copied(), new.id);
        let row = self.row(new, number, execution, execution_number, run_at, waits_for);
        self.open.insert(id, row);
        if let Some(dependency) = failed {
            self.cancel_dependent(id, dependency);
        }
        Acceptance::Accepted { number, execution, run_at, claim: None }
    }

    fn row(
        &self,
        new: NewJob,
        number: i64,
        execution: Id,
        execution_number: i64,
        run_at: Timestamp,
        waits_for: Vec<Id>,
    ) -> Row {
        let name = self.tasks.get(&new.task).map(|row| row.task.definition.name.clone());
        let job = Job {
            id: new.id,
            number,
            task: new.task,
            task_name: name.unwrap_or_default(),
            status: JobStatus::Queued,
            hold: Hold::None,
            priority: new.priority,
            input: new.input,
            execution,
            attempt: 0,
            crashes: 0,
            retry: new.retry,
            timeout_ms: new.timeout_ms,
            limiter: new.limiter,
            unique_key: new.unique.map(|unique| unique.key),
            waits_for,
            batch: new.batch,
            schedule: new.schedule,
            host: None,
            cancelling: false,
            error: None,
            output: None,
            outputs: new.outputs,
            metadata: new.metadata,
            queued_at: self.now,
            run_at,
            expires_at: new.lifetime_ms.map(|life| run_at.after(Duration::from_millis(life))),
            started_at: None,
            finished_at: None,
        };
        Row {
            job,
            execution_number,
            runs_after_failure: new.runs_after_failure,
            lifetime_ms: new.lifetime_ms,
            admitted: false,
            progress: None,
        }
    }

    /// Gives a job up because one that it depends on went wrong.
    pub(super) fn cancel_dependent(&mut self, job: Id, dependency: Id) {
        let message = format!("the job {dependency}, which it depends on, did not succeed");
        let error = task_error(FailureKind::Cancelled, "DependencyFailed", message);
        self.end_waiting(job, JobStatus::Cancelled, error);
    }
}
