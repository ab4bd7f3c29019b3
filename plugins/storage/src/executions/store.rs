//! `ExecutionStore`.

use std::sync::Arc;

use ratchet_plugin_api::model::{
    Execution, ExecutionStats, ExecutionStatus, FailureKind, HttpExchange, Id, Json, Key,
    ListQuery, Listing, LogLine, LogPage, NewResult, Progress, TaskError,
};
use ratchet_plugin_api::services::ExecutionStore;
use ratchet_plugin_api::{Code, Error, Result, service};
use sea_orm::{ConnectionTrait, Value};

use super::{delete_logs, execution_of, logs};
use crate::Storage;
use crate::db::{Numbered, Rows, Tx, execute, execute_rows, get, query, query_number, query_one};
use crate::find::{missing, one, page};
use crate::list::fields::{EXECUTIONS, TASK_SUMMARIES};
use crate::row::{column, document, document_option, place, uuid};

/// Lines of log given at once.
const MOST_LINES: u32 = 10_000;

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// The newest completed executions that the average is over.
const SAMPLE: i64 = 10_000;

#[service]
impl ExecutionStore for Storage {
    async fn get(&self, key: Key) -> Result<Execution> {
        whole(self.db()?.read(), &key).await
    }

    async fn list(&self, query: ListQuery) -> Result<Listing<Execution>> {
        let db = self.db()?;
        page(db.read(), &EXECUTIONS, &query, db.now().await?, execution_of).await
    }

    async fn logs(&self, key: Key, from: u64, limit: u32) -> Result<LogPage> {
        let connection = self.db()?.read();
        // The end is looked at first: lines that come in between are not missed by whoever follows.
        let execution = execution_of(&one(connection, &EXECUTIONS, "execution", &key).await?)?;
        let limit = limit.min(MOST_LINES) as usize;
        let (lines, next) = logs::read(connection, execution.id, from, limit).await?;
        Ok(LogPage {
            ended: execution.finished_at.is_some(),
            dropped: execution.logs_dropped,
            lines,
            next,
        })
    }

    async fn append_logs(&self, execution: Id, from: u64, lines: Vec<LogLine>) -> Result<()> {
        let lines = Arc::new(lines);
        self.db()?
            .write_relaxed(move |tx| {
                let lines = Arc::clone(&lines);
                Box::pin(async move { logs::append(tx, execution, from, &lines).await })
            })
            .await
    }

    async fn progress(&self, execution: Id, progress: Progress) -> Result<()> {
        self.db()?
            .write_relaxed(move |tx| {
                let progress = progress.clone();
                Box::pin(async move {
                    let sql = "UPDATE jobs SET progress = $2, progress_message = $3 \
                        WHERE execution = $1";
                    let fraction = progress.fraction.clamp(0.0, 1.0);
                    let values =
                        [uuid(execution), fraction.into(), Value::String(progress.message)];
                    if execute(tx, sql, values).await? == 0 {
                        return Err(not_present(tx, execution).await?);
                    }
                    Ok(())
                })
            })
            .await
    }

    async fn record(&self, result: NewResult) -> Result<Execution> {
        if matches!(result.status, ExecutionStatus::Pending | ExecutionStatus::Running) {
            let message = format!("a result that is {} has not ended", result.status);
            return Err(Error::invalid(message).with_reason("execution.not_ended"));
        }
        let result = Arc::new(result);
        self.db()?
            .write(move |tx| {
                let result = Arc::clone(&result);
                Box::pin(async move {
                    let number = record(tx, &result).await?;
                    whole(tx, &Key::Number(number)).await
                })
            })
            .await
    }

    async fn remove(&self, key: Key) -> Result<()> {
        self.db()?
            .write(move |tx| {
                let key = key.clone();
                Box::pin(async move {
                    let row = one(tx, &EXECUTIONS, "execution", &key).await?;
                    let execution = execution_of(&row)?;
                    if execution.finished_at.is_none() {
                        let message = format!("the execution {key} has not ended");
                        return Err(
                            Error::new(Code::Conflict, message).with_reason("execution.not_ended")
                        );
                    }
                    remove(tx, &Rows::ids([uuid_of(execution.id)])).await
                })
            })
            .await
    }

    async fn stats(&self) -> Result<ExecutionStats> {
        let db = self.db()?;
        stats(db.read(), db.now().await?).await
    }
}

fn uuid_of(id: Id) -> uuid::Uuid {
    uuid::Uuid::from_u128(id.as_u128())
}

/// An execution with its requests.
async fn whole(connection: &impl ConnectionTrait, key: &Key) -> Result<Execution> {
    let row = one(connection, &EXECUTIONS, "execution", key).await?;
    let mut execution = execution_of(&row)?;
    if execution.finished_at.is_some() {
        let sql = "SELECT http FROM executions WHERE number = $1";
        if let Some(row) = query_one(connection, sql, [execution.number.into()]).await? {
            let http: Option<Vec<HttpExchange>> = document_option(&row, "http")?;
            execution.http = http.unwrap_or_default();
        }
    }
    Ok(execution)
}

/// Why there is no such execution that goes on.
pub(super) async fn not_present(tx: &Tx, execution: Id) -> Result<Error> {
    let sql = "SELECT COUNT(*) FROM executions WHERE id = $1";
    if query_number(tx, sql, [uuid(execution)]).await? > 0 {
        let message = format!("the execution {execution} has ended");
        return Ok(Error::new(Code::Conflict, message).with_reason("execution.ended"));
    }
    Ok(missing("execution", &Key::Id(execution), None))
}

/// Removes executions that have ended, with all that belongs to them.
async fn remove(tx: &Tx, executions: &Rows) -> Result<()> {
    delete_logs(tx, executions).await?;
    for sql in [
        "DELETE FROM deliveries WHERE execution IN (SELECT r.id FROM ({rows}) r)",
        "DELETE FROM executions WHERE id IN (SELECT r.id FROM ({rows}) r)",
    ] {
        execute_rows(tx, sql, executions, &[]).await?;
    }
    Ok(())
}

async fn record(tx: &Tx, result: &NewResult) -> Result<i64> {
    let task = one(tx, &TASK_SUMMARIES, "task", &Key::Id(result.task)).await?;
    let definition: ratchet_plugin_api::model::TaskDefinition = document(&task, "definition")?;
    let duration = result.duration_us.map(|us| i64::try_from(us).unwrap_or(i64::MAX));
    let started = duration.map(|us| tx.now.saturating_sub(us));
    let error = result.error.clone().or_else(|| {
        (result.status == ExecutionStatus::Failed).then(|| TaskError {
            kind: FailureKind::Other,
            class: "Error".to_owned(),
            message: "it failed elsewhere".to_owned(),
            stack: Vec::new(),
            violations: Vec::new(),
            details: None,
            causes: Vec::new(),
        })
    });
    let number = tx.numbers(Numbered::Execution, 1).await?.first().copied().unwrap_or_default();
    let text = |json: &Json| json.as_str().to_owned();
    let http =
        (!result.http.is_empty()).then(|| serde_json::to_string(&result.http)).transpose()?;
    let sql = "INSERT INTO executions (number, id, task, task_version, status, attempt, \
        queued_at, started_at, finished_at, duration_us, error_class, error_message, error, http, \
        metadata, input, output) VALUES ($1, $2, $3, $4, $5, 1, $6, $7, $8, $9, $10, $11, $12, \
        $13, $14, $15, $16)";
    let values = [
        number.into(),
        uuid(Id::new()),
        column::<i64>(&task, "number")?.into(),
        definition.version.into(),
        place(result.status as usize),
        started.unwrap_or(tx.now).into(),
        Value::BigInt(started),
        tx.now.into(),
        Value::BigInt(duration),
        Value::String(error.as_ref().map(|error| error.class.clone())),
        Value::String(error.as_ref().map(|error| error.message.clone())),
        Value::String(error.as_ref().map(serde_json::to_string).transpose()?),
        Value::String(http),
        text(&result.metadata).into(),
        text(&result.input).into(),
        Value::String(result.output.as_ref().map(text)),
    ];
    execute(tx, sql, values).await?;
    Ok(number)
}

async fn stats(connection: &impl ConnectionTrait, now: i64) -> Result<ExecutionStats> {
    let mut stats = ExecutionStats::default();
    let sql = "SELECT hold = 6, COUNT(*) FROM jobs GROUP BY hold = 6";
    for row in query(connection, sql, []).await? {
        let jobs = get::<i64>(&row, 1)?.unsigned_abs();
        *if get(&row, 0)? { &mut stats.running } else { &mut stats.pending } = jobs;
    }
    let sql = "SELECT status, COUNT(*) FROM executions GROUP BY status";
    for row in query(connection, sql, []).await? {
        let count = get::<i64>(&row, 1)?.unsigned_abs();
        match get::<i64>(&row, 0)? {
            2 => stats.completed = count,
            3 => stats.failed = count,
            _ => stats.cancelled = count,
        }
    }
    let sql = "SELECT CAST(AVG(s.duration_us) AS DOUBLE PRECISION) FROM (\
        SELECT duration_us FROM executions WHERE status = 2 \
        ORDER BY finished_at DESC LIMIT $1) AS s";
    if let Some(row) = query_one(connection, sql, [SAMPLE.into()]).await? {
        stats.average_duration_ms = get::<Option<f64>>(&row, 0)?.map(|us| us / 1_000.0);
    }
    let sql = "SELECT COUNT(*) FROM executions WHERE finished_at > $1";
    stats.last_24h = query_number(connection, sql, [(now - DAY).into()]).await?.unsigned_abs();
    let ended = stats.completed + stats.failed;
    stats.success_rate = (ended > 0).then(|| stats.completed as f64 / ended as f64);
    Ok(stats)
}
