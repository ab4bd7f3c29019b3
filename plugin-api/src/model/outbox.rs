//! Results on their way: what is to be delivered, and what became of it.

use serde::{Deserialize, Serialize};

use super::words::vocabulary;
use super::{Destination, ExecutionStatus, Id, Json, Receipt, RunSummary, TaskError, Timestamp};

/// A delivery that a result asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewDelivery {
    /// Identifies it over all its attempts.
    pub id: Id,
    /// Where to.
    pub destination: Destination,
}

/// A delivery a host has and must settle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PendingDelivery {
    /// Identifies it over all its attempts.
    pub id: Id,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// Where to.
    pub destination: Destination,
    /// The run whose result this is.
    pub run: RunSummary,
    /// What it returned, if it succeeded.
    #[serde(default)]
    pub output: Option<Json>,
    /// Why it failed, if it did.
    #[serde(default)]
    pub error: Option<TaskError>,
}

/// What became of one attempt to deliver.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeliveryOutcome {
    /// The delivery.
    pub id: Id,
    /// Microseconds it took.
    pub duration_us: u64,
    /// What became of it.
    pub end: DeliveryEnd,
}

/// How one attempt to deliver ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryEnd {
    /// It is where it should be.
    Delivered(Receipt),
    /// It failed and is tried again after so many milliseconds.
    Retry {
        /// Why.
        error: String,
        /// Milliseconds to wait.
        delay_ms: u64,
    },
    /// It failed for good.
    Failed(String),
}

vocabulary! {
    /// Where a delivery is.
    "delivery status" DeliveryStatus {
        /// It waits for its time or is being made.
        Pending = "pending",
        /// It is where it should be.
        Delivered = "delivered",
        /// It failed for good.
        Failed = "failed",
    }
}

/// A delivery as the store keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeliveryRecord {
    /// Identifies it.
    pub id: Id,
    /// Its number.
    pub number: i64,
    /// The job.
    pub job: Option<Id>,
    /// The execution whose result it carries.
    pub execution: Id,
    /// The sink.
    pub sink: String,
    /// Where it is.
    pub status: DeliveryStatus,
    /// Attempts made.
    pub attempts: u32,
    /// Microseconds the last attempt took.
    #[serde(default)]
    pub duration_us: Option<u64>,
    /// Bytes delivered.
    #[serde(default)]
    pub bytes: Option<u64>,
    /// Where the result is, in the sink's words.
    #[serde(default)]
    pub location: Option<String>,
    /// Why the last attempt failed.
    #[serde(default)]
    pub error: Option<String>,
    /// When the result was recorded.
    pub created_at: Timestamp,
    /// When it was delivered or failed for good.
    #[serde(default)]
    pub finished_at: Option<Timestamp>,
}

/// A result that came about elsewhere, to be kept as an execution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewResult {
    /// The task.
    pub task: Id,
    /// What it was called with.
    pub input: Json,
    /// How it ended, which is not `pending` or `running`.
    pub status: ExecutionStatus,
    /// What it returned.
    #[serde(default)]
    pub output: Option<Json>,
    /// Why it failed.
    #[serde(default)]
    pub error: Option<TaskError>,
    /// The requests it made.
    #[serde(default)]
    pub http: Vec<super::HttpExchange>,
    /// Microseconds it took.
    #[serde(default)]
    pub duration_us: Option<u64>,
    /// Whatever its maker keeps with it: an object.
    #[serde(default)]
    pub metadata: Json,
}
