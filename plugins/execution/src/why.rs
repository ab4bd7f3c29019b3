//! Tells the one cause that keeps a job from running, or what became of it.
//!
//! Several things may stand in a job's way at once. The one that is told is the one that would
//! still be there if all others were gone, as far as that can be known: what never ends by itself
//! goes before what does, and of two that end by themselves the later.

mod ended;
#[cfg(test)]
mod tests;
mod waiting;
mod words;

use ratchet_plugin_api::model::{Explanation, JobStatus, Timestamp};
use ratchet_plugin_api::services::{HostState, Situation};

pub(crate) use words::span;
use words::{ago, at, attempt};

/// Whether the JavaScript runtime that a job's task needs is there.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RuntimeNeed<'a> {
    /// Whoever asks cannot know: runtimes are loaded by hosts that serve.
    Unknown,
    /// It is.
    Present,
    /// It is not.
    Missing {
        /// The runtime's name.
        name: &'a str,
        /// The names of those that are there.
        present: &'a [String],
    },
}

/// Explains how a job stands.
pub(crate) fn explain(situation: &Situation, runtime: RuntimeNeed<'_>) -> Explanation {
    match situation.job.status {
        JobStatus::Completed => ended::completed(situation),
        JobStatus::Failed => ended::failed(situation),
        JobStatus::Cancelled => ended::cancelled(situation),
        JobStatus::Processing => processing(situation),
        JobStatus::Queued | JobStatus::Retrying => waiting::waiting(situation, runtime),
    }
}

/// A cause and its sentence, with nothing to do about it.
fn told(cause: &str, sentence: String) -> Explanation {
    Explanation { cause: format!("why.{cause}"), sentence, remedy: None, until: None }
}

/// The same with what would make the job run.
fn with_remedy(told: Explanation, remedy: impl Into<String>) -> Explanation {
    Explanation { remedy: Some(remedy.into()), ..told }
}

/// The same, ending by itself at `until`.
fn ending(told: Explanation, until: Timestamp) -> Explanation {
    Explanation { until: Some(until), ..told }
}

/// `job 12 of `addition``.
fn name(situation: &Situation) -> String {
    words::job(&situation.job)
}

/// Whether a host still counts as alive.
fn lives(host: &HostState, now: Timestamp) -> bool {
    host.expires_at > now
}

fn processing(situation: &Situation) -> Explanation {
    let (job, now, name) = (&situation.job, situation.now, name(situation));
    let host = job.host.and_then(|id| situation.hosts.iter().find(|host| host.info.id == id));
    let Some(host) = host.filter(|host| lives(host, now)) else {
        let heard = match host {
            Some(host) => {
                let seen = at(host.seen_at, now);
                format!("the host {} that has it was last heard of {seen}", host.info.name)
            }
            None => "the host that has it is not heard of any more".to_owned(),
        };
        let lost = told("host_lost", format!("{name} waits to be given to another host: {heard}"));
        return with_remedy(
            lost,
            "another host takes it as soon as one runs; start one with `ratchet serve`",
        );
    };
    let host = &host.info.name;
    if job.cancelling {
        let sentence = format!("{name} is being cancelled: the host {host} was told to stop it");
        return told("cancelling", sentence);
    }
    let Some(started) = job.started_at else {
        let sentence = format!("{name} was taken by the host {host} and is about to begin");
        return told("claimed", sentence);
    };
    let (since, attempt) = (ago(started, now), attempt(job));
    let limit = job.timeout_ms.map(std::time::Duration::from_millis);
    match limit.map(|limit| started.after(limit)) {
        Some(end) if end <= now => {
            let over = ago(end, now);
            let sentence = format!(
                "{name} has run on the host {host} for {since} ({attempt}); its time was over \
                 {over} ago, and it is being stopped"
            );
            told("overdue", sentence)
        }
        Some(end) => {
            let sentence = format!(
                "{name} has run on the host {host} for {since} ({attempt}); it is stopped \
                 {} unless it ends before",
                at(end, now)
            );
            ending(told("running", sentence), end)
        }
        None => {
            let sentence = format!("{name} has run on the host {host} for {since} ({attempt})");
            told("running", sentence)
        }
    }
}
