//! An execution: one attempt at running a task.

use serde::{Deserialize, Serialize};

use super::words::vocabulary;
use super::{HttpExchange, Id, Json, LogLine, TaskError, Timestamp};

vocabulary! {
    /// Where an execution is in its life.
    "execution status" ExecutionStatus {
        /// It has not begun.
        Pending = "pending" | "queued",
        /// It runs.
        Running = "running" | "processing",
        /// It succeeded.
        Completed = "completed" | "succeeded",
        /// It failed.
        Failed = "failed",
        /// It was given up.
        Cancelled = "cancelled" | "canceled",
    }
}

/// One attempt of a job. Attempts that have not begun or still run are seen through their job;
/// ended ones are never changed again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Execution {
    /// Identifies it; also the fencing token of its lease.
    pub id: Id,
    /// Its number.
    pub number: i64,
    /// The job; none for a result that was stored without one.
    #[serde(default)]
    pub job: Option<Id>,
    /// The task.
    pub task: Id,
    /// The task's name.
    pub task_name: String,
    /// The task's version that ran, once it has begun.
    #[serde(default)]
    pub task_version: Option<String>,
    /// Where it is in its life.
    pub status: ExecutionStatus,
    /// Which attempt of its job it is, from 1.
    pub attempt: u32,
    /// What the task was called with.
    pub input: Json,
    /// What it returned.
    #[serde(default)]
    pub output: Option<Json>,
    /// Why it failed, with its stack.
    #[serde(default)]
    pub error: Option<TaskError>,
    /// The requests it made. Lists leave them out.
    #[serde(default)]
    pub http: Vec<HttpExchange>,
    /// How far it says it is, from 0 to 1, with its own words.
    #[serde(default)]
    pub progress: Option<Progress>,
    /// The host that ran it.
    #[serde(default)]
    pub host: Option<Id>,
    /// When its job was accepted.
    pub queued_at: Timestamp,
    /// When it began.
    #[serde(default)]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default)]
    pub finished_at: Option<Timestamp>,
    /// Microseconds from beginning to end.
    #[serde(default)]
    pub duration_us: Option<u64>,
    /// Lines of log dropped because a limit was reached.
    #[serde(default)]
    pub logs_dropped: u64,
    /// Whatever its maker keeps with it: an object.
    #[serde(default)]
    pub metadata: Json,
}

/// How far a run is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// From 0 to 1.
    pub fraction: f64,
    /// In the task's own words.
    #[serde(default)]
    pub message: Option<String>,
}

/// Lines of log from some position on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPage {
    /// The lines, oldest first.
    pub lines: Vec<LogLine>,
    /// Where to go on: the position after the last line.
    pub next: u64,
    /// Whether the execution has ended, so that no more will come.
    pub ended: bool,
    /// Lines dropped because a limit was reached.
    #[serde(default)]
    pub dropped: u64,
}

/// Counts of executions, all from the store.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExecutionStats {
    /// Executions that have not begun.
    pub pending: u64,
    /// Executions that run.
    pub running: u64,
    /// Executions that succeeded and are kept.
    pub completed: u64,
    /// Executions that failed and are kept.
    pub failed: u64,
    /// Executions that were given up and are kept.
    pub cancelled: u64,
    /// Milliseconds a completed execution took, on average; where there are very many, over the
    /// newest of them.
    pub average_duration_ms: Option<f64>,
    /// Completed ones as a part of all that completed or failed, from 0 to 1.
    pub success_rate: Option<f64>,
    /// Executions that ended in the last 24 hours.
    pub last_24h: u64,
}
