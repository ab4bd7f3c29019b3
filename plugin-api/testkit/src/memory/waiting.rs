//! What keeps waiting jobs waiting, and what becomes of them as time passes.

use std::collections::{BTreeMap, BTreeSet};

use ratchet_plugin_api::model::{FailureKind, Hold, Id, JobStatus, RateLimit, Timestamp};
use ratchet_plugin_api::services::Change;

use super::state::{LimiterRow, Rank, Row, State, task_error};

impl State {
    /// Lets everything happen that follows from the time and from what has changed.
    pub(super) fn bring_up_to_date(&mut self) {
        if !self.holds(self.pause.as_ref()) {
            self.pause = None;
        }
        let now = self.now;
        for row in self.tasks.values_mut() {
            let ended = |until: Timestamp| until <= now;
            if row.task.paused.as_ref().and_then(|pause| pause.until).is_some_and(ended) {
                row.task.paused = None;
            }
        }
        self.keys.retain(|_, key| key.until.is_none_or(|until| until > now));
        self.expire();
        self.admit();
        self.refresh_holds();
        self.tell_ready();
    }

    /// Ends waiting jobs whose lifetime is over.
    fn expire(&mut self) {
        let late = |row: &&Row| {
            !row.had() && row.job.expires_at.is_some_and(|expires| expires <= self.now)
        };
        let late: Vec<Id> = self.open.values().filter(late).map(|row| row.job.id).collect();
        for job in late {
            let message = "the job's lifetime was over before it could be run";
            let error = task_error(FailureKind::TimeLimit, "JobTimeLimit", message);
            self.end_waiting(job, JobStatus::Failed, error);
        }
    }

    /// What keeps a job from being ready, its limiter aside.
    pub(super) fn obstacle(&self, row: &Row) -> Hold {
        match self.tasks.get(&row.job.task) {
            Some(task) if task.removed || !task.task.enabled => return Hold::TaskDisabled,
            None => return Hold::TaskDisabled,
            Some(task) if self.holds(task.task.paused.as_ref()) => return Hold::TaskPaused,
            Some(_) => {}
        }
        if !row.job.waits_for.is_empty() {
            Hold::Dependency
        } else if row.job.run_at > self.now {
            Hold::NotBefore
        } else {
            Hold::None
        }
    }

    /// Lets jobs through their limiters, the smallest rank first, as far as the limits allow.
    fn admit(&mut self) {
        let idle = |row: &&Row| !row.had() && row.admitted && self.obstacle(row) != Hold::None;
        let idle: Vec<Id> = self.open.values().filter(idle).map(|row| row.job.id).collect();
        for job in idle {
            if let Some(row) = self.open.get_mut(&job) {
                row.admitted = false;
            }
        }
        let mut queues: BTreeMap<String, Vec<(Rank, Id)>> = BTreeMap::new();
        for row in self.open.values() {
            let waits = !row.had() && !row.admitted && self.obstacle(row) == Hold::None;
            if let (true, Some(limiter)) = (waits, &row.job.limiter) {
                queues.entry(limiter.key.clone()).or_default().push((row.rank(), row.job.id));
            }
        }
        for (key, mut queue) in queues {
            queue.sort_unstable();
            for (_, job) in queue {
                if !self.may_admit(&key) {
                    break;
                }
                self.take(&key);
                if let Some(row) = self.open.get_mut(&job) {
                    row.admitted = true;
                }
            }
        }
    }

    /// Jobs of a limiter that are ready or run.
    pub(super) fn active(&self, key: &str) -> u64 {
        let of_it = |row: &&Row| row.job.limiter.as_ref().is_some_and(|own| own.key == key);
        self.open.values().filter(of_it).filter(|row| row.admitted).count() as u64
    }

    /// Whether a limiter lets one more job be ready. Ready jobs that nobody has taken are as many
    /// as may start at once, so that a rate holds after a time without hosts too.
    fn may_admit(&self, key: &str) -> bool {
        let Some(row) = self.limiters.get(key) else {
            return true;
        };
        let room = row.limiter.concurrency.is_none_or(|most| self.active(key) < u64::from(most));
        let Some(rate) = row.limiter.rate else {
            return room;
        };
        let of_it = |row: &&Row| row.job.limiter.as_ref().is_some_and(|own| own.key == key);
        let untaken = self.open.values().filter(of_it).filter(|row| row.admitted && !row.had());
        room && untaken.count() < rate.count as usize && row.next_start(rate) <= self.now
    }

    /// Counts one start against a limiter's rate.
    fn take(&mut self, key: &str) {
        let now = self.now.as_microseconds();
        if let Some(row) = self.limiters.get_mut(key)
            && let Some(rate) = row.limiter.rate
        {
            row.arrival = row.arrival.max(now) + interval_us(rate);
        }
    }

    /// Writes down what holds each waiting job.
    fn refresh_holds(&mut self) {
        let hold = |row: &Row| match self.obstacle(row) {
            _ if row.had() => Hold::None,
            Hold::None if row.job.limiter.is_some() && !row.admitted => Hold::Limit,
            other => other,
        };
        let holds: Vec<(Id, Hold)> =
            self.open.values().map(|row| (row.job.id, hold(row))).collect();
        for (job, hold) in holds {
            if let Some(row) = self.open.get_mut(&job) {
                row.job.hold = hold;
            }
        }
    }

    /// Jobs that may be claimed, best first.
    pub(super) fn ready(&self) -> Vec<Id> {
        let ready = |row: &&Row| !row.had() && row.job.hold == Hold::None;
        let mut ready: Vec<_> = self.open.values().filter(ready).collect();
        ready.sort_unstable_by_key(|row| row.rank());
        ready.into_iter().map(|row| row.job.id).collect()
    }

    /// Says that jobs are ready, if any is that was not.
    fn tell_ready(&mut self) {
        let ready: BTreeSet<Id> =
            if self.pause.is_some() { BTreeSet::new() } else { self.ready().into_iter().collect() };
        if !ready.is_subset(&self.told_ready) {
            self.news.push(Change::Ready);
        }
        self.told_ready = ready;
    }

    /// The next moment at which time alone makes a job ready.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        let mut moments: Vec<Timestamp> = Vec::new();
        for row in self.open.values().filter(|row| !row.had()) {
            match row.job.hold {
                Hold::NotBefore => moments.push(row.job.run_at),
                Hold::TaskPaused => moments.extend(
                    self.tasks
                        .get(&row.job.task)
                        .and_then(|task| task.task.paused.as_ref())
                        .and_then(|pause| pause.until),
                ),
                Hold::Limit => moments.extend(
                    row.job
                        .limiter
                        .as_ref()
                        .and_then(|limiter| self.limiters.get(&limiter.key))
                        .and_then(|row| row.limiter.rate.map(|rate| row.next_start(rate))),
                ),
                Hold::None => moments.extend(self.pause.as_ref().and_then(|pause| pause.until)),
                Hold::Dependency | Hold::TaskDisabled => {}
            }
        }
        moments.into_iter().filter(|moment| *moment > self.now).min()
    }
}

impl LimiterRow {
    /// When the rate lets the next job start.
    pub(super) fn next_start(&self, rate: RateLimit) -> Timestamp {
        let burst = interval_us(rate) * (i64::from(rate.count.max(1)) - 1);
        Timestamp::from_microseconds(self.arrival - burst)
    }
}

/// Microseconds between two starts at a steady rate.
fn interval_us(rate: RateLimit) -> i64 {
    (rate.period_ms as i64).saturating_mul(1000) / i64::from(rate.count.max(1))
}
