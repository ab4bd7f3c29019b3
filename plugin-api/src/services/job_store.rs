//! `ratchet.job-store`: the durable queue. Everything here is one transaction, and what has been
//! answered survives a crash.

use serde::{Deserialize, Serialize};

use crate::model::{
    HttpExchange, Id, Job, JobStats, Json, Key, Limiter, ListQuery, Listing, LogLine, NewJob,
    Pause, Priority, RetryPolicy, TaskError, Timestamp,
};
use crate::{Error, Result, Stream, service};

/// A program that runs jobs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostInfo {
    /// Chosen afresh each time it starts.
    pub id: Id,
    /// A name for people, such as the machine's name and the process id.
    pub name: String,
    /// How many jobs it runs at the same time.
    pub slots: u32,
    /// Ratchet's version.
    pub version: String,
}

/// A host as the store sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostState {
    /// Who it is.
    pub info: HostInfo,
    /// When it came.
    pub started_at: Timestamp,
    /// When it was last heard of.
    pub seen_at: Timestamp,
    /// When it counts as dead unless it is heard of before.
    pub expires_at: Timestamp,
    /// Jobs it has.
    pub jobs: u64,
}

/// Jobs to accept together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AcceptJobs {
    /// The jobs, each with an id of its own.
    pub jobs: Vec<NewJob>,
    /// Whether one that cannot be accepted keeps the others from it too.
    pub atomic: bool,
    /// The host that has room for all of them: those that nothing holds are its from the start,
    /// which saves it the claim.
    #[serde(default)]
    pub claim_for: Option<Id>,
    /// Waiting jobs the queue may hold, with these; none for no limit.
    #[serde(default)]
    pub max_waiting: Option<u64>,
}

/// What became of one job that was to be accepted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Acceptance {
    /// It is in the queue.
    Accepted {
        /// Its number.
        number: i64,
        /// Its first execution.
        execution: Id,
        /// When it may run.
        run_at: Timestamp,
        /// The claim, where `claim_for` was given and nothing holds it.
        claim: Option<Box<ClaimedJob>>,
    },
    /// Its key stands for a job that was accepted before: this one.
    Duplicate(Id),
    /// It was refused: `Invalid` (unknown task or dependency), `Conflict` (the key stands for
    /// something else, disabled task), `LimitExceeded` (the queue is full).
    Refused(Error),
}

/// A job that a host has and must settle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClaimedJob {
    /// The job.
    pub job: Id,
    /// Its number.
    pub number: i64,
    /// This attempt. It fences: whoever settles must name it.
    pub execution: Id,
    /// The task.
    pub task: Id,
    /// The checksum of the task's present version.
    pub checksum: String,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// Attempts that were lost with a host or worker.
    pub crashes: u32,
    /// What the task is called with.
    pub input: Json,
    /// Its priority.
    pub priority: Priority,
    /// What happens after a failure.
    pub retry: RetryPolicy,
    /// Milliseconds this attempt may take.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
    /// Milliseconds from now after which the job is not started or retried any more.
    #[serde(default)]
    pub lifetime_left_ms: Option<u64>,
    /// Where its result goes.
    #[serde(default)]
    pub outputs: Vec<crate::model::Destination>,
    /// The schedule that made it.
    #[serde(default)]
    pub schedule: Option<Id>,
}

/// Asks for jobs to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimJobs {
    /// The host; it must have entered.
    pub host: Id,
    /// How many at most.
    pub max: u32,
}

/// Jobs to run, best first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claims {
    /// The jobs.
    pub jobs: Vec<ClaimedJob>,
    /// Milliseconds until the next job becomes ready by time alone; none if no job waits for time.
    #[serde(default)]
    pub next_due_ms: Option<u64>,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settlement {
    /// The host that had it.
    pub host: Id,
    /// The job.
    pub job: Id,
    /// The attempt, as claimed.
    pub execution: Id,
    /// What follows.
    pub verdict: Verdict,
    /// The task's version that ran.
    #[serde(default)]
    pub task_version: Option<String>,
    /// Milliseconds between the beginning of the attempt and this call.
    #[serde(default)]
    pub began_ms_ago: Option<u64>,
    /// Microseconds the attempt took.
    #[serde(default)]
    pub duration_us: u64,
    /// Lines of log that were not sent ahead with `ExecutionStore::append_logs`.
    #[serde(default)]
    pub logs: Vec<LogLine>,
    /// Lines dropped because a limit was reached.
    #[serde(default)]
    pub logs_dropped: u64,
    /// The requests it made.
    #[serde(default)]
    pub http: Vec<HttpExchange>,
    /// Deliveries that this result asks for; they are written with it.
    #[serde(default)]
    pub deliveries: Vec<crate::model::NewDelivery>,
}

/// What follows from an attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The job is done; this is its output.
    Completed(Json),
    /// The job has failed for good.
    Failed(TaskError),
    /// The job is tried again after so many milliseconds.
    Retry {
        /// Why this attempt failed.
        error: TaskError,
        /// Milliseconds to wait.
        delay_ms: u64,
        /// Whether it was lost and does not count as a retry.
        crashed: bool,
    },
    /// The job was cancelled.
    Cancelled(TaskError),
    /// The attempt was not begun; the job goes back as it was.
    Released,
}

/// What became of a settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settled {
    /// It is recorded.
    Recorded,
    /// The host does not have this attempt any more; nothing was changed.
    Stale,
}

/// What a host is told when it says that it lives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Renewal {
    /// Executions of this host whose cancellation was asked for.
    pub cancel: Vec<Id>,
    /// Jobs of dead hosts that wait again.
    pub rescued: u64,
    /// Whether the host counted as dead in between, and has lost what it had. It enters again.
    pub expired: bool,
}

/// What is changed of a job that has not ended. `None` leaves a thing as it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct JobPatch {
    /// Which waiting job runs first.
    pub priority: Option<Priority>,
    /// The time before which it does not run.
    pub run_at: Option<Timestamp>,
    /// Attempts after the first.
    pub max_retries: Option<u32>,
    /// What its maker keeps with it.
    pub metadata: Option<Json>,
}

/// Something in the store that others may want to act on. Each may be told more than once, and
/// what happens in other processes on SQLite is told with a delay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Jobs may be ready, or ready earlier than was said.
    Ready,
    /// This execution shall be cancelled by whoever runs it.
    Cancel(Id),
    /// A job has ended or changed in another process.
    Job(Id),
    /// Tasks have changed.
    Tasks,
    /// Schedules have changed.
    Schedules,
    /// Deliveries wait.
    Deliveries,
}

/// Facts about one waiting job, for telling why it waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Situation {
    /// The job.
    pub job: Job,
    /// The present time of the store.
    pub now: Timestamp,
    /// Whether its task exists.
    pub task_exists: bool,
    /// Whether its task is enabled.
    pub task_enabled: bool,
    /// Whether its task is paused.
    #[serde(default)]
    pub task_pause: Option<Pause>,
    /// Whether the queue is paused.
    #[serde(default)]
    pub queue_pause: Option<Pause>,
    /// The jobs it depends on that have not ended.
    #[serde(default)]
    pub dependencies: Vec<Job>,
    /// How its limiter stands.
    #[serde(default)]
    pub limiter: Option<LimiterState>,
    /// Jobs that are ready and come before it.
    pub ahead: u64,
    /// Hosts that live.
    #[serde(default)]
    pub hosts: Vec<HostState>,
}

/// How a limiter stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimiterState {
    /// The limits.
    pub limiter: Limiter,
    /// Jobs of it that are ready or run.
    pub active: u64,
    /// Jobs of it that wait for it.
    pub waiting: u64,
    /// When the rate lets the next one start; none for now.
    #[serde(default)]
    pub next_at: Option<Timestamp>,
}

/// Which jobs to clear away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClearJobs {
    /// Of these statuses, which are final ones; all final ones if empty.
    pub statuses: Vec<crate::model::JobStatus>,
    /// Of this task only.
    pub task: Option<Id>,
    /// That ended before.
    pub before: Option<Timestamp>,
}

/// Keeps jobs and hands them out.
///
/// A job is waiting (`queued`, `retrying`), had by a host (`processing`), or ended. Of those that
/// nothing holds, claims give the one with the earliest rank, which is the time since it could run
/// minus an advance of its priority, so that higher ones go first and no one waits for ever.
///
/// Fields to filter and sort by: `id`, `number`, `task`, `task_name`, `status`, `hold`, `priority`,
/// `batch`, `schedule`, `unique_key`, `queued_at`, `run_at`, `started_at`, `finished_at`,
/// `attempt`, `retries_left`, `max_retries`, `has_retries_remaining`, `has_error`,
/// `error_message`, `is_scheduled`, `due_now`.
#[service(id = "ratchet.job-store", version = "1.0")]
pub trait JobStore {
    /// Accepts jobs; the answer has one entry for each, in order. Durable once answered, also
    /// against loss of power.
    ///
    /// # Errors
    /// With `atomic`, the first refusal.
    async fn accept(&self, request: AcceptJobs) -> Result<Vec<Acceptance>>;

    /// Gives a host jobs. A claim survives a crash of the host, and may be forgotten in a loss of
    /// power, after which the job is ready again.
    ///
    /// # Errors
    /// `Conflict` with `host.expired` when the host has not entered or counts as dead.
    async fn claim(&self, request: ClaimJobs) -> Result<Claims>;

    /// Records how attempts ended, with everything that follows, each by itself and all of them
    /// durable once answered. The answer has one entry for each, in order.
    async fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<Settled>>;

    /// A host begins: from now on it is heard of every `lease_ms / 3` or counts as dead.
    async fn enter(&self, host: HostInfo, lease_ms: u64) -> Result<()>;

    /// A host says that it lives. Jobs of dead hosts are made ready again on the way.
    async fn renew(&self, host: Id, lease_ms: u64) -> Result<Renewal>;

    /// A host ends; what it still has waits again at once.
    async fn leave(&self, host: Id) -> Result<()>;

    /// The hosts that live.
    async fn hosts(&self) -> Result<Vec<HostState>>;

    /// The job.
    ///
    /// # Errors
    /// `NotFound`.
    async fn get(&self, key: Key) -> Result<Job>;

    /// Jobs that pass the query.
    async fn list(&self, query: ListQuery) -> Result<Listing<Job>>;

    /// Gives a job up: a waiting one at once, a running one by telling its host. The answer is the
    /// job as it is now.
    ///
    /// # Errors
    /// `Conflict` when it has ended.
    async fn cancel(&self, key: Key, reason: Option<String>) -> Result<Job>;

    /// Makes a job that failed or was cancelled wait again with all its retries, and with another
    /// input if one is given. It stays the same job and gets a new execution.
    ///
    /// # Errors
    /// `Conflict` when it has not ended, or succeeded.
    async fn replay(&self, key: Key, input: Option<Json>) -> Result<Job>;

    /// Changes a job that has not ended.
    ///
    /// # Errors
    /// `Conflict` when it has ended.
    async fn patch(&self, key: Key, patch: JobPatch) -> Result<Job>;

    /// Removes ended jobs with their executions; gives their number.
    async fn clear(&self, request: ClearJobs) -> Result<u64>;

    /// Holds the whole queue back, or with none lets it go on.
    async fn pause(&self, pause: Option<Pause>) -> Result<()>;

    /// Counts.
    async fn stats(&self) -> Result<JobStats>;

    /// Everything that bears on why a job waits.
    async fn situation(&self, key: Key) -> Result<Situation>;

    /// What changes from now on.
    async fn changes(&self) -> Result<Stream<Change>>;
}
