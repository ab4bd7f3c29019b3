//! What people do with jobs: cancel, replay, change, clear away, pause.

use ratchet_plugin_api::model::{Id, Json, Key, Pause, Priority};
use ratchet_plugin_api::services::{Change, ClearJobs, JobPatch};
use ratchet_plugin_api::{Code, Error, Result};
use sea_orm::Value;
use uuid::Uuid;

use super::code::{
    CANCELLED, COMPLETED, Fault, QUEUED, Spec, id, micros, priority, priority_of, rank, raw,
};
use super::ending::{Unbegun, end_waiting};
use super::facts::{Hot, hot_where};
use super::hold::job_changed;
use super::limiter::Ledger;
use super::record::status_of;
use crate::db::{Numbered, Rows, Tx, execute, execute_rows, get, query, query_one};
use crate::find::missing;

/// Ended jobs that are cleared away at once.
const CLEARED: i64 = 5000;

/// An ended job.
struct Ended {
    number: i64,
    id: Uuid,
    status: i64,
}

async fn open(tx: &Tx, key: &Key) -> Result<Option<Hot>> {
    let (condition, value): (_, Value) = match key {
        Key::Id(id) => ("id = $1", raw(*id).into()),
        Key::Number(number) => ("number = $1", (*number).into()),
        Key::Name(_) => return Ok(None),
    };
    Ok(hot_where(tx, condition, [value]).await?.pop())
}

async fn ended(tx: &Tx, key: &Key) -> Result<Ended> {
    let (condition, value): (_, Value) = match key {
        Key::Id(id) => ("id = $1", raw(*id).into()),
        Key::Number(number) => ("number = $1", (*number).into()),
        Key::Name(name) => {
            let message = format!("there is no job `{name}`; give its id or its number");
            return Err(Error::not_found(message).with_reason("job.not_found"));
        }
    };
    let sql = format!("SELECT number, id, status FROM job_history WHERE {condition} {{lock}}");
    let row = query_one(tx, &sql, [value]).await?.ok_or_else(|| missing("job", key, None))?;
    Ok(Ended { number: get(&row, 0)?, id: get(&row, 1)?, status: get(&row, 2)? })
}

/// The job that has not ended.
async fn open_job(tx: &Tx, key: &Key) -> Result<Hot> {
    if let Some(hot) = open(tx, key).await? {
        return Ok(hot);
    }
    let status = status_of(ended(tx, key).await?.status);
    let message = format!("the job {key} has ended: it is {status}");
    Err(Error::new(Code::Conflict, message).with_reason("job.ended"))
}

/// Gives a job up.
pub(super) async fn cancel(tx: &Tx, key: &Key, reason: Option<String>) -> Result<Id> {
    let hot = open_job(tx, key).await?;
    let job = id(hot.id);
    end_or_ask(tx, hot, reason).await?;
    Ok(job)
}

/// Gives a job up, if it has not ended.
pub(crate) async fn give_up(tx: &Tx, job: Id, reason: Option<String>) -> Result<()> {
    match open(tx, &Key::Id(job)).await? {
        Some(hot) => end_or_ask(tx, hot, reason).await,
        None => Ok(()),
    }
}

async fn end_or_ask(tx: &Tx, hot: Hot, reason: Option<String>) -> Result<()> {
    if hot.had() {
        let sql = "UPDATE jobs SET cancelling = TRUE, cancel_reason = $2 WHERE number = $1";
        let reason = Value::String(reason.map(|reason| reason.replace('\0', "")));
        execute(tx, sql, [hot.number.into(), reason]).await?;
        tx.tell(Change::Cancel(id(hot.execution)));
        return Ok(());
    }
    let mut ledger = Ledger::default();
    let fault = Fault::cancelled(reason)?;
    end_waiting(tx, &mut ledger, vec![Unbegun { hot, status: CANCELLED, fault }]).await?;
    ledger.settle(tx).await
}

/// Makes a job that failed or was cancelled wait again from the beginning.
pub(super) async fn replay(tx: &Tx, key: &Key, input: Option<Json>) -> Result<Id> {
    let there = match open(tx, key).await? {
        Some(hot) => {
            let status = if hot.had() { "processing" } else { "waiting" };
            return Err(not_replayable(key, status));
        }
        None => ended(tx, key).await?,
    };
    if there.status == COMPLETED {
        return Err(not_replayable(key, status_of(there.status).as_str()));
    }
    let sql = "SELECT spec, max_retries, priority, unique_key FROM job_history WHERE number = $1";
    let row = query_one(tx, sql, [there.number.into()]).await?;
    let row = row.ok_or_else(|| missing("job", key, None))?;
    let spec = Spec::read(&get::<String>(&row, 0)?, get(&row, 1)?)?;
    let priority = priority_of(get(&row, 2)?);
    let expires_at = spec.lifetime_ms.map(|life| tx.now.saturating_add(micros(life)));
    if let Some(limiter) = &spec.limiter {
        let sql = "INSERT INTO limiters (key, concurrency, rate_count, rate_period_us) \
            VALUES ($1, $2, $3, $4) ON CONFLICT (key) DO NOTHING";
        let rate = limiter.rate;
        let values = [
            limiter.key.as_str().into(),
            Value::BigInt(limiter.concurrency.map(i64::from)),
            Value::BigInt(rate.map(|rate| i64::from(rate.count.max(1)))),
            Value::BigInt(rate.map(|rate| micros(rate.period_ms))),
        ];
        execute(tx, sql, values).await?;
    }
    if input.is_some() {
        // What was called with the former input says so from now on.
        let sql = "UPDATE executions SET input = (SELECT h.input FROM job_history h \
            WHERE h.number = $1) WHERE job = $1 AND input IS NULL";
        execute(tx, sql, [there.number.into()]).await?;
    }
    let numbers = tx.numbers(Numbered::Execution, 1).await?;
    // Held at first, until it is found out what holds it.
    let sql = format!(
        "INSERT INTO jobs (number, id, task, status, hold, priority, rank, queued_at, run_at, \
         expires_at, execution, execution_number, attempt, crashes, max_retries, limiter, \
         unique_key, batch, schedule, spec, metadata, input) \
         SELECT number, id, task, {QUEUED}, 2, priority, $2, queued_at, $3, $4, $5, $6, 0, 0, \
         max_retries, limiter, unique_key, batch, schedule, spec, metadata, \
         COALESCE($7, input) FROM job_history WHERE number = $1"
    );
    let values = [
        there.number.into(),
        rank(tx.now, priority).into(),
        tx.now.into(),
        Value::BigInt(expires_at),
        raw(Id::new()).into(),
        numbers.first().copied().unwrap_or_default().into(),
        Value::String(input.map(|input| input.as_str().to_owned())),
    ];
    execute(tx, &sql, values).await?;
    let sql = "DELETE FROM job_history WHERE number = $1";
    execute(tx, sql, [there.number.into()]).await?;
    if let Some(unique) = get::<Option<String>>(&row, 3)? {
        let sql = "INSERT INTO unique_keys (key, job) VALUES ($1, $2) ON CONFLICT (key) \
            DO UPDATE SET job = excluded.job, fingerprint = NULL, expires_at = NULL \
            WHERE unique_keys.expires_at <= $3";
        execute(tx, sql, [unique.into(), there.id.into(), tx.now.into()]).await?;
    }
    job_changed(tx, there.number).await?;
    Ok(id(there.id))
}

fn not_replayable(key: &Key, status: &str) -> Error {
    let message =
        format!("the job {key} is {status}; only one that failed or was cancelled can be replayed");
    Error::new(Code::Conflict, message).with_reason("job.not_replayable")
}

/// Changes a job that has not ended.
pub(super) async fn patch(tx: &Tx, key: &Key, patch: &JobPatch) -> Result<Id> {
    let hot = open_job(tx, key).await?;
    let wanted: Priority = patch.priority.unwrap_or_else(|| priority_of(hot.priority));
    let moved = patch.run_at.filter(|_| !hot.had()).map(|time| time.as_microseconds());
    let run_at = moved.unwrap_or(hot.run_at);
    let metadata = patch.metadata.as_ref().map(|metadata| metadata.as_str().to_owned());
    let sql = "UPDATE jobs SET priority = $2, run_at = $3, rank = $4, \
        max_retries = COALESCE($5, max_retries), metadata = COALESCE($6, metadata) \
        WHERE number = $1";
    let values = [
        hot.number.into(),
        priority(wanted).into(),
        run_at.into(),
        rank(run_at, wanted).into(),
        Value::BigInt(patch.max_retries.map(i64::from)),
        Value::String(metadata),
    ];
    execute(tx, sql, values).await?;
    if !hot.had() {
        job_changed(tx, hot.number).await?;
    }
    Ok(id(hot.id))
}

/// Removes some of the ended jobs that are asked for, with their executions; gives their number,
/// which is zero when there are no more.
pub(super) async fn clear_some(tx: &Tx, request: &ClearJobs) -> Result<u64> {
    let mut conditions = vec!["TRUE".to_owned()];
    let mut values: Vec<Value> = vec![CLEARED.into()];
    if let Some(open) = request.statuses.iter().find(|status| !status.is_final()) {
        let message = format!("only ended jobs can be cleared away, not those that are {open}");
        return Err(Error::invalid(message).with_reason("job.not_ended"));
    }
    if !request.statuses.is_empty() {
        let codes: Vec<String> =
            request.statuses.iter().map(|status| (*status as i64).to_string()).collect();
        conditions.push(format!("status IN ({})", codes.join(", ")));
    }
    if let Some(task) = request.task {
        values.push(raw(task).into());
        let place = values.len();
        conditions.push(format!("task = (SELECT number FROM tasks WHERE id = ${place})"));
    }
    if let Some(before) = request.before {
        values.push(before.as_microseconds().into());
        conditions.push(format!("finished_at < ${}", values.len()));
    }
    let sql = format!(
        "DELETE FROM job_history WHERE number IN (SELECT number FROM job_history \
         WHERE {} ORDER BY number LIMIT $1) RETURNING number, id",
        conditions.join(" AND ")
    );
    let rows = query(tx, &sql, values).await?;
    let numbers: Result<Vec<i64>> = rows.iter().map(|row| get(row, 0)).collect();
    let numbers = Rows::numbers(numbers?);
    for sql in [
        "DELETE FROM execution_log_chunks WHERE execution IN (SELECT e.id FROM ({rows}) r \
         CROSS JOIN executions e WHERE e.job = r.number)",
        "DELETE FROM deliveries WHERE job IN (SELECT r.number FROM ({rows}) r)",
        "DELETE FROM executions WHERE job IN (SELECT r.number FROM ({rows}) r)",
    ] {
        execute_rows(tx, sql, &numbers, &[]).await?;
    }
    Ok(rows.len() as u64)
}

/// Holds the whole queue back, or lets it go on.
pub(super) async fn pause(tx: &Tx, pause: Option<&Pause>) -> Result<()> {
    let since = pause.map(|pause| pause.since.map_or(tx.now, |since| since.as_microseconds()));
    let until = pause.and_then(|pause| pause.until).map(|until| until.as_microseconds());
    let reason = pause.and_then(|pause| pause.reason.clone());
    let sql = "UPDATE queue_control SET paused = $1, paused_since = $2, paused_until = $3, \
        pause_reason = $4 WHERE id = 1";
    let reason = Value::String(reason.map(|reason| reason.replace('\0', "")));
    let values = [pause.is_some().into(), Value::BigInt(since), Value::BigInt(until), reason];
    execute(tx, sql, values).await?;
    tx.tell(Change::Ready);
    Ok(())
}
