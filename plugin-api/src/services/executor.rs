//! `ratchet.executor`: running tasks now, and the workers they run on.

use serde::{Deserialize, Serialize};

use crate::model::{Execution, Id, Job, Json, Key, Timestamp};
use crate::{Result, service};

use super::{HostState, JobRequest};

/// Runs a batch: how its parts follow one another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BatchRequest {
    /// The parts.
    pub requests: Vec<JobRequest>,
    /// How they follow one another.
    #[serde(default)]
    pub mode: BatchMode,
    /// How many run at the same time; none for as many as there are workers.
    #[serde(default)]
    pub max_parallel: Option<u32>,
    /// Whether a failure cancels what has not begun.
    #[serde(default)]
    pub stop_on_error: bool,
    /// Milliseconds after which what has not ended is cancelled.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
}

/// How the parts of a batch follow one another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchMode {
    /// At the same time.
    #[default]
    Parallel,
    /// One after the other, in order.
    Sequential,
    /// As `depends_on` says.
    Dependency,
    /// As `depends_on` says, higher priorities first.
    PriorityDependency,
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BatchReport {
    /// Identifies it; its jobs carry it.
    pub batch: Id,
    /// Its jobs, in the order of the requests.
    pub jobs: Vec<Job>,
    /// Whether all succeeded.
    pub succeeded: bool,
}

/// A worker process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worker {
    /// Its name: the plugin it hosts and its number, such as `js-boa/1`.
    pub name: String,
    /// Its process id.
    pub pid: u32,
    /// Whether it can be given work.
    pub ready: bool,
    /// Calls it is answering.
    pub busy: u32,
    /// Calls it has answered.
    pub answered: u64,
    /// Bytes of memory it holds.
    #[serde(default)]
    pub resident_bytes: Option<u64>,
    /// The host it belongs to.
    pub host: Id,
    /// Since when the host runs.
    pub started_at: Option<Timestamp>,
}

/// Runs tasks and waits for them.
#[service(id = "ratchet.executor", version = "1.0")]
pub trait Executor {
    /// Runs a task as a job of its own and waits until that has ended, retries included. It is
    /// durable like any job: when the caller is gone, it goes on.
    ///
    /// # Errors
    /// Those of `JobQueue::submit`; a task that fails is an [`Execution`] with an error.
    async fn execute(&self, request: JobRequest) -> Result<Execution>;

    /// Runs a batch and waits until all of it has ended.
    async fn execute_batch(&self, batch: BatchRequest) -> Result<BatchReport>;

    /// Gives an execution up, and with it its job.
    async fn cancel(&self, key: Key, reason: Option<String>) -> Result<Execution>;

    /// Runs the task of an execution that has ended once more: `JobQueue::retry` of its job.
    async fn retry(&self, key: Key, input: Option<Json>) -> Result<Execution>;

    /// The worker processes of this host.
    async fn workers(&self) -> Result<Vec<Worker>>;

    /// The hosts that share the store.
    async fn hosts(&self) -> Result<Vec<HostState>>;
}
