//! Running one attempt.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ratchet_plugin_api::model::{
    EventKind, ExecutionStatus, FailureKind, FetchPolicy, Id, JobStatus, Json, NewDelivery,
    Outcome, RunReport, RunRequest, Schemas,
};
use ratchet_plugin_api::services::{ClaimedJob, JsRuntime, Settlement, Verdict};
use ratchet_plugin_api::{Call, Code, Error, Result, did_you_mean, nearest};
use tokio::sync::oneshot;

use super::backlog::{Begun, Held, Stop};
use super::failure::{CallFailure, cancelled, of_call, out_of_lifetime, task_error};
use super::follow::Follow;
use crate::events::Subject;
use crate::retry::{Attempt, random};
use crate::shared::Shared;
use crate::tasks::KnownTask;

/// What became of an attempt.
pub(crate) struct Ran {
    /// What is to be settled; none if this host has lost the job.
    pub(crate) settlement: Option<Unsettled>,
    /// How long the task itself ran; none if it did not.
    pub(crate) lasted: Option<Duration>,
    /// Why it was not begun, for want of a worker.
    pub(crate) unbegun: Option<Error>,
    /// Whether its worker was lost.
    pub(crate) worker_lost: bool,
}

/// A settlement on its way.
pub(crate) struct Unsettled {
    pub(crate) settlement: Settlement,
    pub(crate) began: Instant,
    pub(crate) subject: Subject,
}

impl Unsettled {
    /// The settlement of a job that does not run.
    pub(crate) fn without_run(host: Id, held: &Held, verdict: Verdict) -> Self {
        let claim = &held.claim;
        let deliveries = deliveries(claim, &verdict);
        Self {
            settlement: Settlement {
                host,
                job: claim.job,
                execution: claim.execution,
                verdict,
                task_version: None,
                began_ms_ago: None,
                duration_us: 0,
                logs: Vec::new(),
                logs_dropped: 0,
                http: Vec::new(),
                deliveries,
            },
            began: held.since,
            subject: subject(claim),
        }
    }
}

/// What the events of a claimed job are about.
pub(crate) fn subject(claim: &ClaimedJob) -> Subject {
    Subject { task: claim.task, job: claim.job, execution: claim.execution }
}

/// How an attempt ended.
enum End {
    Reported(RunReport),
    Failed(Error),
    Stopped(Stop),
}

/// Runs one attempt to its end, or until it is told to stop.
pub(crate) async fn run(shared: &Shared, host: Id, begun: Begun) -> Ran {
    let Begun { held, stop } = begun;
    let ran = |verdict| Ran {
        settlement: Some(Unsettled::without_run(host, &held, verdict)),
        lasted: None,
        unbegun: None,
        worker_lost: false,
    };
    let passed = u64::try_from(held.since.elapsed().as_millis()).unwrap_or(u64::MAX);
    let lifetime_ms = held.claim.lifetime_left_ms.map(|left| left.saturating_sub(passed));
    if lifetime_ms == Some(0) {
        return ran(Verdict::Failed(out_of_lifetime()));
    }
    let claim = &held.claim;
    let task = match shared.tasks.version(&shared.stores, claim.task, &claim.checksum).await {
        Ok(task) => task,
        Err(error) if error.code == Code::NotFound => {
            let message = format!("the task {} was removed", claim.task);
            return ran(Verdict::Failed(task_error(FailureKind::Other, "TaskRemoved", message)));
        }
        Err(error) => {
            return Ran { unbegun: Some(error), ..ran(Verdict::Released) };
        }
    };
    let attempt = Attempt {
        policy: &claim.retry,
        number: claim.attempt,
        crashes: claim.crashes,
        lifetime_left_ms: lifetime_ms,
    };
    let runtime = match runtime(shared, &task) {
        Ok(runtime) => runtime,
        Err(error) => {
            let error = task_error(FailureKind::Other, "RuntimeMissing", error.message);
            return ran(attempt.verdict(error, random()));
        }
    };
    tell_begun(shared, claim);
    let request = request(shared, claim, &task, lifetime_ms);
    let wall_ms = request.limits.wall_ms;
    let began = Instant::now();
    let mut follow = Follow::new(shared, subject(claim));
    let end = follow_until(shared, &mut follow, &*runtime, request, stop).await;
    let lasted = began.elapsed();
    // Where the job's own time is the shortest limit, it is over with the attempt.
    let last_chance = lifetime_ms.is_some_and(|left| wall_ms >= left);
    let left = |ms: u64| ms.saturating_sub(lasted.as_millis() as u64);
    let attempt = Attempt { lifetime_left_ms: lifetime_ms.map(left), ..attempt };
    let mut duration = lasted;
    let (mut unbegun, mut worker_lost) = (None, false);
    let verdict = match end {
        End::Stopped(Stop::Forget) => {
            return Ran { settlement: None, lasted: None, unbegun, worker_lost };
        }
        End::Stopped(Stop::Release) => Verdict::Released,
        End::Stopped(Stop::Cancel(reason)) => Verdict::Cancelled(cancelled(reason)),
        End::Reported(report) => {
            duration = Duration::from_micros(report.elapsed_us);
            match report.outcome {
                Outcome::Completed(output) => Verdict::Completed(output),
                Outcome::Failed(error) if error.kind == FailureKind::TimeLimit && last_chance => {
                    Verdict::Failed(out_of_lifetime())
                }
                Outcome::Failed(error) => attempt.verdict(error, random()),
            }
        }
        End::Failed(error) => match of_call(error, wall_ms) {
            CallFailure::Attempt(error) if error.kind == FailureKind::TimeLimit && last_chance => {
                Verdict::Failed(out_of_lifetime())
            }
            CallFailure::Attempt(error) => {
                worker_lost = error.kind == FailureKind::WorkerLost;
                attempt.verdict(error, random())
            }
            CallFailure::NotBegun(error) => {
                unbegun = Some(error);
                Verdict::Released
            }
        },
    };
    let (logs, logs_dropped, http) = follow.rest().await;
    let mut unsettled = Unsettled::without_run(host, &held, verdict);
    unsettled.began = began;
    let settlement = &mut unsettled.settlement;
    settlement.task_version = Some(task.task.definition.version.clone());
    settlement.began_ms_ago = Some(0);
    settlement.duration_us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    (settlement.logs, settlement.logs_dropped, settlement.http) = (logs, logs_dropped, http);
    Ran { settlement: Some(unsettled), lasted: Some(lasted), unbegun, worker_lost }
}

/// Follows a run within its time. Dropping the call is what stops a running task.
async fn follow_until(
    shared: &Shared,
    follow: &mut Follow<'_>,
    runtime: &dyn JsRuntime,
    request: RunRequest,
    stop: oneshot::Receiver<Stop>,
) -> End {
    let execution = request.execution;
    let wall = Duration::from_millis(request.limits.wall_ms);
    let deadline = wall.saturating_add(shared.config.execution.grace());
    let running = Call::timeout(deadline, follow.run(runtime, request));
    tokio::select! {
        biased;
        // The other end is only dropped once the run is over.
        Ok(stop) = stop => End::Stopped(stop),
        ended = Call::root().for_execution(execution).scope(running) => match ended {
            Ok(report) => End::Reported(report),
            Err(error) => End::Failed(error),
        },
    }
}

fn request(
    shared: &Shared,
    claim: &ClaimedJob,
    task: &KnownTask,
    lifetime_ms: Option<u64>,
) -> RunRequest {
    let execution = &shared.config.execution;
    let definition = &task.task.definition;
    let own = claim.timeout_ms.unwrap_or(u64::MAX).min(lifetime_ms.unwrap_or(u64::MAX));
    let version = serde_json::Value::from(definition.version.as_str());
    // Ids need no escaping.
    let context = format!(
        r#"{{"executionId":"{}","taskId":"{}","taskVersion":{version},"jobId":"{}"}}"#,
        claim.execution, claim.task, claim.job,
    );
    RunRequest {
        execution: claim.execution,
        program: definition.program.clone(),
        input: claim.input.clone(),
        context: Some(Json::from_trusted(context)),
        schemas: if execution.validate_schemas {
            definition.schemas.clone()
        } else {
            Schemas::default()
        },
        limits: execution.limits(&definition.policy, Some(own)),
        fetch: FetchPolicy::Live,
    }
}

/// The runtime for a task: the one it names, else that of the configuration, else the only one.
fn runtime(shared: &Shared, task: &KnownTask) -> Result<Arc<dyn JsRuntime>> {
    let wanted = [&task.task.definition.policy.runtime, &shared.config.execution.runtime];
    let name = wanted.into_iter().flatten().next().map(String::as_str);
    shared.runtimes.get(&shared.context, name).map_err(|error| {
        if error.code != Code::Gone {
            return error;
        }
        let present = shared.context.all::<dyn JsRuntime>();
        let names: Vec<&str> = present.iter().map(|(name, _)| name.as_str()).collect();
        let there = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        let (called, hint) = match name {
            Some(name) => {
                let hint = did_you_mean(nearest(name, names.iter().copied()));
                (format!(" called `{name}`"), hint)
            }
            None => Default::default(),
        };
        Error::invalid(format!(
            "there is no JavaScript runtime{called} here; there is: {there}{hint}"
        ))
    })
}

fn tell_begun(shared: &Shared, claim: &ClaimedJob) {
    let subject = subject(claim);
    shared.bus.tell_once(subject, JobStatus::Processing);
    shared.bus.tell(subject, EventKind::Execution(ExecutionStatus::Running));
}

/// The deliveries that the end of a job asks for. One that was given up has no result.
fn deliveries(claim: &ClaimedJob, verdict: &Verdict) -> Vec<NewDelivery> {
    match verdict {
        Verdict::Completed(_) | Verdict::Failed(_) => {
            let new = |destination: &_| NewDelivery {
                id: Id::new(),
                destination: Clone::clone(destination),
            };
            claim.outputs.iter().map(new).collect()
        }
        _ => Vec::new(),
    }
}
