//! A job: the promise to run a task.

use serde::{Deserialize, Serialize};

use super::words::vocabulary;
use super::{Id, Json, RateLimit, RetryPolicy, TaskError, Timestamp};

vocabulary! {
    /// Which of two waiting jobs runs first. Waiting raises a job, so that the lowest priority is
    /// served too.
    "priority" Priority {
        /// When there is nothing else.
        Low = "low",
        /// As usual.
        Normal = "normal" | "medium" | "default",
        /// Before the usual.
        High = "high",
        /// Before everything.
        Critical = "critical" | "urgent",
    }
}

vocabulary! {
    /// Where a job is in its life.
    "job status" JobStatus {
        /// Accepted; it waits for its time, for other jobs, for a limit, or for a worker.
        Queued = "queued" | "pending" | "scheduled" | "waiting",
        /// A host has it.
        Processing = "processing" | "running",
        /// An attempt failed and another will be made.
        Retrying = "retrying",
        /// It succeeded.
        Completed = "completed" | "succeeded",
        /// It failed and will not be tried again by itself.
        Failed = "failed" | "dead",
        /// It was given up before it ended by itself.
        Cancelled = "cancelled" | "canceled",
    }
}

impl JobStatus {
    /// Whether nothing more happens to the job by itself.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

vocabulary! {
    /// What keeps a queued or retrying job from being given to a host.
    "hold" Hold {
        /// Nothing: it may be claimed.
        None = "none",
        /// Its time has not come.
        NotBefore = "not_before",
        /// Jobs it depends on have not ended.
        Dependency = "dependency",
        /// Its limiter lets no more run or start at present.
        Limit = "limit",
        /// Its task is paused.
        TaskPaused = "task_paused",
        /// Its task is disabled or removed.
        TaskDisabled = "task_disabled",
    }
}

/// A job to be accepted, with everything decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewJob {
    /// Its id, chosen by who makes it, so that jobs of one batch can name each other.
    pub id: Id,
    /// The task.
    pub task: Id,
    /// What the task is called with.
    pub input: Json,
    /// Which waiting job runs first.
    pub priority: Priority,
    /// Milliseconds from acceptance before which it does not run.
    #[serde(default)]
    pub delay_ms: u64,
    /// The time before which it does not run; the later of both counts.
    #[serde(default)]
    pub not_before: Option<Timestamp>,
    /// Milliseconds from the time it may run after which it is not started or retried any more,
    /// and fails with `limit.job_time`.
    #[serde(default)]
    pub lifetime_ms: Option<u64>,
    /// Milliseconds one attempt may take.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
    /// What happens after a failure.
    #[serde(default)]
    pub retry: RetryPolicy,
    /// Makes a repeat harmless.
    #[serde(default)]
    pub unique: Option<Uniqueness>,
    /// What it shares a limit with.
    #[serde(default)]
    pub limiter: Option<Limiter>,
    /// Jobs that have to end first.
    #[serde(default)]
    pub depends_on: Vec<Id>,
    /// Whether it runs although one of those failed or was cancelled; otherwise it is cancelled.
    #[serde(default)]
    pub runs_after_failure: bool,
    /// The batch it is part of.
    #[serde(default)]
    pub batch: Option<Id>,
    /// The schedule that made it.
    #[serde(default)]
    pub schedule: Option<Id>,
    /// Where its result goes.
    #[serde(default)]
    pub outputs: Vec<Destination>,
    /// Whatever its maker wants to keep with it: an object.
    #[serde(default)]
    pub metadata: Json,
}

/// What makes two jobs the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uniqueness {
    /// The idempotency key, up to 255 bytes.
    pub key: String,
    /// Milliseconds after acceptance during which the key stands for this job; none for as long
    /// as the job has not ended.
    #[serde(default)]
    pub window_ms: Option<u64>,
    /// Tells requests apart that use one key for different things; a repeat with another
    /// fingerprint is a `Conflict`.
    #[serde(default)]
    pub fingerprint: Option<String>,
}

/// A limit shared by all jobs that name it, over all hosts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limiter {
    /// Which limit, such as `task:0197…` or `customer:42`.
    pub key: String,
    /// How many run at the same time.
    #[serde(default)]
    pub concurrency: Option<u32>,
    /// How many start in a period.
    #[serde(default)]
    pub rate: Option<RateLimit>,
}

/// Where a result goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Destination {
    /// The output sink's name, such as `stdio` or `webhook`.
    pub sink: String,
    /// In the sink's own terms: an object.
    #[serde(default)]
    pub target: Json,
    /// How often and when a failed delivery is repeated; none for the configuration's way.
    #[serde(default)]
    pub retry: Option<RetryPolicy>,
}

/// A job as the store keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Identifies it.
    pub id: Id,
    /// Its number.
    pub number: i64,
    /// The task.
    pub task: Id,
    /// The task's name.
    pub task_name: String,
    /// Where it is in its life.
    pub status: JobStatus,
    /// What keeps it from being claimed, while it is queued or retrying.
    pub hold: Hold,
    /// Which waiting job runs first.
    pub priority: Priority,
    /// What the task is called with.
    pub input: Json,
    /// The execution that is next, running, or was the last.
    pub execution: Id,
    /// Attempts begun.
    pub attempt: u32,
    /// Attempts that ended because a host or a worker was lost, which do not count as retries.
    #[serde(default)]
    pub crashes: u32,
    /// What happens after a failure.
    pub retry: RetryPolicy,
    /// Milliseconds one attempt may take.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
    /// What it shares a limit with.
    #[serde(default)]
    pub limiter: Option<Limiter>,
    /// Its idempotency key.
    #[serde(default)]
    pub unique_key: Option<String>,
    /// Jobs it depends on that have not ended.
    #[serde(default)]
    pub waits_for: Vec<Id>,
    /// The batch it is part of.
    #[serde(default)]
    pub batch: Option<Id>,
    /// The schedule that made it.
    #[serde(default)]
    pub schedule: Option<Id>,
    /// The host that has it.
    #[serde(default)]
    pub host: Option<Id>,
    /// Whether its cancellation was asked for while it ran.
    #[serde(default)]
    pub cancelling: bool,
    /// The error of the last attempt that failed.
    #[serde(default)]
    pub error: Option<TaskError>,
    /// The output, once it is completed.
    #[serde(default)]
    pub output: Option<Json>,
    /// Where its result goes.
    #[serde(default)]
    pub outputs: Vec<Destination>,
    /// What its maker keeps with it: an object.
    #[serde(default)]
    pub metadata: Json,
    /// When it was accepted.
    pub queued_at: Timestamp,
    /// When it may run next.
    pub run_at: Timestamp,
    /// When it is not started or retried any more.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// When the present or last attempt began.
    #[serde(default)]
    pub started_at: Option<Timestamp>,
    /// When it ended for good.
    #[serde(default)]
    pub finished_at: Option<Timestamp>,
}

/// Counts of jobs, all from the store.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct JobStats {
    /// Jobs by status.
    pub queued: u64,
    /// Jobs a host has.
    pub processing: u64,
    /// Jobs waiting for another attempt.
    pub retrying: u64,
    /// Jobs that succeeded and are still kept.
    pub completed: u64,
    /// Jobs that failed for good and are still kept.
    pub failed: u64,
    /// Jobs that were given up and are still kept.
    pub cancelled: u64,
    /// Waiting jobs (queued or retrying) by priority's name.
    pub waiting_by_priority: std::collections::BTreeMap<String, u64>,
    /// Waiting jobs by the name of what holds them.
    pub waiting_by_hold: std::collections::BTreeMap<String, u64>,
    /// Milliseconds from the time a job could run to the start of its first attempt, on average
    /// over the executions of the last 24 hours.
    pub average_wait_ms: Option<f64>,
    /// Milliseconds the job waits that has waited longest for nothing but a worker.
    pub longest_wait_ms: Option<u64>,
    /// Jobs accepted in the last 24 hours.
    pub last_24h: u64,
    /// Whether the whole queue is paused.
    pub paused: Option<super::Pause>,
}
