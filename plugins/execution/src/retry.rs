//! What follows from a failed attempt. Pure: everything that decides is an argument.
//!
//! Tried again is what may go better the next time. What cannot is not: an input that does not
//! satisfy its schema, a program that cannot be parsed, a cancelled run, and the error classes a
//! policy gives up on. An output that does not satisfy its schema is tried again, since outputs
//! depend on what services answered, and so is a reached limit, which may depend on the input's
//! neighbours. An attempt that was lost with its worker is not the task's fault and costs no retry;
//! a job that loses its workers again and again has failed all the same.

use ratchet_plugin_api::model::{FailureKind, RetryPolicy, TaskError};
use ratchet_plugin_api::services::Verdict;
use serde_json::Value;

/// How often a job may lose its worker or host before it has failed for good; the stores count
/// the same way.
const MAX_CRASHES: u32 = 3;

/// Milliseconds before a job runs again that has lost its worker more than twice, since it is
/// likely that the job is the cause.
const SUSPECT_DELAY_MS: u64 = 1_000;

/// The longest wait that a service may ask for, in milliseconds: a day.
const LONGEST_HINT_MS: u64 = 86_400_000;

/// An attempt that failed.
pub(crate) struct Attempt<'a> {
    /// What its job wants.
    pub(crate) policy: &'a RetryPolicy,
    /// Which attempt of its job it was, from 1.
    pub(crate) number: u32,
    /// Attempts before it that were lost.
    pub(crate) crashes: u32,
    /// Milliseconds after which the job may not be started again.
    pub(crate) lifetime_left_ms: Option<u64>,
}

impl Attempt<'_> {
    /// What follows. `random` is between 0 and 1.
    pub(crate) fn verdict(&self, error: TaskError, random: f64) -> Verdict {
        if error.kind == FailureKind::Cancelled {
            return Verdict::Cancelled(error);
        }
        if error.kind == FailureKind::WorkerLost {
            return match self.crashes + 1 {
                lost if lost > MAX_CRASHES => Verdict::Failed(error),
                lost => {
                    let delay_ms = if lost > 2 { SUSPECT_DELAY_MS } else { 0 };
                    Verdict::Retry { error, delay_ms, crashed: true }
                }
            };
        }
        let retries = self.number.saturating_sub(1).saturating_sub(self.crashes);
        if retries >= self.policy.max_retries || self.gives_up_on(&error) {
            return Verdict::Failed(error);
        }
        let delay_ms = delay_ms(self.policy, retries, hint_ms(&error), random);
        if self.lifetime_left_ms.is_some_and(|left| delay_ms >= left) {
            return Verdict::Failed(error);
        }
        Verdict::Retry { error, delay_ms, crashed: false }
    }

    fn gives_up_on(&self, error: &TaskError) -> bool {
        matches!(error.kind, FailureKind::InvalidInput | FailureKind::InvalidProgram)
            || self.policy.give_up_on.contains(&error.class)
    }
}

/// Milliseconds before the next attempt, after so many retries. A `hint` lengthens the wait, even
/// beyond the policy's longest: who asks for patience knows why.
pub(crate) fn delay_ms(policy: &RetryPolicy, retries: u32, hint: Option<u64>, random: f64) -> u64 {
    let multiplier = if policy.multiplier >= 1.0 { policy.multiplier } else { 1.0 };
    let power = i32::try_from(retries).unwrap_or(i32::MAX);
    let grown = policy.initial_delay_ms as f64 * multiplier.powi(power);
    // A product that is too large, or no number because the first wait is 0, is held in bounds.
    let bounded = grown.min(policy.max_delay_ms as f64).max(0.0);
    let wait = bounded.max(hint.unwrap_or(0) as f64);
    let jitter = if policy.jitter > 0.0 { policy.jitter.min(1.0) } else { 0.0 };
    (wait * (1.0 + jitter * random.clamp(0.0, 1.0))) as u64
}

/// How long the error itself says to wait, in milliseconds: `retryAfterMs`, or `retryAfter` in
/// seconds as the header `Retry-After` has it, both numbers or text.
fn hint_ms(error: &TaskError) -> Option<u64> {
    let details: Value = error.details.as_ref()?.to().ok()?;
    let number = |key: &str| match details.get(key)? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    let milliseconds = number("retryAfterMs").or_else(|| {
        let seconds = number("retryAfter").or_else(|| number("retry_after"));
        seconds.map(|seconds| seconds * 1_000.0)
    })?;
    (milliseconds > 0.0).then(|| (milliseconds.min(LONGEST_HINT_MS as f64)) as u64)
}

/// A number from 0 to 1 that nobody can foresee.
pub(crate) fn random() -> f64 {
    use std::hash::{BuildHasher as _, RandomState};
    // Every state has keys of its own.
    let bits = RandomState::new().hash_one(0) >> 11;
    bits as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratchet_plugin_api::model::Json;

    fn failure(kind: FailureKind, class: &str, details: Option<&str>) -> TaskError {
        TaskError {
            kind,
            class: class.into(),
            message: "it failed".into(),
            stack: Vec::new(),
            violations: Vec::new(),
            details: details.map(|text| Json::parse(text).unwrap()),
            causes: Vec::new(),
        }
    }

    fn policy() -> RetryPolicy {
        RetryPolicy {
            max_retries: 3,
            initial_delay_ms: 1_000,
            multiplier: 2.0,
            max_delay_ms: 3_000,
            jitter: 0.0,
            give_up_on: vec!["ValidationError".into()],
        }
    }

    fn attempt(policy: &RetryPolicy, number: u32, crashes: u32) -> Attempt<'_> {
        Attempt { policy, number, crashes, lifetime_left_ms: None }
    }

    fn delay(verdict: Verdict) -> Option<(u64, bool)> {
        match verdict {
            Verdict::Retry { delay_ms, crashed, .. } => Some((delay_ms, crashed)),
            Verdict::Failed(_) => None,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn waits_grow_up_to_the_longest_and_end() {
        let policy = policy();
        let thrown = || failure(FailureKind::Thrown, "Error", None);
        let waits: Vec<_> = (1..=4)
            .map(|number| delay(attempt(&policy, number, 0).verdict(thrown(), 0.5)))
            .collect();
        let expected = [Some((1_000, false)), Some((2_000, false)), Some((3_000, false)), None];
        assert_eq!(waits, expected);
    }

    #[test]
    fn attempts_that_were_lost_cost_no_retry() {
        let policy = policy();
        let thrown = failure(FailureKind::Thrown, "Error", None);
        let verdict = attempt(&policy, 5, 3).verdict(thrown, 0.0);
        assert_eq!(delay(verdict), Some((2_000, false)));
    }

    #[test]
    fn a_lost_worker_means_at_once_until_it_happens_too_often() {
        let policy = RetryPolicy { max_retries: 0, ..policy() };
        let lost = |crashes| {
            let error = failure(FailureKind::WorkerLost, "", None);
            delay(attempt(&policy, crashes + 1, crashes).verdict(error, 0.9))
        };
        assert_eq!(lost(0), Some((0, true)));
        assert_eq!(lost(1), Some((0, true)));
        assert_eq!(lost(2), Some((SUSPECT_DELAY_MS, true)));
        assert_eq!(lost(3), None);
    }

    #[test]
    fn what_cannot_go_better_is_not_tried_again() {
        let policy = policy();
        for (kind, class, again) in [
            (FailureKind::InvalidInput, "", false),
            (FailureKind::InvalidProgram, "SyntaxError", false),
            (FailureKind::Thrown, "ValidationError", false),
            (FailureKind::Thrown, "NetworkError", true),
            (FailureKind::InvalidOutput, "", true),
            (FailureKind::TimeLimit, "", true),
            (FailureKind::MemoryLimit, "", true),
            (FailureKind::NeverSettles, "", true),
            (FailureKind::Other, "", true),
        ] {
            let verdict = attempt(&policy, 1, 0).verdict(failure(kind, class, None), 0.0);
            assert_eq!(delay(verdict).is_some(), again, "{kind:?} {class}");
        }
    }

    #[test]
    fn a_cancelled_run_cancels_its_job() {
        let error = failure(FailureKind::Cancelled, "", None);
        let verdict = attempt(&policy(), 1, 0).verdict(error, 0.0);
        assert!(matches!(verdict, Verdict::Cancelled(_)));
    }

    #[test]
    fn a_service_may_ask_for_patience() {
        let policy = policy();
        for (details, wait) in [
            (r#"{"retryAfter":30}"#, 30_000),
            (r#"{"retryAfter":"2.5"}"#, 2_500),
            (r#"{"retryAfterMs":1500}"#, 1_500),
            (r#"{"retryAfter":0.1}"#, 1_000),
            (r#"{"retryAfter":-5}"#, 1_000),
            (r#"{"retryAfter":"soon"}"#, 1_000),
            (r#"{"retryAfter":1e300}"#, LONGEST_HINT_MS),
            ("[1]", 1_000),
        ] {
            let error = failure(FailureKind::Thrown, "RateLimitError", Some(details));
            let verdict = attempt(&policy, 1, 0).verdict(error, 0.0);
            assert_eq!(delay(verdict), Some((wait, false)), "{details}");
        }
    }

    #[test]
    fn a_job_whose_time_is_up_before_the_next_attempt_has_failed() {
        let policy = policy();
        let left = |lifetime_left_ms| {
            let error = failure(FailureKind::Thrown, "Error", None);
            let attempt = Attempt { lifetime_left_ms, ..attempt(&policy, 1, 0) };
            delay(attempt.verdict(error, 0.0)).is_some()
        };
        assert!(!left(Some(1_000)));
        assert!(left(Some(1_001)));
    }

    proptest::proptest! {
        #[test]
        fn waits_stay_in_bounds(
            initial in 0_u64..100_000_000,
            longest in 0_u64..100_000_000,
            multiplier in proptest::num::f64::ANY,
            jitter in proptest::num::f64::ANY,
            retries: u32,
            random in 0.0..1.0_f64,
        ) {
            let policy = RetryPolicy {
                initial_delay_ms: initial, max_delay_ms: longest, multiplier, jitter, ..policy()
            };
            let wait = delay_ms(&policy, retries, None, random);
            proptest::prop_assert!(wait <= 2 * longest);
            proptest::prop_assert!(wait >= initial.min(longest));
        }
    }

    #[test]
    fn random_numbers_fill_their_range() {
        let numbers: Vec<f64> = (0..1_000).map(|_| random()).collect();
        assert!(numbers.iter().all(|number| (0.0..1.0).contains(number)));
        let mean = numbers.iter().sum::<f64>() / 1_000.0;
        assert!((0.4..0.6).contains(&mean), "{mean}");
    }
}
