//! How jobs, times and counts are put into words.

use std::time::Duration;

use ratchet_plugin_api::model::{Job, Timestamp};

/// `job 12 of `addition``.
pub(super) fn job(job: &Job) -> String {
    format!("job {} of `{}`", job.number, job.task_name)
}

/// `attempt 2 of 4`.
pub(super) fn attempt(job: &Job) -> String {
    let all = u64::from(job.retry.max_retries) + u64::from(job.crashes) + 1;
    format!("attempt {} of {}", job.attempt, all.max(job.attempt.into()))
}

/// `at 2026-11-24T10:05:00Z (in 4 min)` or `(4 min ago)`.
pub(super) fn at(time: Timestamp, now: Timestamp) -> String {
    let relative = if time > now {
        format!("in {}", span(time.since(now)))
    } else {
        format!("{} ago", span(now.since(time)))
    };
    format!("at {} ({relative})", to_the_second(time))
}

/// The time from `then` to `now`, such as `4 min`.
pub(super) fn ago(then: Timestamp, now: Timestamp) -> String {
    span(now.since(then))
}

/// A duration in its largest unit that is not too coarse: `90 s`, `4 min`, `3 h`, `2 d`.
pub(crate) fn span(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    let seconds = (milliseconds + 500) / 1_000;
    match seconds {
        _ if milliseconds < 1_000 => format!("{milliseconds} ms"),
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", (seconds + 30) / 60),
        7_200..=172_799 => format!("{} h", (seconds + 1_800) / 3_600),
        _ => format!("{} d", (seconds + 43_200) / 86_400),
    }
}

/// `1 job`, `2 jobs`.
pub(super) fn count(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// The time without parts of a second, which no reader of a sentence wants.
fn to_the_second(time: Timestamp) -> Timestamp {
    Timestamp::from_microseconds(time.as_microseconds().div_euclid(1_000_000) * 1_000_000)
}
