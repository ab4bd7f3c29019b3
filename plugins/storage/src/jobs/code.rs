//! How words are kept: as small numbers that the migrations explain.

use ratchet_plugin_api::model::{
    Destination, FailureKind, Id, Limiter, Priority, RetryPolicy, TaskError,
};
use ratchet_plugin_api::{Code, Error, Result};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// `jobs.status` and `job_history.status`.
pub(super) const QUEUED: i64 = 0;
pub(super) const PROCESSING: i64 = 1;
pub(super) const RETRYING: i64 = 2;
pub(super) const COMPLETED: i64 = 3;
pub(super) const FAILED: i64 = 4;
pub(super) const CANCELLED: i64 = 5;

/// `jobs.hold`.
pub(super) const READY: i64 = 0;
pub(super) const NOT_BEFORE: i64 = 1;
pub(super) const DEPENDENCY: i64 = 2;
pub(super) const LIMIT: i64 = 3;
pub(super) const TASK_PAUSED: i64 = 4;
pub(super) const TASK_DISABLED: i64 = 5;
pub(super) const HAD: i64 = 6;

/// `executions.status`.
pub(super) const RUN_COMPLETED: i64 = 2;
pub(super) const RUN_FAILED: i64 = 3;
pub(super) const RUN_CANCELLED: i64 = 4;

/// Attempts that may be lost with a host or a worker before a job is given up.
pub(super) const MAX_CRASHES: i64 = 3;

/// The number of a priority.
pub(super) const fn priority(priority: Priority) -> i64 {
    priority as i64
}

/// The priority of a number.
pub(super) fn priority_of(code: i64) -> Priority {
    let place = usize::try_from(code).unwrap_or_default();
    Priority::ALL.get(place).copied().unwrap_or(Priority::Normal)
}

/// Where a job stands among ready ones: the smallest goes first. A higher priority is an advance
/// in time, so that higher ones go before the others of about their age and no one starves.
pub(super) const fn rank(run_at: i64, priority: Priority) -> i64 {
    const MINUTE: i64 = 60_000_000;
    run_at
        - match priority {
            Priority::Low => 0,
            Priority::Normal => 15 * MINUTE,
            Priority::High => 60 * MINUTE,
            Priority::Critical => 24 * 60 * MINUTE,
        }
}

/// What is kept of a job as one document, because nothing is looked for by it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Spec {
    /// `max_retries` in it is what it was at first; the column has what it is.
    pub(super) retry: RetryPolicy,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) timeout_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) lifetime_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) limiter: Option<Limiter>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) outputs: Vec<Destination>,
}

impl Spec {
    /// Reads what is kept, with the present number of retries.
    pub(super) fn read(text: &str, max_retries: i64) -> Result<Self> {
        let spec: Self = serde_json::from_str(text).map_err(|error| {
            Error::wrap(Code::Internal, "what is stored of a job cannot be read", &error)
                .with_reason("storage.corrupt")
        })?;
        Ok(spec.with_retries(max_retries))
    }

    /// The same with this number of retries.
    pub(super) fn with_retries(mut self, max_retries: i64) -> Self {
        self.retry.max_retries = u32::try_from(max_retries).unwrap_or_default();
        self
    }
}

/// An error as it is kept.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) class: String,
    pub(super) message: String,
    pub(super) text: String,
}

impl Fault {
    pub(super) fn of(error: &TaskError) -> Result<Self> {
        let (class, message) = (error.class.clone(), error.message.clone());
        // PostgreSQL keeps no texts with this character.
        let clean =
            |text: String| if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text };
        let text = serde_json::to_string(error)?;
        Ok(Self { class: clean(class), message: clean(message), text })
    }

    /// An error that no task threw.
    pub(super) fn ours(kind: FailureKind, class: &str, message: impl Into<String>) -> Result<Self> {
        Self::of(&TaskError {
            kind,
            class: class.to_owned(),
            message: message.into(),
            stack: Vec::new(),
            violations: Vec::new(),
            details: None,
            causes: Vec::new(),
        })
    }

    /// The error of a job that somebody gave up.
    pub(super) fn cancelled(reason: Option<String>) -> Result<Self> {
        let message = reason.unwrap_or_else(|| "the job was cancelled".to_owned());
        Self::ours(FailureKind::Cancelled, "Cancelled", message)
    }
}

/// Milliseconds as microseconds.
pub(super) fn micros(milliseconds: u64) -> i64 {
    i64::try_from(milliseconds).unwrap_or(i64::MAX).saturating_mul(1000)
}

/// Microseconds as milliseconds, none below zero.
pub(super) fn millis(microseconds: i64) -> u64 {
    u64::try_from(microseconds).unwrap_or_default() / 1000
}

/// An id as the database's library wants it.
pub(super) const fn raw(id: Id) -> Uuid {
    Uuid::from_u128(id.as_u128())
}

/// An id as ours.
pub(super) const fn id(uuid: Uuid) -> Id {
    Id::from_u128(uuid.as_u128())
}
