//! Running a batch: its jobs are taken in together, and what binds them is kept by the store, so
//! that a batch goes on when nobody waits for it any more.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use ratchet_plugin_api::model::{Id, Job, JobStatus, Key, Limiter, Priority};
use ratchet_plugin_api::services::{Answer, BatchMode, BatchReport, BatchRequest, JobRequest};
use ratchet_plugin_api::{Error, Result};
use tokio::time::Instant;

use crate::shared::Shared;
use crate::{accept, engine, queue};

/// Runs a batch to its end.
///
/// # Errors
/// What keeps it from being taken in; a job that fails is a job of the report.
pub(crate) async fn execute(shared: &Arc<Shared>, batch: BatchRequest) -> Result<BatchReport> {
    if batch.requests.is_empty() {
        return Err(Error::invalid("the batch has no requests").with_reason("batch.empty"));
    }
    let id = Id::new();
    let requests = bind(shared, id, &batch).await?;
    let answers = accept::submit_many(shared, requests, true, Some(id)).await?;
    let jobs = answers.into_iter().map(|answer| match answer {
        Answer::Submitted(submitted) => Ok(submitted.job.id),
        Answer::Refused(error) => Err(error),
    });
    let jobs = jobs.collect::<Result<Vec<Id>>>()?;
    // On its own, so that the rules of the batch hold also when nobody waits for it any more.
    let following = follow(Arc::clone(shared), jobs.clone(), batch.stop_on_error, batch.timeout_ms);
    let ended = shared.context.spawn(following).await;
    ended.map_err(|error| Error::internal(format!("a batch was broken off: {error}")))??;
    let store = shared.stores.jobs()?;
    let mut report =
        BatchReport { batch: id, jobs: Vec::with_capacity(jobs.len()), succeeded: true };
    for job in jobs {
        let job = store.get(Key::Id(job)).await?;
        report.succeeded &= job.status == JobStatus::Completed;
        report.jobs.push(job);
    }
    Ok(report)
}

/// The requests with what the batch's rules mean for each.
async fn bind(shared: &Shared, id: Id, batch: &BatchRequest) -> Result<Vec<JobRequest>> {
    let mut requests = batch.requests.clone();
    match batch.mode {
        BatchMode::Parallel => without_dependencies(&requests, "parallel")?,
        BatchMode::Sequential => {
            without_dependencies(&requests, "sequential")?;
            chain(&mut requests, batch.stop_on_error);
        }
        BatchMode::Dependency => level(&mut requests),
        BatchMode::PriorityDependency => {}
    }
    if let Some(most) = batch.max_parallel {
        limit(shared, id, most, &mut requests).await?;
    }
    Ok(requests)
}

fn without_dependencies(requests: &[JobRequest], mode: &str) -> Result<()> {
    match requests.iter().position(|request| !request.depends_on.is_empty()) {
        None => Ok(()),
        Some(place) => Err(Error::invalid(format!(
            "request {} says what it depends on, which has no meaning in mode `{mode}`; mode \
             `dependency` goes by it",
            place + 1
        ))
        .with_reason("batch.invalid_dependencies")),
    }
}

/// Each after the one before.
fn chain(requests: &mut [JobRequest], stop_on_error: bool) {
    for (place, request) in requests.iter_mut().enumerate() {
        // A reference of its own may be a name that stands for something to its maker only.
        request.reference = Some(format!("#{place}"));
        if place > 0 {
            request.depends_on = vec![format!("#{}", place - 1)];
            request.runs_after_failure = !stop_on_error;
        }
    }
}

/// One priority for all, the highest of them, so that order alone decides.
fn level(requests: &mut [JobRequest]) {
    let highest: Option<Priority> = requests.iter().filter_map(|request| request.priority).max();
    if let Some(highest) = highest {
        requests.iter_mut().for_each(|request| request.priority = Some(highest));
    }
}

/// No more than so many at the same time, by a limit that all of them share. A job has one limit,
/// so none of them may have another.
async fn limit(shared: &Shared, id: Id, most: u32, requests: &mut [JobRequest]) -> Result<()> {
    if most == 0 {
        let message = "`max_parallel` is 0; it is at least 1";
        return Err(Error::invalid(message).with_reason("batch.invalid_limit"));
    }
    for (place, request) in requests.iter_mut().enumerate() {
        let key: Key = request.task.parse().unwrap_or_else(|never| match never {});
        let task = shared.tasks.find(&shared.stores, &key).await?;
        let policy = &task.task.definition.policy;
        if request.limiter.is_some() || policy.concurrency.is_some() || policy.rate.is_some() {
            let name = &task.task.definition.name;
            let message = format!(
                "request {} has a limit of its own or one of the task `{name}`, and a job has only \
                 one; leave `max_parallel` out",
                place + 1
            );
            return Err(Error::invalid(message).with_reason("batch.invalid_limit"));
        }
        request.limiter =
            Some(Limiter { key: format!("batch:{id}"), concurrency: Some(most), rate: None });
    }
    Ok(())
}

/// Waits for all, and cancels what is not to run any more.
async fn follow(
    shared: Arc<Shared>,
    jobs: Vec<Id>,
    stop_on_error: bool,
    timeout_ms: Option<u64>,
) -> Result<()> {
    let end = timeout_ms.and_then(|ms| Instant::now().checked_add(Duration::from_millis(ms)));
    let mut open: FuturesUnordered<_> =
        jobs.iter().map(|job| engine::wait_for(&shared, *job)).collect();
    let over = async {
        match end {
            Some(end) => tokio::time::sleep_until(end).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(over);
    let (mut stopped, mut late) = (false, false);
    loop {
        tokio::select! {
            ended = open.next() => match ended {
                None => return Ok(()),
                Some(job) => {
                    let failed = job?.status != JobStatus::Completed;
                    if failed && stop_on_error && !stopped {
                        stopped = true;
                        let unbegun = |job: &Job| unbegun(&shared, job);
                        give_up(&shared, &jobs, "another job of its batch failed", unbegun).await?;
                    }
                }
            },
            () = &mut over, if !late => {
                late = true;
                give_up(&shared, &jobs, "the time of its batch is over", |_| true).await?;
            }
        }
    }
}

/// Whether a job waits, or has been taken but not begun by this host.
fn unbegun(shared: &Shared, job: &Job) -> bool {
    let held = || shared.dispatch().is_some_and(|dispatch| dispatch.holds(job.execution));
    job.status == JobStatus::Queued || held()
}

async fn give_up(
    shared: &Arc<Shared>,
    jobs: &[Id],
    why: &str,
    which: impl Fn(&Job) -> bool,
) -> Result<()> {
    let store = shared.stores.jobs()?;
    for job in jobs {
        let job = store.get(Key::Id(*job)).await?;
        if !job.status.is_final() && which(&job) {
            // An error means that it has ended meanwhile.
            let _ = queue::cancel(shared, Key::Id(job.id), Some(why.to_owned())).await;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(count: usize) -> Vec<JobRequest> {
        vec![JobRequest { task: "sum".into(), ..JobRequest::default() }; count]
    }

    #[test]
    fn one_after_the_other_is_a_chain() {
        let mut chained = requests(3);
        chain(&mut chained, true);
        assert_eq!(chained[0].depends_on, Vec::<String>::new());
        assert_eq!(chained[2].depends_on, ["#1"]);
        assert!(!chained[2].runs_after_failure);
        chain(&mut chained, false);
        assert!(chained[2].runs_after_failure);
    }

    #[test]
    fn dependencies_need_a_mode_that_goes_by_them() {
        let mut dependent = requests(2);
        dependent[1].depends_on = vec!["a".into()];
        let error = without_dependencies(&dependent, "parallel").unwrap_err();
        assert!(error.message.starts_with("request 2 "), "{error}");
        assert!(without_dependencies(&requests(2), "parallel").is_ok());
    }

    #[test]
    fn where_order_decides_priorities_are_alike() {
        let mut mixed = requests(3);
        mixed[1].priority = Some(Priority::High);
        level(&mut mixed);
        assert!(mixed.iter().all(|request| request.priority == Some(Priority::High)));
    }
}
