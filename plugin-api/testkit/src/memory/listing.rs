//! Lists of jobs and executions: their fields.

use ratchet_plugin_api::Result;
use ratchet_plugin_api::model::{
    Execution, ExecutionStatus, Hold, Job, JobStatus, ListQuery, Listing, Priority, Timestamp,
};

use super::query::{Field, Kind, Value, select, words};
use super::settle::present_execution;
use super::state::State;

/// A thing, and the present time that some of its fields depend on.
type At<T> = (T, Timestamp);

/// Retries a job has used.
fn used(job: &Job) -> i64 {
    let begun = i64::from(job.attempt) - i64::from(job.crashes);
    (begun - 1).max(0)
}

const JOB_FIELDS: &[Field<At<Job>>] = &[
    Field { name: "id", kind: Kind::Id, get: |(job, _)| Value::Id(job.id) },
    Field { name: "number", kind: Kind::Number, get: |(job, _)| Value::whole(job.number) },
    Field { name: "task", kind: Kind::Id, get: |(job, _)| Value::Id(job.task) },
    Field {
        name: "task_name",
        kind: Kind::Text,
        get: |(job, _)| Value::Text(job.task_name.clone()),
    },
    Field {
        name: "status",
        kind: words!(JobStatus),
        get: |(job, _)| Value::Word(job.status as usize, job.status.as_str()),
    },
    Field {
        name: "hold",
        kind: words!(Hold),
        get: |(job, _)| Value::Word(job.hold as usize, job.hold.as_str()),
    },
    Field {
        name: "priority",
        kind: words!(Priority),
        get: |(job, _)| Value::Word(job.priority as usize, job.priority.as_str()),
    },
    Field { name: "batch", kind: Kind::Id, get: |(job, _)| Value::option(job.batch, Value::Id) },
    Field {
        name: "schedule",
        kind: Kind::Id,
        get: |(job, _)| Value::option(job.schedule, Value::Id),
    },
    Field {
        name: "unique_key",
        kind: Kind::Text,
        get: |(job, _)| Value::option(job.unique_key.clone(), Value::Text),
    },
    Field { name: "queued_at", kind: Kind::Time, get: |(job, _)| Value::Time(job.queued_at) },
    Field { name: "run_at", kind: Kind::Time, get: |(job, _)| Value::Time(job.run_at) },
    Field {
        name: "started_at",
        kind: Kind::Time,
        get: |(job, _)| Value::option(job.started_at, Value::Time),
    },
    Field {
        name: "finished_at",
        kind: Kind::Time,
        get: |(job, _)| Value::option(job.finished_at, Value::Time),
    },
    Field { name: "attempt", kind: Kind::Number, get: |(job, _)| Value::number(job.attempt) },
    Field {
        name: "retries_left",
        kind: Kind::Number,
        get: |(job, _)| Value::whole((i64::from(job.retry.max_retries) - used(job)).max(0)),
    },
    Field {
        name: "max_retries",
        kind: Kind::Number,
        get: |(job, _)| Value::number(job.retry.max_retries),
    },
    Field {
        name: "has_retries_remaining",
        kind: Kind::Truth,
        get: |(job, _)| Value::Truth(i64::from(job.retry.max_retries) > used(job)),
    },
    Field {
        name: "has_error",
        kind: Kind::Truth,
        get: |(job, _)| Value::Truth(job.error.is_some()),
    },
    Field {
        name: "error_message",
        kind: Kind::Text,
        get: |(job, _)| Value::option(job.error.as_ref(), |e| Value::Text(e.message.clone())),
    },
    Field {
        name: "is_scheduled",
        kind: Kind::Truth,
        get: |(job, _)| Value::Truth(job.schedule.is_some()),
    },
    Field {
        name: "due_now",
        kind: Kind::Truth,
        get: |(job, now)| {
            let waits = matches!(job.status, JobStatus::Queued | JobStatus::Retrying);
            Value::Truth(waits && job.run_at <= *now)
        },
    },
];

const EXECUTION_FIELDS: &[Field<Execution>] = &[
    Field { name: "id", kind: Kind::Id, get: |it| Value::Id(it.id) },
    Field { name: "number", kind: Kind::Number, get: |it| Value::whole(it.number) },
    Field { name: "job", kind: Kind::Id, get: |it| Value::option(it.job, Value::Id) },
    Field { name: "task", kind: Kind::Id, get: |it| Value::Id(it.task) },
    Field { name: "task_name", kind: Kind::Text, get: |it| Value::Text(it.task_name.clone()) },
    Field {
        name: "status",
        kind: words!(ExecutionStatus),
        get: |it| Value::Word(it.status as usize, it.status.as_str()),
    },
    Field { name: "attempt", kind: Kind::Number, get: |it| Value::number(it.attempt) },
    Field { name: "queued_at", kind: Kind::Time, get: |it| Value::Time(it.queued_at) },
    Field {
        name: "started_at",
        kind: Kind::Time,
        get: |it| Value::option(it.started_at, Value::Time),
    },
    Field {
        name: "finished_at",
        kind: Kind::Time,
        get: |it| Value::option(it.finished_at, Value::Time),
    },
    Field {
        name: "duration_ms",
        kind: Kind::Number,
        get: |it| Value::option(it.duration_us, |us| Value::Number(us as f64 / 1000.0)),
    },
    Field {
        name: "progress",
        kind: Kind::Number,
        get: |it| Value::option(it.progress.as_ref(), |progress| Value::Number(progress.fraction)),
    },
    Field {
        name: "has_progress",
        kind: Kind::Truth,
        get: |it| Value::Truth(it.progress.is_some()),
    },
    Field { name: "has_error", kind: Kind::Truth, get: |it| Value::Truth(it.error.is_some()) },
    Field {
        name: "error_message",
        kind: Kind::Text,
        get: |it| Value::option(it.error.as_ref(), |e| Value::Text(e.message.clone())),
    },
    Field {
        name: "error_class",
        kind: Kind::Text,
        get: |it| Value::option(it.error.as_ref(), |e| Value::Text(e.class.clone())),
    },
    Field {
        name: "can_retry",
        kind: Kind::Truth,
        get: |it| {
            let ended = matches!(it.status, ExecutionStatus::Failed | ExecutionStatus::Cancelled);
            Value::Truth(it.job.is_some() && ended)
        },
    },
    Field {
        name: "can_cancel",
        kind: Kind::Truth,
        get: |it| {
            let goes_on = matches!(it.status, ExecutionStatus::Pending | ExecutionStatus::Running);
            Value::Truth(goes_on)
        },
    },
];

pub(super) fn list_jobs(state: &State, query: &ListQuery) -> Result<Listing<Job>> {
    let all = state.open.values().chain(state.ended.values());
    let all = all.map(|row| (row.job.clone(), state.now));
    let found = select(all, query, JOB_FIELDS, |(job, _)| job.number)?;
    let items = found.items.into_iter().map(|(job, _)| job).collect();
    Ok(Listing { items, total: found.total })
}

pub(super) fn list_executions(state: &State, query: &ListQuery) -> Result<Listing<Execution>> {
    let present = state.open.values().map(present_execution);
    let all = present.chain(state.executions.values().cloned());
    let mut found = select(all, query, EXECUTION_FIELDS, |execution| execution.number)?;
    for execution in &mut found.items {
        execution.http.clear();
    }
    Ok(found)
}
