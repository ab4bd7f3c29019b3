//! What two stores have to agree on.

use std::collections::BTreeMap;
use std::fmt::Debug;

use ratchet_plugin_api::Result;
use ratchet_plugin_api::model::{Id, Job, JobStatus, ListQuery, MAX_LIMIT};
use ratchet_plugin_api::services::Acceptance;

use crate::contract::{Stores, expect};
use crate::memory::MemoryStore;

/// Fails unless both succeeded, or both failed with the same code.
pub(super) fn same_outcome<M: Debug, R: Debug>(
    model: &Result<M>,
    real: &Result<R>,
) -> Result<(), String> {
    match (model, real) {
        (Ok(_), Ok(_)) => Ok(()),
        (Err(model), Err(real)) if model.code == real.code => Ok(()),
        _ => Err(format!("it gave {real:?}; {model:?} is right")),
    }
}

/// Fails unless the same jobs were accepted, recognised and refused.
pub(super) fn same_answers(
    model: &Result<Vec<Acceptance>>,
    real: &Result<Vec<Acceptance>>,
) -> Result<(), String> {
    same_outcome(model, real)?;
    let plain = |answers: &Result<Vec<Acceptance>>| -> Vec<String> {
        let plain = |answer: &Acceptance| match answer {
            Acceptance::Accepted { .. } => "accepted".to_owned(),
            Acceptance::Duplicate(job) => format!("duplicate of {job}"),
            Acceptance::Refused(error) => format!("refused with {}", error.code),
        };
        answers.iter().flatten().map(plain).collect()
    };
    expect("the answer", plain(real), plain(model))
}

/// What two stores have to agree on about a job.
#[derive(Debug, PartialEq)]
struct Facts {
    status: JobStatus,
    attempt: u32,
    crashes: u32,
    host: Option<Id>,
    cancelling: bool,
    waits_for: Vec<Id>,
    priority: ratchet_plugin_api::model::Priority,
    output: Option<String>,
    failed: Option<String>,
}

impl Facts {
    fn of(job: &Job) -> (Id, Self) {
        let mut waits_for = job.waits_for.clone();
        waits_for.sort_unstable();
        let facts = Self {
            status: job.status,
            attempt: job.attempt,
            crashes: job.crashes,
            host: job.host,
            cancelling: job.cancelling,
            waits_for,
            priority: job.priority,
            output: job.output.as_ref().map(ToString::to_string),
            failed: job.error.as_ref().map(|error| error.kind.reason().to_owned()),
        };
        (job.id, facts)
    }
}

/// Fails unless both know the same jobs, in the same state, and count them right.
pub(super) async fn same_jobs(model: &MemoryStore, real: &Stores) -> Result<(), String> {
    let query = ListQuery { limit: MAX_LIMIT, ..ListQuery::default() };
    let listed = real.jobs.list(query).await.map_err(|error| error.to_string())?;
    let real_jobs: BTreeMap<Id, Facts> = listed.items.iter().map(Facts::of).collect();
    let model_jobs: BTreeMap<Id, Facts> = model.jobs().iter().map(Facts::of).collect();
    for (job, right) in &model_jobs {
        match real_jobs.get(job) {
            Some(found) if found == right => {}
            Some(found) => return Err(format!("{job} is {found:?}; {right:?} is right")),
            None => return Err(format!("{job} is lost; it should be {right:?}")),
        }
    }
    expect("the number of jobs", real_jobs.len(), model_jobs.len())?;
    let count = |wanted| model_jobs.values().filter(|job| job.status == wanted).count() as u64;
    let stats = real.jobs.stats().await.map_err(|error| error.to_string())?;
    for (found, status) in [
        (stats.queued, JobStatus::Queued),
        (stats.processing, JobStatus::Processing),
        (stats.retrying, JobStatus::Retrying),
        (stats.completed, JobStatus::Completed),
        (stats.failed, JobStatus::Failed),
        (stats.cancelled, JobStatus::Cancelled),
    ] {
        expect(&format!("the count of {status} jobs"), found, count(status))?;
    }
    Ok(())
}
