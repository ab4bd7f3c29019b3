//! Failures of runs that the runtime could not report itself, because its worker was lost.

use std::time::Duration;

use ratchet_plugin_api::model::{FailureKind, TaskError};
use ratchet_plugin_api::{Code, Error, Result};

/// Every kind of failure.
pub(crate) const FAILURE_KINDS: [FailureKind; 12] = [
    FailureKind::InvalidInput,
    FailureKind::InvalidOutput,
    FailureKind::InvalidProgram,
    FailureKind::Thrown,
    FailureKind::UnserializableOutput,
    FailureKind::TimeLimit,
    FailureKind::MemoryLimit,
    FailureKind::OutputLimit,
    FailureKind::RecursionLimit,
    FailureKind::NeverSettles,
    FailureKind::Cancelled,
    FailureKind::WorkerLost,
];

/// The word for a kind of failure, such as `time_limit`.
pub(crate) fn kind_name(kind: FailureKind) -> String {
    let named = serde_json::to_value(kind).ok();
    named.and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_else(|| kind.reason().into())
}

/// The failure of a run whose call failed, where that is the run's own doing; any other error is
/// given back.
pub(super) fn task_error_of(error: Error, wall: Duration) -> Result<TaskError> {
    let reason = error.reason.as_deref();
    let named = FAILURE_KINDS.into_iter().find(|kind| reason == Some(kind.reason()));
    let kind = match (named, error.code) {
        (Some(kind), _) => kind,
        (None, Code::Timeout) => FailureKind::TimeLimit,
        (None, Code::Cancelled) => FailureKind::Cancelled,
        (None, _) => return Err(error),
    };
    let message = match kind {
        FailureKind::TimeLimit => format!("it ran longer than {} s", wall.as_secs_f64()),
        _ => error.full_message(),
    };
    Ok(TaskError {
        kind,
        class: String::new(),
        message,
        stack: Vec::new(),
        violations: Vec::new(),
        details: None,
        causes: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WALL: Duration = Duration::from_millis(1_500);

    #[test]
    fn a_passed_deadline_is_the_time_limit() {
        let error = Error::new(Code::Timeout, "the deadline passed");
        let failure = task_error_of(error, WALL).unwrap();
        assert_eq!(failure.kind, FailureKind::TimeLimit);
        assert_eq!(failure.message, "it ran longer than 1.5 s");
    }

    #[test]
    fn a_reason_says_which_limit_it_was() {
        let error = Error::new(Code::LimitExceeded, "over 256 MB").with_reason("limit.memory");
        let failure = task_error_of(error, WALL).unwrap();
        assert_eq!(
            (failure.kind, failure.message.as_str()),
            (FailureKind::MemoryLimit, "over 256 MB")
        );
    }

    #[test]
    fn what_is_not_the_tasks_doing_stays_an_error() {
        let error = Error::unavailable("no worker could be started");
        assert_eq!(task_error_of(error.clone(), WALL).unwrap_err(), error);
    }

    #[test]
    fn kinds_have_words() {
        assert_eq!(kind_name(FailureKind::TimeLimit), "time_limit");
    }
}
