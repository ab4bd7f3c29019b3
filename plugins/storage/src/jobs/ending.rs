//! How attempts and jobs end, whoever ends them.

use std::collections::HashMap;

use ratchet_plugin_api::Result;
use ratchet_plugin_api::model::{FailureKind, HttpExchange, LogLine, NewDelivery};
use ratchet_plugin_api::services::Change;

use super::code::{
    CANCELLED, COMPLETED, FAILED, Fault, HAD, READY, RUN_CANCELLED, RUN_FAILED, id, raw,
};
use super::facts::{Hot, hot_by_number, tasks_by_number};
use super::limiter::Ledger;
use crate::db::{Cell, Kind, Numbered, Rows, Tx, execute_rows, get, query, query_one, query_rows};

/// An attempt that has ended.
#[derive(Default)]
pub(super) struct Attempt<'a> {
    /// Its job's number.
    pub(super) job: i64,
    /// Its id.
    pub(super) execution: uuid::Uuid,
    pub(super) status: i64,
    pub(super) output: Option<&'a str>,
    pub(super) fault: Option<&'a Fault>,
    pub(super) task_version: Option<&'a str>,
    pub(super) started_at: Option<i64>,
    pub(super) duration_us: Option<i64>,
    pub(super) http: &'a [HttpExchange],
    pub(super) logs: &'a [LogLine],
    pub(super) logs_dropped: u64,
    pub(super) deliveries: &'a [NewDelivery],
}

const ATTEMPT: &[(&str, Kind)] = &[
    ("job", Kind::Number),
    ("status", Kind::Number),
    ("task_version", Kind::Text),
    ("started_at", Kind::Number),
    ("duration_us", Kind::Number),
    ("logs_dropped", Kind::Number),
    ("error_class", Kind::Text),
    ("error_message", Kind::Text),
    ("error", Kind::Text),
    ("http", Kind::Text),
    ("output", Kind::Text),
];

/// Most is in the job's row already. An attempt that no host has had was not begun.
const RECORD: &str = "INSERT INTO executions (number, id, job, task, task_version, status, \
    attempt, host, queued_at, started_at, finished_at, duration_us, waited_us, progress, \
    progress_message, logs_dropped, error_class, error_message, error, http, output) \
    SELECT j.execution_number, j.execution, j.number, j.task, r.task_version, r.status, \
    CASE WHEN j.hold = 6 THEN j.attempt ELSE j.attempt + 1 END, j.host, j.queued_at, \
    CASE WHEN j.hold = 6 THEN COALESCE(r.started_at, j.started_at) END, $1, \
    CASE WHEN j.hold = 6 THEN COALESCE(r.duration_us, $1 - j.started_at) END, \
    CASE WHEN j.hold = 6 THEN j.started_at - j.run_at END, j.progress, j.progress_message, \
    r.logs_dropped, r.error_class, r.error_message, r.error, r.http, r.output \
    FROM ({rows}) r CROSS JOIN jobs j WHERE j.number = r.job";

/// Writes attempts into history while their jobs are still as they were, with their logs and the
/// deliveries they ask for.
pub(super) async fn record(tx: &Tx, attempts: &[Attempt<'_>]) -> Result<()> {
    let mut rows = Rows::new(ATTEMPT);
    for attempt in attempts {
        let http = match attempt.http {
            [] => None,
            exchanges => Some(serde_json::to_string(exchanges)?),
        };
        let fault = attempt.fault;
        rows.push([
            attempt.job.value(),
            attempt.status.value(),
            attempt.task_version.map(str::to_owned).value(),
            attempt.started_at.value(),
            attempt.duration_us.value(),
            i64::try_from(attempt.logs_dropped).unwrap_or(i64::MAX).value(),
            fault.map(|fault| fault.class.clone()).value(),
            fault.map(|fault| fault.message.clone()).value(),
            fault.map(|fault| fault.text.clone()).value(),
            http.value(),
            attempt.output.map(str::to_owned).value(),
        ]);
    }
    execute_rows(tx, RECORD, &rows, &[tx.now.into()]).await?;
    record_logs(tx, attempts).await?;
    record_deliveries(tx, attempts).await
}

async fn record_logs(tx: &Tx, attempts: &[Attempt<'_>]) -> Result<()> {
    const COLUMNS: &[(&str, Kind)] =
        &[("execution", Kind::Id), ("lines", Kind::Number), ("body", Kind::Text)];
    let mut rows = Rows::new(COLUMNS);
    for attempt in attempts.iter().filter(|attempt| !attempt.logs.is_empty()) {
        let lines = i64::try_from(attempt.logs.len()).unwrap_or(i64::MAX);
        let body = serde_json::to_string(attempt.logs)?;
        rows.push([attempt.execution.value(), lines.value(), body.value()]);
    }
    let sql = "INSERT INTO execution_log_chunks (execution, first, lines, body) \
        SELECT r.execution, COALESCE((SELECT MAX(c.first + c.lines) FROM execution_log_chunks c \
        WHERE c.execution = r.execution), 0), r.lines, r.body FROM ({rows}) r";
    execute_rows(tx, sql, &rows, &[]).await.map(drop)
}

async fn record_deliveries(tx: &Tx, attempts: &[Attempt<'_>]) -> Result<()> {
    const COLUMNS: &[(&str, Kind)] = &[
        ("number", Kind::Number),
        ("id", Kind::Id),
        ("job", Kind::Number),
        ("execution", Kind::Id),
        ("sink", Kind::Text),
        ("destination", Kind::Text),
    ];
    let count = attempts.iter().map(|attempt| attempt.deliveries.len()).sum();
    let mut numbers = tx.numbers(Numbered::Delivery, count).await?.into_iter();
    let mut rows = Rows::new(COLUMNS);
    for attempt in attempts {
        for (delivery, number) in attempt.deliveries.iter().zip(&mut numbers) {
            rows.push([
                number.value(),
                raw(delivery.id).value(),
                attempt.job.value(),
                attempt.execution.value(),
                delivery.destination.sink.as_str().value(),
                serde_json::to_string(&delivery.destination)?.value(),
            ]);
        }
    }
    if rows.is_empty() {
        return Ok(());
    }
    tx.tell(Change::Deliveries);
    let sql = "INSERT INTO deliveries (number, id, job, execution, sink, destination, status, \
        attempts, due_at, created_at) SELECT r.number, r.id, r.job, r.execution, r.sink, \
        r.destination, 0, 0, $1, $1 FROM ({rows}) r";
    execute_rows(tx, sql, &rows, &[tx.now.into()]).await.map(drop)
}

/// A job on its way out of the queue.
pub(super) struct Leaving {
    pub(super) number: i64,
    pub(super) id: uuid::Uuid,
    pub(super) hold: i64,
    pub(super) limiter: Option<String>,
    pub(super) unique_key: Option<String>,
    pub(super) waiting_for: i64,
}

impl From<Hot> for Leaving {
    fn from(hot: Hot) -> Self {
        Self {
            number: hot.number,
            id: hot.id,
            hold: hot.hold,
            limiter: hot.limiter,
            unique_key: hot.unique_key,
            waiting_for: hot.waiting_for,
        }
    }
}

/// A job that ends, its last attempt being recorded.
pub(super) struct JobEnd {
    pub(super) job: Leaving,
    pub(super) status: i64,
    pub(super) fault: Option<Fault>,
}

/// A job that waits and is given up, or failed, before it is tried again.
pub(super) struct Unbegun {
    pub(super) hot: Hot,
    pub(super) status: i64,
    pub(super) fault: Fault,
}

/// Ends jobs that no host has, with the attempt that was not begun.
pub(super) async fn end_waiting(tx: &Tx, ledger: &mut Ledger, jobs: Vec<Unbegun>) -> Result<()> {
    let ends = record_unbegun(tx, jobs).await?;
    end(tx, ledger, ends).await
}

async fn record_unbegun(tx: &Tx, jobs: Vec<Unbegun>) -> Result<Vec<JobEnd>> {
    let attempts: Vec<Attempt<'_>> = jobs
        .iter()
        .map(|job| Attempt {
            job: job.hot.number,
            execution: job.hot.execution,
            status: if job.status == CANCELLED { RUN_CANCELLED } else { RUN_FAILED },
            fault: Some(&job.fault),
            ..Attempt::default()
        })
        .collect();
    record(tx, &attempts).await?;
    let ends = jobs.into_iter().map(|job| {
        let Unbegun { hot, status, fault } = job;
        JobEnd { job: hot.into(), status, fault: Some(fault) }
    });
    Ok(ends.collect())
}

const MOVE: &str = "INSERT INTO job_history (number, id, task, status, priority, queued_at, \
    run_at, expires_at, started_at, finished_at, execution, attempt, crashes, max_retries, \
    limiter, unique_key, batch, schedule, error_message, error, spec, metadata, input) \
    SELECT j.number, j.id, j.task, r.status, j.priority, j.queued_at, j.run_at, j.expires_at, \
    j.started_at, $1, j.execution, j.attempt, j.crashes, j.max_retries, j.limiter, \
    j.unique_key, j.batch, j.schedule, r.error_message, r.error, j.spec, j.metadata, j.input \
    FROM ({rows}) r CROSS JOIN jobs j WHERE j.number = r.job";

/// Moves jobs out of the queue, lets those that depend on them go on, or gives these up too.
pub(super) async fn end(tx: &Tx, ledger: &mut Ledger, jobs: Vec<JobEnd>) -> Result<()> {
    const COLUMNS: &[(&str, Kind)] = &[
        ("job", Kind::Number),
        ("status", Kind::Number),
        ("error_message", Kind::Text),
        ("error", Kind::Text),
    ];
    let mut ends = jobs;
    while !ends.is_empty() {
        let mut rows = Rows::new(COLUMNS);
        for end in &ends {
            let fault = end.fault.as_ref();
            rows.push([
                end.job.number.value(),
                end.status.value(),
                fault.map(|fault| fault.message.clone()).value(),
                fault.map(|fault| fault.text.clone()).value(),
            ]);
            match &end.job.limiter {
                Some(key) if end.job.hold == HAD => ledger.ended(key),
                Some(key) if end.job.hold == READY => ledger.withdrawn(key, 1),
                _ => {}
            }
            tx.tell_ended(id(end.job.id));
        }
        execute_rows(tx, MOVE, &rows, &[tx.now.into()]).await?;
        let numbers = Rows::numbers(ends.iter().map(|end| end.job.number));
        let sql = "DELETE FROM jobs WHERE number IN (SELECT r.number FROM ({rows}) r)";
        execute_rows(tx, sql, &numbers, &[]).await?;
        free_keys(tx, &ends).await?;
        let waiting = ends.iter().filter(|end| end.job.waiting_for > 0);
        let waiting = Rows::numbers(waiting.map(|end| end.job.number));
        let sql = "DELETE FROM job_dependencies WHERE job IN (SELECT r.number FROM ({rows}) r)";
        execute_rows(tx, sql, &waiting, &[]).await?;
        ends = dependents(tx, ledger, &ends).await?;
    }
    Ok(())
}

/// Idempotency keys without a window stand until their job has ended.
async fn free_keys(tx: &Tx, ends: &[JobEnd]) -> Result<()> {
    const COLUMNS: &[(&str, Kind)] = &[("key", Kind::Text), ("job", Kind::Id)];
    let mut rows = Rows::new(COLUMNS);
    for end in ends {
        if let Some(key) = &end.job.unique_key {
            rows.push([key.as_str().value(), end.job.id.value()]);
        }
    }
    let sql = "DELETE FROM unique_keys WHERE key IN (SELECT u.key FROM ({rows}) r \
        CROSS JOIN unique_keys u WHERE u.key = r.key AND u.job = r.job AND u.expires_at IS NULL)";
    execute_rows(tx, sql, &rows, &[]).await.map(drop)
}

/// Lets jobs that wait for these go on; gives those that are given up because of them.
async fn dependents(tx: &Tx, ledger: &mut Ledger, ends: &[JobEnd]) -> Result<Vec<JobEnd>> {
    // Seldom there are any, and then this is all it costs.
    if query_one(tx, "SELECT 1 FROM job_dependencies LIMIT 1", []).await?.is_none() {
        return Ok(Vec::new());
    }
    let numbers = Rows::numbers(ends.iter().map(|end| end.job.number));
    let sql = "SELECT d.needs, d.job, d.runs_after_failure FROM ({rows}) r \
        CROSS JOIN job_dependencies d WHERE d.needs = r.number";
    let ended: HashMap<i64, &JobEnd> = ends.iter().map(|end| (end.job.number, end)).collect();
    let mut given_up: HashMap<i64, uuid::Uuid> = HashMap::new();
    let mut freed: Vec<i64> = Vec::new();
    for row in query_rows(tx, sql, &numbers, &[]).await? {
        let (needs, job): (i64, i64) = (get(&row, 0)?, get(&row, 1)?);
        let Some(end) = ended.get(&needs) else { continue };
        if end.status == COMPLETED || get(&row, 2)? {
            freed.push(job);
        } else {
            given_up.entry(job).or_insert(end.job.id);
        }
    }
    let sql = "DELETE FROM job_dependencies WHERE needs IN (SELECT r.number FROM ({rows}) r)";
    execute_rows(tx, sql, &numbers, &[]).await?;
    freed.retain(|job| !given_up.contains_key(job));
    free(tx, ledger, freed).await?;
    let mut unbegun = Vec::new();
    for hot in hot_by_number(tx, given_up.keys().copied()).await? {
        let dependency = given_up.get(&hot.number).copied().unwrap_or_default();
        unbegun.push(Unbegun { fault: depends_on(dependency)?, status: CANCELLED, hot });
    }
    record_unbegun(tx, unbegun).await
}

/// The error of a job that is given up because one that it depends on went wrong.
pub(super) fn depends_on(dependency: uuid::Uuid) -> Result<Fault> {
    let dependency = id(dependency);
    let message = format!("the job {dependency}, which it depends on, did not succeed");
    Fault::ours(FailureKind::Cancelled, "DependencyFailed", message)
}

/// One job that each of these waited for has ended.
async fn free(tx: &Tx, ledger: &mut Ledger, jobs: Vec<i64>) -> Result<()> {
    const COLUMNS: &[(&str, Kind)] =
        &[("job", Kind::Number), ("waiting_for", Kind::Number), ("hold", Kind::Number)];
    let mut counts: HashMap<i64, i64> = HashMap::new();
    for job in jobs {
        *counts.entry(job).or_default() += 1;
    }
    let hots = hot_by_number(tx, counts.keys().copied()).await?;
    let tasks = tasks_by_number(tx, hots.iter().map(|hot| hot.task)).await?;
    let mut rows = Rows::new(COLUMNS);
    for hot in &hots {
        let left = hot.waiting_for - counts.get(&hot.number).copied().unwrap_or_default();
        let limited = hot.limiter.is_some();
        let hold = tasks
            .get(&hot.task)
            .map_or(hot.hold, |task| task.hold(left, hot.run_at, limited, tx.now));
        if let (true, Some(key)) = (left <= 0, &hot.limiter) {
            ledger.touched(key);
        }
        if hold == READY {
            tx.tell(Change::Ready);
        }
        rows.push([hot.number.value(), left.max(0).value(), hold.value()]);
    }
    let sql = "UPDATE jobs SET waiting_for = r.waiting_for, hold = r.hold FROM ({rows}) r \
        WHERE jobs.number = r.job";
    execute_rows(tx, sql, &rows, &[]).await.map(drop)
}

/// Ends waiting jobs whose lifetime is over; whether there may be more.
pub(super) async fn expire(tx: &Tx, ledger: &mut Ledger) -> Result<bool> {
    const MOST: usize = 1000;
    let sql = format!(
        "SELECT number FROM jobs WHERE expires_at <= $1 AND expires_at IS NOT NULL AND hold <> 6 \
         ORDER BY expires_at LIMIT {MOST} {{skip}}"
    );
    let rows = query(tx, &sql, [tx.now.into()]).await?;
    let numbers: Result<Vec<i64>> = rows.iter().map(|row| get(row, 0)).collect();
    let mut late = Vec::new();
    for hot in hot_by_number(tx, numbers?).await? {
        let message = "the job's lifetime was over before it could be run";
        let fault = Fault::ours(FailureKind::TimeLimit, "JobTimeLimit", message)?;
        late.push(Unbegun { hot, status: FAILED, fault });
    }
    end_waiting(tx, ledger, late).await?;
    Ok(rows.len() == MOST)
}
