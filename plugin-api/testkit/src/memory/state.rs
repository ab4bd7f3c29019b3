//! What the store in memory knows.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ratchet_plugin_api::model::{
    DeliveryRecord, Execution, FailureKind, Id, Job, Json, Key, Limiter, LogLine, Pause,
    PendingDelivery, Priority, Progress, Schedule, Task, TaskError, TaskVersion, Timestamp,
};
use ratchet_plugin_api::services::{Change, HostInfo};
use ratchet_plugin_api::{Error, Result, did_you_mean, nearest};

/// Everything, as of one moment.
#[derive(Clone, Debug)]
pub(super) struct State {
    /// The moment.
    pub(super) now: Timestamp,
    /// Tasks, removed ones too.
    pub(super) tasks: BTreeMap<Id, TaskRow>,
    /// Jobs that have not ended.
    pub(super) open: BTreeMap<Id, Row>,
    /// Jobs that have.
    pub(super) ended: BTreeMap<Id, Row>,
    /// Attempts that have ended.
    pub(super) executions: BTreeMap<Id, Execution>,
    /// Lines of log by execution.
    pub(super) logs: BTreeMap<Id, Vec<LogLine>>,
    pub(super) limiters: BTreeMap<String, LimiterRow>,
    /// What idempotency keys stand for.
    pub(super) keys: BTreeMap<String, KeyRow>,
    pub(super) hosts: BTreeMap<Id, HostRow>,
    /// The pause of the whole queue.
    pub(super) pause: Option<Pause>,
    pub(super) schedules: BTreeMap<Id, Schedule>,
    pub(super) deliveries: BTreeMap<Id, DeliveryRow>,
    /// When first attempts began and how long they had waited, in microseconds.
    pub(super) waits: Vec<(Timestamp, i64)>,
    /// The last number given to a thing of each kind.
    numbers: BTreeMap<&'static str, i64>,
    /// Ids made so far.
    ids: u128,
    /// The jobs that were ready when anyone was last told.
    pub(super) told_ready: BTreeSet<Id>,
    /// What to tell those who follow changes.
    pub(super) news: Vec<Change>,
}

/// A task with its past.
#[derive(Clone, Debug)]
pub(super) struct TaskRow {
    pub(super) task: Task,
    /// Oldest first.
    pub(super) versions: Vec<TaskVersion>,
    pub(super) removed: bool,
}

/// A job with what its users do not see.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) job: Job,
    pub(super) execution_number: i64,
    pub(super) runs_after_failure: bool,
    pub(super) lifetime_ms: Option<u64>,
    /// Whether its limiter lets it run: it counts as active there.
    pub(super) admitted: bool,
    pub(super) progress: Option<Progress>,
}

/// Where a job stands among others: its time less its priority's advance, then its number.
pub(super) type Rank = (i64, i64);

impl Row {
    /// Where it stands among ready jobs; the smallest goes first.
    pub(super) fn rank(&self) -> Rank {
        let advance = advance(self.job.priority).as_micros() as i64;
        (self.job.run_at.as_microseconds() - advance, self.job.number)
    }

    /// Whether a host has it.
    pub(super) fn had(&self) -> bool {
        self.job.host.is_some()
    }
}

/// How much earlier a job counts as ready for its priority.
fn advance(priority: Priority) -> Duration {
    Duration::from_secs(match priority {
        Priority::Low => 0,
        Priority::Normal => 15 * 60,
        Priority::High => 60 * 60,
        Priority::Critical => 24 * 60 * 60,
    })
}

#[derive(Clone, Debug)]
pub(super) struct LimiterRow {
    pub(super) limiter: Limiter,
    /// The theoretical arrival time of the next start, in microseconds (GCRA).
    pub(super) arrival: i64,
}

#[derive(Clone, Debug)]
pub(super) struct KeyRow {
    pub(super) job: Id,
    pub(super) fingerprint: Option<String>,
    /// When it stops standing for the job; none for when the job ends.
    pub(super) until: Option<Timestamp>,
}

#[derive(Clone, Debug)]
pub(super) struct HostRow {
    pub(super) info: HostInfo,
    pub(super) started_at: Timestamp,
    pub(super) seen_at: Timestamp,
    pub(super) expires_at: Timestamp,
}

#[derive(Clone, Debug)]
pub(super) struct DeliveryRow {
    pub(super) record: DeliveryRecord,
    /// What a host is given, with the attempt still to be set.
    pub(super) pending: PendingDelivery,
    pub(super) due_at: Timestamp,
    pub(super) host: Option<Id>,
}

impl State {
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            now,
            tasks: BTreeMap::new(),
            open: BTreeMap::new(),
            ended: BTreeMap::new(),
            executions: BTreeMap::new(),
            logs: BTreeMap::new(),
            limiters: BTreeMap::new(),
            keys: BTreeMap::new(),
            hosts: BTreeMap::new(),
            pause: None,
            schedules: BTreeMap::new(),
            deliveries: BTreeMap::new(),
            waits: Vec::new(),
            numbers: BTreeMap::new(),
            ids: 0,
            told_ready: BTreeSet::new(),
            news: Vec::new(),
        }
    }

    /// The next number of things of this kind.
    pub(super) fn number(&mut self, kind: &'static str) -> i64 {
        let last = self.numbers.entry(kind).or_default();
        *last += 1;
        *last
    }

    /// A fresh id in the form of version 7: the same in every run on a stopped clock.
    pub(super) fn id(&mut self) -> Id {
        self.ids += 1;
        let milliseconds = self.now.as_microseconds().max(0) as u128 / 1000;
        let time = (milliseconds & 0xffff_ffff_ffff) << 80;
        Id::from_u128(time | 0x7000 << 64 | 0b10 << 62 | self.ids)
    }

    /// The present time plus so many milliseconds.
    pub(super) fn after_ms(&self, milliseconds: u64) -> Timestamp {
        self.now.after(Duration::from_millis(milliseconds))
    }

    /// Whether a pause holds now.
    pub(super) fn holds(&self, pause: Option<&Pause>) -> bool {
        pause.is_some_and(|pause| pause.until.is_none_or(|until| until > self.now))
    }

    /// Whether a host counts as living.
    pub(super) fn lives(&self, host: Id) -> bool {
        self.hosts.get(&host).is_some_and(|host| host.expires_at > self.now)
    }

    /// The job, ended or not.
    pub(super) fn job(&self, key: &Key) -> Result<&Row> {
        let mut all = self.open.values().chain(self.ended.values());
        let found = match key {
            Key::Id(id) => self.open.get(id).or_else(|| self.ended.get(id)),
            Key::Number(number) => all.find(|row| row.job.number == *number),
            Key::Name(name) => return Err(no_name("job", name)),
        };
        found.ok_or_else(|| missing("job", key))
    }

    /// The task that was not removed.
    pub(super) fn task(&self, key: &Key) -> Result<Id> {
        let present = || self.tasks.values().filter(|row| !row.removed).map(|row| &row.task);
        let found = match key {
            Key::Id(id) => present().find(|task| task.id == *id),
            Key::Number(number) => present().find(|task| task.number == *number),
            Key::Name(name) => present().find(|task| task.definition.name == *name),
        };
        found.map(|task| task.id).ok_or_else(|| {
            let names = present().map(|task| task.definition.name.as_str());
            missing_name("task", key, nearest(&key.to_string(), names))
        })
    }
}

/// The error for a key of something that does not exist.
pub(super) fn missing(kind: &str, key: &Key) -> Error {
    missing_name(kind, key, None)
}

/// The error for a key of something that does not exist, where a name comes near.
pub(super) fn missing_name(kind: &str, key: &Key, near: Option<&str>) -> Error {
    Error::not_found(format!("there is no {kind} `{key}`{}", did_you_mean(near)))
        .with_reason(format!("{kind}.not_found"))
}

/// The error for a name where there are only ids and numbers.
pub(super) fn no_name(kind: &str, name: &str) -> Error {
    Error::not_found(format!("there is no {kind} `{name}`; give its id or its number"))
        .with_reason(format!("{kind}.not_found"))
}

/// An error of an attempt or a job that no task threw.
pub(super) fn task_error(kind: FailureKind, class: &str, message: impl Into<String>) -> TaskError {
    TaskError {
        kind,
        class: class.to_owned(),
        message: message.into(),
        stack: Vec::new(),
        violations: Vec::new(),
        details: None::<Json>,
        causes: Vec::new(),
    }
}
