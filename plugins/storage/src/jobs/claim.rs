//! Claiming: a host gets the best of what is ready.

use std::collections::HashMap;

use ratchet_plugin_api::model::{Id, Json};
use ratchet_plugin_api::services::{ClaimJobs, ClaimedJob, Claims};
use ratchet_plugin_api::{Code, Error, Result};
use sea_orm::QueryResult;
use uuid::Uuid;

use super::code::{Spec, id, millis, priority_of, raw};
use super::facts::{living, tasks_by_number};
use super::hold::{Moments, let_due};
use super::limiter::Ledger;
use crate::db::{Rows, Tx, get, query, query_rows};

/// Jobs given at once at most.
const MOST: u32 = 10_000;

const TAKE: &str = "UPDATE jobs SET hold = 6, status = 1, host = $1, attempt = attempt + 1, \
    started_at = $2 WHERE number IN";

const TAKEN: &str = "RETURNING number, rank, id, execution, task, attempt, crashes, priority, \
    max_retries, expires_at, schedule, limiter, spec, input";

/// Gives each host what it asks for, and lets everything happen first that is due.
pub(crate) async fn claim(tx: &Tx, requests: &[&ClaimJobs]) -> Result<Vec<Result<Claims>>> {
    let living = living(tx, requests.iter().map(|request| request.host)).await?;
    let mut moments = Moments::read(tx).await?;
    if moments.any_due(tx.now) {
        let_due(tx, &moments).await?;
        moments = Moments::read(tx).await?;
    }
    let mut answers = Vec::with_capacity(requests.len());
    let mut limited = false;
    for request in requests {
        if !living.contains(&request.host) {
            let host = request.host;
            let message = format!("the host {host} has not entered or counts as dead");
            let error = Error::new(Code::Conflict, message).with_reason("host.expired");
            answers.push(Err(error));
            continue;
        }
        let jobs = match moments.pause {
            Some(_) => Vec::new(),
            None => {
                let rows = take_best(tx, request.host, request.max.min(MOST)).await?;
                limited |= rows.iter().any(|row| row.limiter.is_some());
                claimed(tx, rows).await?
            }
        };
        answers.push(Ok(Claims { jobs, next_due_ms: None }));
    }
    if limited {
        // What was given makes room under a rate, or the rate says when there will be.
        moments = Moments::read(tx).await?;
    }
    let next_due_ms = moments.next_ready(tx.now).map(|wait| millis(wait.saturating_add(999)));
    for answer in answers.iter_mut().flatten() {
        answer.next_due_ms = next_due_ms;
    }
    Ok(answers)
}

/// A row that was given, with what only the store needs.
pub(super) struct Taken {
    number: i64,
    rank: i64,
    task: i64,
    limiter: Option<String>,
    job: ClaimedJob,
}

async fn take_best(tx: &Tx, host: Id, max: u32) -> Result<Vec<Taken>> {
    if max == 0 {
        return Ok(Vec::new());
    }
    let sql = format!(
        "{TAKE} (SELECT number FROM jobs WHERE hold = 0 ORDER BY rank, number LIMIT $3 {{skip}}) \
         {TAKEN}"
    );
    let values = [raw(host).into(), tx.now.into(), i64::from(max).into()];
    taken(tx, query(tx, &sql, values).await?).await
}

/// Gives a host those of these jobs that are ready.
pub(super) async fn claim_numbers(
    tx: &Tx,
    host: Id,
    numbers: impl IntoIterator<Item = i64>,
) -> Result<Vec<Taken>> {
    let sql = format!("{TAKE} (SELECT r.number FROM ({{rows}}) r) AND hold = 0 {TAKEN}");
    let values = [raw(host).into(), tx.now.into()];
    let rows = query_rows(tx, &sql, &Rows::numbers(numbers), &values).await?;
    taken(tx, rows).await
}

async fn taken(tx: &Tx, rows: Vec<QueryResult>) -> Result<Vec<Taken>> {
    // Jobs of one kind mostly have the same, which then is read once.
    let mut last: Option<(String, Spec)> = None;
    let mut jobs = Vec::with_capacity(rows.len());
    for row in &rows {
        let (text, max_retries): (String, i64) = (get(row, 12)?, get(row, 8)?);
        let spec = match last.take() {
            Some((same, spec)) if same == text => spec.with_retries(max_retries),
            _ => Spec::read(&text, max_retries)?,
        };
        jobs.push(read(row, spec.clone(), tx.now)?);
        last = Some((text, spec));
    }
    jobs.sort_unstable_by_key(|job| (job.rank, job.number));
    let mut ledger = Ledger::default();
    for key in jobs.iter().filter_map(|job| job.limiter.as_deref()) {
        ledger.taken(key);
    }
    ledger.settle(tx).await?;
    Ok(jobs)
}

fn read(row: &QueryResult, spec: Spec, now: i64) -> Result<Taken> {
    let number = get(row, 0)?;
    let count = |column| get::<i64>(row, column).map(|value| u32::try_from(value).unwrap_or(0));
    let job = ClaimedJob {
        job: id(get(row, 2)?),
        number,
        execution: id(get(row, 3)?),
        task: Id::from_u128(0),
        checksum: String::new(),
        attempt: count(5)?,
        crashes: count(6)?,
        input: Json::from_trusted(get::<String>(row, 13)?),
        priority: priority_of(get(row, 7)?),
        retry: spec.retry,
        timeout_ms: spec.timeout_ms,
        lifetime_left_ms: get::<Option<i64>>(row, 9)?.map(|end| millis(end - now)),
        outputs: spec.outputs,
        schedule: get::<Option<Uuid>>(row, 10)?.map(id),
    };
    Ok(Taken { number, rank: get(row, 1)?, task: get(row, 4)?, limiter: get(row, 11)?, job })
}

/// What a host is told of jobs that it was given.
pub(super) async fn claimed(tx: &Tx, rows: Vec<Taken>) -> Result<Vec<ClaimedJob>> {
    let tasks: HashMap<i64, _> = tasks_by_number(tx, rows.iter().map(|row| row.task)).await?;
    let jobs = rows.into_iter().map(|row| {
        let task = tasks.get(&row.task);
        let task = task.ok_or_else(|| Error::internal("the task of a job is missing"))?;
        Ok(ClaimedJob { task: id(task.id), checksum: task.checksum.clone(), ..row.job })
    });
    jobs.collect()
}
