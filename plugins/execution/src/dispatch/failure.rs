//! Failures of runs that no report tells of, because the call itself failed.

use ratchet_plugin_api::model::{FailureKind, TaskError};
use ratchet_plugin_api::{Code, Error};

/// What a call's failure means for the attempt it was made for.
#[derive(Debug, PartialEq)]
pub(crate) enum CallFailure {
    /// The attempt has failed.
    Attempt(TaskError),
    /// The attempt was not begun, for want of a worker: the job goes back as it was.
    NotBegun(Error),
}

/// Reads a call's failure; `wall_ms` is the time limit it had.
pub(crate) fn of_call(error: Error, wall_ms: u64) -> CallFailure {
    let reason = error.reason.as_deref();
    let kind = match (reason, error.code) {
        // No worker was free for as long as the attempt might have taken.
        (Some("worker.busy"), _) => return CallFailure::NotBegun(error),
        (Some(reason), code) => match (FailureKind::from_reason(reason), code) {
            (Some(kind), _) => kind,
            (None, Code::Unavailable | Code::Gone) => return CallFailure::NotBegun(error),
            (None, code) => kind_of(code),
        },
        (None, Code::Unavailable | Code::Gone) => return CallFailure::NotBegun(error),
        (None, code) => kind_of(code),
    };
    let message = match kind {
        FailureKind::TimeLimit => {
            format!(
                "it ran longer than {} s",
                std::time::Duration::from_millis(wall_ms).as_secs_f64()
            )
        }
        _ => error.full_message(),
    };
    CallFailure::Attempt(task_error(kind, "", message))
}

fn kind_of(code: Code) -> FailureKind {
    match code {
        Code::Timeout => FailureKind::TimeLimit,
        Code::Cancelled => FailureKind::Cancelled,
        // A runtime in this process that panicked is what a lost worker is elsewhere.
        Code::Panicked => FailureKind::WorkerLost,
        _ => FailureKind::Other,
    }
}

/// An error that no task threw.
pub(crate) fn task_error(kind: FailureKind, class: &str, message: impl Into<String>) -> TaskError {
    TaskError {
        kind,
        class: class.to_owned(),
        message: message.into(),
        stack: Vec::new(),
        violations: Vec::new(),
        details: None,
        causes: Vec::new(),
    }
}

/// The error of a job that was given up.
pub(crate) fn cancelled(reason: Option<String>) -> TaskError {
    let message = reason.unwrap_or_else(|| "the job was cancelled".to_owned());
    task_error(FailureKind::Cancelled, "Cancelled", message)
}

/// The error of a job whose time was up, whether it ran or not.
pub(crate) fn out_of_lifetime() -> TaskError {
    let message = "the time in which the job had to be done is over (limit.job_time)";
    task_error(FailureKind::TimeLimit, "JobTimeLimit", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(error: Error) -> Option<FailureKind> {
        match of_call(error, 1_500) {
            CallFailure::Attempt(error) => Some(error.kind),
            CallFailure::NotBegun(_) => None,
        }
    }

    #[test]
    fn reasons_and_codes_tell_what_became_of_the_attempt() {
        let unavailable = || Error::unavailable("no");
        for (error, expected) in [
            (unavailable().with_reason("run.worker_lost"), Some(FailureKind::WorkerLost)),
            (unavailable().with_reason("worker.starting"), None),
            (unavailable(), None),
            (Error::new(Code::Gone, "withdrawn"), None),
            (Error::new(Code::Timeout, "busy").with_reason("worker.busy"), None),
            (Error::new(Code::Timeout, "passed"), Some(FailureKind::TimeLimit)),
            (
                Error::new(Code::LimitExceeded, "full").with_reason("limit.memory"),
                Some(FailureKind::MemoryLimit),
            ),
            (Error::new(Code::Panicked, "oh"), Some(FailureKind::WorkerLost)),
            (Error::invalid("too long a message"), Some(FailureKind::Other)),
        ] {
            assert_eq!(kind(error.clone()), expected, "{error:?}");
        }
    }

    #[test]
    fn a_passed_deadline_names_the_limit() {
        let failure = of_call(Error::new(Code::Timeout, "the deadline passed"), 1_500);
        let CallFailure::Attempt(error) = failure else { panic!("{failure:?}") };
        assert_eq!(error.message, "it ran longer than 1.5 s");
    }
}
