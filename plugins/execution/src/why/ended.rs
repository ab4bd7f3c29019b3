//! What became of a job that has ended.

use ratchet_plugin_api::model::{Explanation, FailureKind, Job, TaskError, Timestamp};
use ratchet_plugin_api::services::Situation;

use super::words::{at, count};
use super::{name, told, with_remedy};

/// The class of error of a job that was cancelled because one it depended on failed.
const DEPENDENCY_FAILED: &str = "DependencyFailed";

pub(super) fn completed(situation: &Situation) -> Explanation {
    let (name, when) = (name(situation), when(situation));
    let attempts = count(situation.job.attempt.into(), "attempt");
    told("completed", format!("{name} completed{when} after {attempts}"))
}

pub(super) fn failed(situation: &Situation) -> Explanation {
    let (job, name, when) = (&situation.job, name(situation), when(situation));
    let Some(error) = &job.error else {
        let failed = told("failed", format!("{name} failed for good{when}"));
        return with_remedy(failed, again(job));
    };
    let (cause, sentence) = match error.kind {
        FailureKind::TimeLimit if is_over(job) => {
            let sentence = format!(
                "{name} was given up{when} because its lifetime was over before it succeeded"
            );
            ("expired", sentence)
        }
        FailureKind::WorkerLost => {
            let lost = count(job.crashes.into(), "time");
            let sentence = format!(
                "{name} failed for good{when} because the worker or host it ran on was lost \
                 {lost}, the last time with: {}",
                what(error)
            );
            ("worker_lost", sentence)
        }
        FailureKind::InvalidInput => {
            let sentence = format!(
                "{name} failed{when} because its input does not satisfy the task's schema: {}",
                what(error)
            );
            let remedy = format!(
                "give it another input: `ratchet job retry {} --input-json '…'`",
                job.number
            );
            return with_remedy(told("invalid_input", sentence), remedy);
        }
        FailureKind::InvalidProgram => {
            let sentence =
                format!("{name} failed{when} because its task cannot run: {}", what(error));
            let remedy = format!("correct the task, then {}", again(job));
            return with_remedy(told("invalid_program", sentence), remedy);
        }
        FailureKind::InvalidOutput if tries_left(job) => {
            let sentence = format!(
                "{name} failed{when} because its output does not satisfy the task's schema, which \
                 trying again would not change: {}",
                what(error)
            );
            ("invalid_output", sentence)
        }
        _ if tries_left(job) => {
            let sentence = format!(
                "{name} failed{when} with an error that is not tried again, in attempt {} of {}: \
                 {}",
                job.attempt,
                attempts(job),
                what(error)
            );
            ("not_retryable", sentence)
        }
        _ if job.retry.max_retries == 0 => {
            let sentence =
                format!("{name} failed{when} in the one attempt it had: {}", what(error));
            ("no_retries", sentence)
        }
        _ => {
            let sentence = format!(
                "{name} failed for good{when} after all of its {} attempts, the last time with: {}",
                attempts(job),
                what(error)
            );
            ("retries_exhausted", sentence)
        }
    };
    with_remedy(told(cause, sentence), again(job))
}

pub(super) fn cancelled(situation: &Situation) -> Explanation {
    let (job, name, when) = (&situation.job, name(situation), when(situation));
    let (cause, because) = match &job.error {
        Some(error) if error.class == DEPENDENCY_FAILED => {
            ("dependency_failed", format!(": {}", error.message))
        }
        Some(error) if !error.message.is_empty() => ("cancelled", format!(": {}", error.message)),
        _ => ("cancelled", String::new()),
    };
    let begun = if job.attempt == 0 { " before it began" } else { "" };
    let cancelled = told(cause, format!("{name} was cancelled{when}{begun}{because}"));
    with_remedy(cancelled, again(job))
}

fn again(job: &Job) -> String {
    format!("make it wait again with `ratchet job retry {}`", job.number)
}

/// Attempts it may make, those that were lost with a worker aside.
fn attempts(job: &Job) -> u64 {
    u64::from(job.retry.max_retries) + 1
}

fn tries_left(job: &Job) -> bool {
    u64::from(job.attempt.saturating_sub(job.crashes)) < attempts(job)
}

fn is_over(job: &Job) -> bool {
    let ended: Option<Timestamp> = job.finished_at;
    job.expires_at.zip(ended).is_some_and(|(expires, ended)| expires <= ended)
}

fn when(situation: &Situation) -> String {
    let finished = situation.job.finished_at;
    finished.map(|time| format!(" {}", at(time, situation.now))).unwrap_or_default()
}

/// `TypeError: x is no function`, on one line.
fn what(error: &TaskError) -> String {
    let line = error.message.lines().next().unwrap_or_default();
    format!("{}: {line}", error.class)
}
