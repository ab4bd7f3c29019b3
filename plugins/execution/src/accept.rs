//! Taking jobs in: what is asked for is decided, checked, and made durable.

use std::sync::Arc;

use ratchet_plugin_api::model::{Hold, Id, Job, JobStatus, Key, NewJob, Timestamp};
use ratchet_plugin_api::services::{
    AcceptJobs, Acceptance, Answer, ClaimedJob, JobRequest, Submitted,
};
use ratchet_plugin_api::{Error, Result};

use crate::graph::{Dependency, Graph, name};
use crate::request::{Prepared, prepare};
use crate::shared::Shared;
use crate::tasks::KnownTask;

/// Accepts one job.
///
/// # Errors
/// Those of `JobQueue::submit`.
pub(crate) async fn submit(shared: &Arc<Shared>, request: JobRequest) -> Result<Submitted> {
    if !request.depends_on.is_empty() {
        let answers = submit_many(shared, vec![request], false, None).await?;
        return match answers.into_iter().next() {
            Some(Answer::Submitted(submitted)) => Ok(*submitted),
            Some(Answer::Refused(error)) => Err(error),
            None => Err(no_answer()),
        };
    }
    let Prepared { job, task } = prepare(shared, request).await?;
    let kept = job.clone();
    let acceptance = accept(shared, vec![job], false).await?.pop().ok_or_else(no_answer)?;
    submitted(shared, kept, &task, acceptance).await
}

/// Accepts many, in one transaction: all or, unless `atomic`, those that can be.
///
/// # Errors
/// With `atomic`, the first refusal, naming its place; without, what is wrong with all of them.
pub(crate) async fn submit_many(
    shared: &Arc<Shared>,
    requests: Vec<JobRequest>,
    atomic: bool,
    batch: Option<Id>,
) -> Result<Vec<Answer>> {
    let graph = Graph::of(&requests)?;
    let batch = batch.or_else(|| (requests.len() > 1).then(Id::new));
    let mut answers: Vec<Option<Answer>> = vec![None; requests.len()];
    let mut ready: Vec<Option<Prepared>> = Vec::new();
    ready.resize_with(requests.len(), || None);
    for &place in &graph.order {
        let depends_on = dependencies(shared, &graph, place, &ready).await;
        let prepared = match depends_on {
            Ok(depends_on) => prepare(shared, requests[place].clone()).await.map(|mut prepared| {
                (prepared.job.depends_on, prepared.job.batch) = (depends_on, batch);
                prepared
            }),
            Err(error) => Err(error),
        };
        match prepared {
            Ok(prepared) => ready[place] = Some(prepared),
            Err(error) if atomic => return Err(placed(error, &requests, place)),
            Err(error) => answers[place] = Some(Answer::Refused(error)),
        }
    }
    let places: Vec<usize> =
        graph.order.iter().copied().filter(|place| ready[*place].is_some()).collect();
    let taken: Vec<Prepared> =
        places.iter().filter_map(|place| std::mem::take(&mut ready[*place])).collect();
    if !taken.is_empty() {
        let jobs = taken.iter().map(|prepared| prepared.job.clone()).collect();
        let acceptances = accept(shared, jobs, atomic).await?;
        for ((place, prepared), acceptance) in places.into_iter().zip(taken).zip(acceptances) {
            let Prepared { job, task } = prepared;
            answers[place] = Some(match submitted(shared, job, &task, acceptance).await {
                Ok(submitted) => Answer::Submitted(Box::new(submitted)),
                Err(error) => Answer::Refused(error),
            });
        }
    }
    Ok(answers.into_iter().map(|answer| answer.unwrap_or(Answer::Refused(no_answer()))).collect())
}

/// The ids of what a request depends on.
async fn dependencies(
    shared: &Shared,
    graph: &Graph,
    place: usize,
    ready: &[Option<Prepared>],
) -> Result<Vec<Id>> {
    let mut ids = Vec::new();
    for dependency in &graph.dependencies[place] {
        ids.push(match dependency {
            Dependency::Job(Key::Id(id)) => *id,
            Dependency::Job(key) => shared.stores.jobs()?.get(key.clone()).await?.id,
            Dependency::Request(other) => match &ready[*other] {
                Some(prepared) => prepared.job.id,
                None => {
                    let message = format!("it depends on request {}, which was refused", other + 1);
                    return Err(Error::invalid(message).with_reason("batch.dependency_refused"));
                }
            },
        });
    }
    Ok(ids)
}

fn placed(error: Error, requests: &[JobRequest], place: usize) -> Error {
    let at = format!("{} of {}", name(requests, place), requests.len());
    let mut error = error;
    error.message = format!("{at}: {}", error.message);
    error
}

/// Makes jobs durable. Where places are free in this process and nothing waits for them, the jobs
/// are this host's from the start.
async fn accept(shared: &Arc<Shared>, jobs: Vec<NewJob>, atomic: bool) -> Result<Vec<Acceptance>> {
    let count = jobs.len();
    let dispatch = shared.dispatch().filter(|dispatch| dispatch.reserve(count)).cloned();
    let limit = shared.config.queue.max_queue_size;
    let max_waiting = (limit > 0).then_some(limit);
    let Some(dispatch) = dispatch else {
        let request = AcceptJobs { jobs, atomic, claim_for: None, max_waiting };
        return shared.stores.jobs()?.accept(request).await;
    };
    let request = AcceptJobs { jobs, atomic, claim_for: Some(dispatch.host()), max_waiting };
    let shared = Arc::clone(shared);
    // On its own, because jobs that were given to this host must reach it also when whoever asked
    // for them is gone.
    let accepting = tokio::spawn(async move {
        let accepted = async { shared.stores.jobs()?.accept(request).await }.await;
        let given = accepted.iter().flatten().filter_map(claim_of).cloned().collect();
        dispatch.accepted(given, count).await;
        accepted
    });
    accepting
        .await
        .map_err(|error| Error::internal(format!("accepting was broken off: {error}")))?
}

fn claim_of(acceptance: &Acceptance) -> Option<&ClaimedJob> {
    match acceptance {
        Acceptance::Accepted { claim, .. } => claim.as_deref(),
        _ => None,
    }
}

/// What the maker of a job is told.
async fn submitted(
    shared: &Shared,
    job: NewJob,
    task: &KnownTask,
    acceptance: Acceptance,
) -> Result<Submitted> {
    let stored = async |id| shared.stores.jobs()?.get(Key::Id(id)).await;
    match acceptance {
        Acceptance::Refused(error) => Err(error),
        Acceptance::Duplicate(id) => Ok(Submitted { job: stored(id).await?, duplicate: true }),
        Acceptance::Accepted { number, execution, run_at, claim } => {
            let by_itself = job.depends_on.is_empty() && job.limiter.is_none();
            let job = match (claim, by_itself) {
                (None, false) => stored(job.id).await?,
                (claim, _) => {
                    let host = claim.and(shared.dispatch()).map(|dispatch| dispatch.host());
                    as_accepted(job, task, number, execution, run_at, host)
                }
            };
            if job.status == JobStatus::Queued {
                shared.bus.tell_once((&job).into(), job.status);
            }
            Ok(Submitted { job, duplicate: false })
        }
    }
}

/// A job as the store keeps it, told from what was accepted: nothing but a pause and the time can
/// hold it.
fn as_accepted(
    new: NewJob,
    task: &KnownTask,
    number: i64,
    execution: Id,
    run_at: Timestamp,
    host: Option<Id>,
) -> Job {
    let later = new.delay_ms > 0 || new.not_before.is_some();
    let queued_at = if later { Timestamp::now().min(run_at) } else { run_at };
    let hold = match host {
        Some(_) => Hold::None,
        None if later && run_at > queued_at => Hold::NotBefore,
        None if task.task.paused.is_some() => Hold::TaskPaused,
        None => Hold::None,
    };
    let lifetime = new.lifetime_ms.map(std::time::Duration::from_millis);
    Job {
        id: new.id,
        number,
        task: new.task,
        task_name: task.task.definition.name.clone(),
        status: if host.is_some() { JobStatus::Processing } else { JobStatus::Queued },
        hold,
        priority: new.priority,
        input: new.input,
        execution,
        attempt: u32::from(host.is_some()),
        crashes: 0,
        retry: new.retry,
        timeout_ms: new.timeout_ms,
        limiter: new.limiter,
        unique_key: new.unique.map(|unique| unique.key),
        waits_for: Vec::new(),
        batch: new.batch,
        schedule: new.schedule,
        host,
        cancelling: false,
        error: None,
        output: None,
        outputs: new.outputs,
        metadata: new.metadata,
        queued_at,
        run_at,
        expires_at: lifetime.map(|lifetime| run_at.after(lifetime)),
        started_at: host.is_some().then_some(queued_at),
        finished_at: None,
    }
}

fn no_answer() -> Error {
    Error::internal("the store gave no answer for the job")
}
