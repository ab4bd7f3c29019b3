//! What people do with jobs: cancel, replay, change, clear away, count.

use std::time::Duration;

use ratchet_plugin_api::model::{
    Hold, Id, Job, JobStats, JobStatus, Json, Key, Priority, Timestamp,
};
use ratchet_plugin_api::services::{Change, ClearJobs, JobPatch, LimiterState, Situation};
use ratchet_plugin_api::{Code, Error, Result};

use super::settle::cancelled;
use super::state::{KeyRow, Row, State};

/// What counts as lately in statistics.
pub(super) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl State {
    /// The job that has not ended.
    fn open_job(&self, key: &Key) -> Result<Id> {
        let row = self.job(key)?;
        if row.job.status.is_final() {
            let message = format!("the job {key} has ended: it is {}", row.job.status);
            return Err(Error::new(Code::Conflict, message).with_reason("job.ended"));
        }
        Ok(row.job.id)
    }

    pub(super) fn cancel(&mut self, key: &Key, reason: Option<String>) -> Result<Job> {
        let job = self.open_job(key)?;
        self.give_up(job, reason);
        self.bring_up_to_date();
        Ok(self.job(&Key::Id(job))?.job.clone())
    }

    /// Ends a waiting job, or asks the host that has it to end it.
    pub(super) fn give_up(&mut self, job: Id, reason: Option<String>) {
        match self.open.get_mut(&job) {
            Some(row) if row.had() => {
                row.job.cancelling = true;
                self.news.push(Change::Cancel(row.job.execution));
            }
            Some(_) => self.end_waiting(job, JobStatus::Cancelled, cancelled(reason)),
            None => {}
        }
    }

    pub(super) fn replay(&mut self, key: &Key, input: Option<Json>) -> Result<Job> {
        let row = self.job(key)?;
        let (job, status) = (row.job.id, row.job.status);
        if !matches!(status, JobStatus::Failed | JobStatus::Cancelled) {
            let message = format!(
                "the job {key} is {status}; only one that failed or was cancelled can be replayed"
            );
            return Err(Error::new(Code::Conflict, message).with_reason("job.not_replayable"));
        }
        let (execution, number, now) = (self.id(), self.number("execution"), self.now);
        if let Some(mut row) = self.ended.remove(&job) {
            row.begin_anew(now, execution, number);
            if let Some(input) = input {
                row.job.input = input;
            }
            if let Some(key) = &row.job.unique_key {
                let again = KeyRow { job, fingerprint: None, until: None };
                self.keys.entry(key.clone()).or_insert(again);
            }
            self.open.insert(job, row);
        }
        self.bring_up_to_date();
        Ok(self.job(&Key::Id(job))?.job.clone())
    }

    pub(super) fn patch(&mut self, key: &Key, patch: JobPatch) -> Result<Job> {
        let job = self.open_job(key)?;
        if let Some(row) = self.open.get_mut(&job) {
            let had = row.had();
            row.job.priority = patch.priority.unwrap_or(row.job.priority);
            if let Some(run_at) = patch.run_at.filter(|_| !had) {
                row.job.run_at = run_at;
            }
            row.job.retry.max_retries = patch.max_retries.unwrap_or(row.job.retry.max_retries);
            if let Some(metadata) = patch.metadata {
                row.job.metadata = metadata;
            }
        }
        self.bring_up_to_date();
        Ok(self.job(&Key::Id(job))?.job.clone())
    }

    pub(super) fn clear(&mut self, request: &ClearJobs) -> Result<u64> {
        if let Some(open) = request.statuses.iter().find(|status| !status.is_final()) {
            let message = format!("only ended jobs can be cleared away, not those that are {open}");
            return Err(Error::invalid(message).with_reason("job.not_ended"));
        }
        let wanted = |row: &&Row| {
            let ended = row.job.finished_at;
            (request.statuses.is_empty() || request.statuses.contains(&row.job.status))
                && request.task.is_none_or(|task| task == row.job.task)
                && request.before.is_none_or(|time| ended.is_some_and(|ended| ended < time))
        };
        let jobs: Vec<Id> = self.ended.values().filter(wanted).map(|row| row.job.id).collect();
        for job in &jobs {
            self.ended.remove(job);
            self.executions.retain(|_, execution| execution.job != Some(*job));
        }
        self.logs.retain(|id, _| {
            self.executions.contains_key(id)
                || self.open.values().any(|row| row.job.execution == *id)
        });
        Ok(jobs.len() as u64)
    }

    pub(super) fn job_stats(&self) -> JobStats {
        let mut stats = JobStats { paused: self.pause.clone(), ..JobStats::default() };
        for priority in Priority::ALL {
            stats.waiting_by_priority.insert(priority.to_string(), 0);
        }
        for hold in Hold::ALL {
            stats.waiting_by_hold.insert(hold.to_string(), 0);
        }
        let lately = |time: Timestamp| time.after(DAY) > self.now;
        for row in self.open.values().chain(self.ended.values()) {
            let job = &row.job;
            *match job.status {
                JobStatus::Queued => &mut stats.queued,
                JobStatus::Processing => &mut stats.processing,
                JobStatus::Retrying => &mut stats.retrying,
                JobStatus::Completed => &mut stats.completed,
                JobStatus::Failed => &mut stats.failed,
                JobStatus::Cancelled => &mut stats.cancelled,
            } += 1;
            stats.last_24h += u64::from(lately(job.queued_at));
            if matches!(job.status, JobStatus::Queued | JobStatus::Retrying) {
                *stats.waiting_by_priority.entry(job.priority.to_string()).or_default() += 1;
                *stats.waiting_by_hold.entry(job.hold.to_string()).or_default() += 1;
            }
        }
        let waits: Vec<f64> =
            self.waits.iter().filter(|wait| lately(wait.0)).map(|wait| wait.1 as f64).collect();
        if !waits.is_empty() {
            let average = waits.iter().sum::<f64>() / waits.len() as f64;
            stats.average_wait_ms = Some(average / 1000.0);
        }
        let ready = self.ready();
        let oldest = ready.iter().filter_map(|job| self.open.get(job)).map(|row| row.job.run_at);
        stats.longest_wait_ms = oldest.min().map(|time| self.now.since(time).as_millis() as u64);
        stats
    }

    pub(super) fn situation(&self, key: &Key) -> Result<Situation> {
        let row = self.job(key)?;
        let task = self.tasks.get(&row.job.task).filter(|task| !task.removed);
        let ready = self.ready().into_iter().filter_map(|job| self.open.get(&job));
        let ahead = ready.filter(|other| other.rank() < row.rank()).count() as u64;
        let limiter = row.job.limiter.as_ref().and_then(|own| self.limiters.get(&own.key));
        let limiter = limiter.map(|limiter| {
            let key = &limiter.limiter.key;
            let waits = |row: &&Row| {
                row.job.hold == Hold::Limit
                    && row.job.limiter.as_ref().is_some_and(|own| own.key == *key)
            };
            let next_at = limiter.limiter.rate.map(|rate| limiter.next_start(rate));
            LimiterState {
                limiter: limiter.limiter.clone(),
                active: self.active(key),
                waiting: self.open.values().filter(waits).count() as u64,
                next_at: next_at.filter(|time| *time > self.now),
            }
        });
        Ok(Situation {
            job: row.job.clone(),
            now: self.now,
            task_exists: task.is_some(),
            task_enabled: task.is_some_and(|task| task.task.enabled),
            task_pause: task.and_then(|task| task.task.paused.clone()),
            queue_pause: self.pause.clone(),
            dependencies: row
                .job
                .waits_for
                .iter()
                .filter_map(|id| self.open.get(id))
                .map(|row| row.job.clone())
                .collect(),
            limiter,
            ahead,
            hosts: self.living(),
        })
    }
}
