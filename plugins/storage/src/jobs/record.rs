//! Jobs as their users see them.

use std::collections::HashMap;

use ratchet_plugin_api::Result;
use ratchet_plugin_api::model::{Hold, Id, Job, JobStatus, Json, Key, ListQuery, Listing};
use sea_orm::{ConnectionTrait, QueryResult};
use uuid::Uuid;

use super::code::{HAD, Spec, id, priority_of};
use crate::db::{Rows, get, query_rows};
use crate::find::{one, page};
use crate::list::fields::JOB_FIELDS;
use crate::list::{Arm, Source};
use crate::row::{column, document_option, id_option, json_option, time, time_option};

/// Jobs: those that have not ended, and those that have.
pub(crate) const JOBS: Source = Source {
    fields: JOB_FIELDS,
    arms: &[
        Arm {
            select: "x.number AS number, x.id AS id, t.id AS task, t.name AS task_name, \
                x.status AS status, x.hold AS hold, x.priority AS priority, \
                x.execution AS execution, x.attempt AS attempt, x.crashes AS crashes, \
                x.max_retries AS max_retries, x.unique_key AS unique_key, x.batch AS batch, \
                x.schedule AS schedule, x.host AS host, x.cancelling AS cancelling, \
                x.waiting_for AS waiting_for, x.error AS error, CAST(NULL AS TEXT) AS output, \
                x.spec AS spec, x.metadata AS metadata, x.input AS input, \
                x.queued_at AS queued_at, x.run_at AS run_at, x.expires_at AS expires_at, \
                x.started_at AS started_at, CAST(NULL AS BIGINT) AS finished_at",
            from: "jobs x LEFT JOIN tasks t ON t.number = x.task",
            filter: "",
            number: "x.number",
        },
        Arm {
            select: "x.number AS number, x.id AS id, t.id AS task, t.name AS task_name, \
                x.status AS status, CAST(0 AS BIGINT) AS hold, x.priority AS priority, \
                x.execution AS execution, x.attempt AS attempt, x.crashes AS crashes, \
                x.max_retries AS max_retries, x.unique_key AS unique_key, x.batch AS batch, \
                x.schedule AS schedule, CAST(NULL AS UUID) AS host, FALSE AS cancelling, \
                CAST(0 AS BIGINT) AS waiting_for, x.error AS error, \
                (SELECT e.output FROM executions e WHERE e.id = x.execution) AS output, \
                x.spec AS spec, x.metadata AS metadata, x.input AS input, \
                x.queued_at AS queued_at, x.run_at AS run_at, x.expires_at AS expires_at, \
                x.started_at AS started_at, x.finished_at AS finished_at",
            from: "job_history x LEFT JOIN tasks t ON t.number = x.task",
            filter: "",
            number: "x.number",
        },
    ],
};

/// The job with this key.
///
/// # Errors
/// `NotFound`.
pub(super) async fn job(connection: &impl ConnectionTrait, key: &Key) -> Result<Job> {
    let row = one(connection, &JOBS, "job", key).await?;
    let mut jobs = vec![read(&row)?];
    add_dependencies(connection, &mut jobs, [&row]).await?;
    Ok(jobs.remove(0))
}

/// The jobs that pass the query at this time, in microseconds.
pub(super) async fn jobs(
    connection: &impl ConnectionTrait,
    query: &ListQuery,
    now: i64,
) -> Result<Listing<Job>> {
    let listing = page(connection, &JOBS, query, now, read_waiting).await?;
    let (mut items, waiting): (Vec<Job>, Vec<bool>) = listing.items.into_iter().unzip();
    if waiting.contains(&true) {
        let numbers = items.iter().zip(waiting).filter(|(_, waits)| *waits);
        let numbers: Vec<i64> = numbers.map(|(job, _)| job.number).collect();
        fill_dependencies(connection, &mut items, numbers).await?;
    }
    Ok(Listing { items, total: listing.total })
}

fn read_waiting(row: &QueryResult) -> Result<(Job, bool)> {
    Ok((read(row)?, column::<i64>(row, "waiting_for")? > 0))
}

fn read(row: &QueryResult) -> Result<Job> {
    let small =
        |name| column::<i64>(row, name).map(|count| u32::try_from(count).unwrap_or_default());
    let spec = Spec::read(&column::<String>(row, "spec")?, column(row, "max_retries")?)?;
    Ok(Job {
        id: id(column(row, "id")?),
        number: column(row, "number")?,
        task: id(column(row, "task")?),
        task_name: column(row, "task_name")?,
        status: status_of(column(row, "status")?),
        hold: hold_of(column(row, "hold")?),
        priority: priority_of(column(row, "priority")?),
        input: Json::from_trusted(column::<String>(row, "input")?),
        execution: id(column(row, "execution")?),
        attempt: small("attempt")?,
        crashes: small("crashes")?,
        retry: spec.retry,
        timeout_ms: spec.timeout_ms,
        limiter: spec.limiter,
        unique_key: column(row, "unique_key")?,
        waits_for: Vec::new(),
        batch: id_option(row, "batch")?,
        schedule: id_option(row, "schedule")?,
        host: id_option(row, "host")?,
        cancelling: column(row, "cancelling")?,
        error: document_option(row, "error")?,
        output: json_option(row, "output")?,
        outputs: spec.outputs,
        metadata: json_option(row, "metadata")?.unwrap_or_default(),
        queued_at: time(row, "queued_at")?,
        run_at: time(row, "run_at")?,
        expires_at: time_option(row, "expires_at")?,
        started_at: time_option(row, "started_at")?,
        finished_at: time_option(row, "finished_at")?,
    })
}

/// The status of a number.
pub(super) fn status_of(code: i64) -> JobStatus {
    let place = usize::try_from(code).unwrap_or_default();
    JobStatus::ALL.get(place).copied().unwrap_or(JobStatus::Queued)
}

/// What holds a job, of a number. One that a host has is held by nothing.
pub(super) fn hold_of(code: i64) -> Hold {
    let place = usize::try_from(if code == HAD { 0 } else { code }).unwrap_or_default();
    Hold::ALL.get(place).copied().unwrap_or(Hold::None)
}

async fn add_dependencies<'a>(
    connection: &impl ConnectionTrait,
    jobs: &mut [Job],
    rows: impl IntoIterator<Item = &'a QueryResult>,
) -> Result<()> {
    let mut waiting = Vec::new();
    for row in rows {
        if column::<i64>(row, "waiting_for")? > 0 {
            waiting.push(column(row, "number")?);
        }
    }
    fill_dependencies(connection, jobs, waiting).await
}

/// Says of these jobs which others they wait for.
async fn fill_dependencies(
    connection: &impl ConnectionTrait,
    jobs: &mut [Job],
    waiting: Vec<i64>,
) -> Result<()> {
    let sql = "SELECT d.job, j.id FROM ({rows}) r JOIN job_dependencies d ON d.job = r.number \
        JOIN jobs j ON j.number = d.needs";
    let mut needs: HashMap<i64, Vec<Id>> = HashMap::new();
    for row in query_rows(connection, sql, &Rows::numbers(waiting), &[]).await? {
        needs.entry(get(&row, 0)?).or_default().push(id(get::<Uuid>(&row, 1)?));
    }
    for job in jobs {
        if let Some(mut waits_for) = needs.remove(&job.number) {
            waits_for.sort_unstable();
            job.waits_for = waits_for;
        }
    }
    Ok(())
}
