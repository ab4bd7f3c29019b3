//! `ratchet.job-queue`: jobs as their users see them.

use serde::{Deserialize, Serialize};

use crate::model::{
    Destination, Explanation, Job, JobStats, Json, Key, Limiter, Pause, Priority, RetryPolicy,
    Timestamp,
};
use crate::{Error, Result, service};

use super::{ClearJobs, JobPatch};

/// A job that somebody asks for. What is absent is decided by the task and the configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct JobRequest {
    /// The task, by id, number or name.
    pub task: String,
    /// What the task is called with; checked against its schema before the job is accepted.
    pub input: Json,
    /// Which waiting job runs first.
    pub priority: Option<Priority>,
    /// The time before which it does not run.
    pub run_at: Option<Timestamp>,
    /// Milliseconds before which it does not run.
    pub delay_ms: Option<u64>,
    /// Attempts after the first.
    pub max_retries: Option<u32>,
    /// Milliseconds before the first retry.
    pub retry_delay_ms: Option<u64>,
    /// All of what happens after a failure; goes before the two above.
    pub retry: Option<RetryPolicy>,
    /// Milliseconds one attempt may take; lowers the task's limit, never raises it.
    pub timeout_ms: Option<u64>,
    /// Milliseconds after which the job is not started or retried any more.
    pub lifetime_ms: Option<u64>,
    /// A repeat with the same key within the window is the same job.
    pub idempotency_key: Option<String>,
    /// Milliseconds the key stands for the job; as configured if absent.
    pub idempotency_window_ms: Option<u64>,
    /// A limit it shares with others, instead of that of its task.
    pub limiter: Option<Limiter>,
    /// In a batch: the requests it depends on, by their `reference`, or jobs by id.
    pub depends_on: Vec<String>,
    /// Whether it runs although one of those failed.
    pub runs_after_failure: bool,
    /// In a batch: what others depend on it by.
    pub reference: Option<String>,
    /// Where its result goes; the configured destinations if absent.
    pub outputs: Option<Vec<Destination>>,
    /// What its maker keeps with it: an object.
    pub metadata: Json,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Submitted {
    /// The job.
    pub job: Job,
    /// Whether it is one that was accepted before under the same key.
    #[serde(default)]
    pub duplicate: bool,
}

/// One answer of many.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It was accepted.
    Submitted(Box<Submitted>),
    /// It was refused.
    Refused(Error),
}

/// Takes jobs and tells what became of them.
#[service(id = "ratchet.job-queue", version = "1.0")]
pub trait JobQueue {
    /// Accepts a job. It is durable once answered.
    ///
    /// # Errors
    /// `NotFound` (no such task, with the nearest name), `Invalid` (the input does not satisfy the
    /// schema: reason `task.invalid_input`), `Conflict` (disabled task, or a key that stands for
    /// another request), `LimitExceeded` (reason `queue.full`).
    async fn submit(&self, request: JobRequest) -> Result<Submitted>;

    /// Accepts many in one transaction: all or, unless `atomic`, those that can be.
    ///
    /// # Errors
    /// With `atomic`, the first refusal, naming its place.
    async fn submit_many(&self, requests: Vec<JobRequest>, atomic: bool) -> Result<Vec<Answer>>;

    /// Gives a job up. A running one is stopped; the answer says how it stands after at most a
    /// second.
    async fn cancel(&self, key: Key, reason: Option<String>) -> Result<Job>;

    /// Makes a job that failed or was cancelled wait again.
    async fn retry(&self, key: Key, input: Option<Json>) -> Result<Job>;

    /// Changes a job that has not ended.
    async fn patch(&self, key: Key, patch: JobPatch) -> Result<Job>;

    /// Holds the queue back, or one task's jobs.
    async fn pause(&self, task: Option<Key>, pause: Pause) -> Result<()>;

    /// Lets the queue go on, or one task's jobs.
    async fn resume(&self, task: Option<Key>) -> Result<()>;

    /// Removes ended jobs; gives their number.
    async fn clear(&self, request: ClearJobs) -> Result<u64>;

    /// Counts.
    async fn stats(&self) -> Result<JobStats>;

    /// The one cause that keeps a job from running, or what became of it.
    async fn why(&self, key: Key) -> Result<Explanation>;

    /// Waits until the job has ended, up to `timeout_ms`; the job as it then is.
    async fn wait(&self, key: Key, timeout_ms: u64) -> Result<Job>;
}
