//! `ResultStore`: results on their way to output sinks.

use std::sync::Arc;

use ratchet_plugin_api::model::{
    DeliveryEnd, DeliveryOutcome, DeliveryRecord, DeliveryStatus, Id, ListQuery, Listing,
    PendingDelivery, RunSummary,
};
use ratchet_plugin_api::services::{Change, ResultStore};
use ratchet_plugin_api::{Code, Error, Result, service};
use sea_orm::{ConnectionTrait, QueryResult, Value};

use crate::Storage;
use crate::db::{Rows, Tx, execute, execute_rows, get, query, query_number, query_one, query_rows};
use crate::find::page;
use crate::list::fields::DELIVERIES;
use crate::row::{
    big, column, count_option, document, document_option, id, id_option, json_option, micros_of_ms,
    small, time, time_option, uuid, word,
};

/// Deliveries that nobody has. Those of a dead host are taken from it with its jobs.
const WAITING: &str = "status = 0 AND host IS NULL";

#[service]
impl ResultStore for Storage {
    async fn claim_deliveries(&self, host: Id, max: u32) -> Result<Vec<PendingDelivery>> {
        let db = self.db()?;
        let now = db.now().await?;
        check_lives(db.read(), host, now).await?;
        // Most calls find nothing, and then nothing is written.
        let sql = format!(
            "SELECT COUNT(*) FROM (\
             SELECT 1 FROM deliveries WHERE due_at <= $1 AND {WAITING} LIMIT 1) AS d"
        );
        if max == 0 || query_number(db.read(), &sql, [now.into()]).await? == 0 {
            return Ok(Vec::new());
        }
        db.write_relaxed(move |tx| Box::pin(claim(tx, host, max))).await
    }

    async fn settle_deliveries(&self, host: Id, outcomes: Vec<DeliveryOutcome>) -> Result<()> {
        let outcomes = Arc::new(outcomes);
        self.db()?
            .write(move |tx| {
                let outcomes = Arc::clone(&outcomes);
                Box::pin(async move {
                    for outcome in outcomes.iter() {
                        settle(tx, host, outcome).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    async fn next_delivery_ms(&self) -> Result<Option<u64>> {
        let db = self.db()?;
        let now = db.now().await?;
        let sql = format!("SELECT MIN(due_at) FROM deliveries WHERE {WAITING}");
        let row = query_one(db.read(), &sql, []).await?;
        let due = row.map(|row| get::<Option<i64>>(&row, 0)).transpose()?.flatten();
        Ok(due.map(|due| due.saturating_sub(now).max(0).unsigned_abs().div_ceil(1_000)))
    }

    async fn list(&self, query: ListQuery) -> Result<Listing<DeliveryRecord>> {
        let db = self.db()?;
        page(db.read(), &DELIVERIES, &query, db.now().await?, record_of).await
    }
}

fn record_of(row: &QueryResult) -> Result<DeliveryRecord> {
    Ok(DeliveryRecord {
        id: id(row, "id")?,
        number: column(row, "number")?,
        job: id_option(row, "job")?,
        execution: id(row, "execution")?,
        sink: column(row, "sink")?,
        status: word(row, "status", DeliveryStatus::ALL)?,
        attempts: small(row, "attempts")?,
        duration_us: count_option(row, "duration_us")?,
        bytes: count_option(row, "bytes")?,
        location: column(row, "location")?,
        error: column(row, "error")?,
        created_at: time(row, "created_at")?,
        finished_at: time_option(row, "finished_at")?,
    })
}

async fn check_lives(connection: &impl ConnectionTrait, host: Id, now: i64) -> Result<()> {
    let sql = "SELECT COUNT(*) FROM hosts WHERE id = $1 AND expires_at > $2";
    if query_number(connection, sql, [uuid(host), now.into()]).await? > 0 {
        return Ok(());
    }
    let message = format!("the host {host} has not entered or counts as dead");
    Err(Error::new(Code::Conflict, message).with_reason("host.expired"))
}

async fn claim(tx: &Tx, host: Id, max: u32) -> Result<Vec<PendingDelivery>> {
    check_lives(tx, host, tx.now).await?;
    let sql = format!(
        "UPDATE deliveries SET host = $2, attempts = attempts + 1 WHERE number IN (\
         SELECT number FROM deliveries WHERE due_at <= $1 AND {WAITING} \
         ORDER BY due_at, number LIMIT $3 {{skip}}) RETURNING number"
    );
    let values = [tx.now.into(), uuid(host), i64::from(max).into()];
    let claimed = query(tx, &sql, values).await?;
    let numbers: Result<Vec<i64>> = claimed.iter().map(|row| get(row, 0)).collect();
    let numbers = Rows::numbers(numbers?);
    let sql = "SELECT d.number AS number, d.id AS id, d.attempts AS attempts, \
        d.due_at AS due_at, d.destination AS destination, d.execution AS execution, \
        COALESCE((SELECT h.id FROM job_history h WHERE h.number = d.job), \
        (SELECT j.id FROM jobs j WHERE j.number = d.job)) AS job, t.id AS task, \
        t.name AS task_name, e.task_version AS task_version, e.status AS status, \
        e.finished_at AS finished_at, e.output AS output, e.error AS error \
        FROM ({rows}) r JOIN deliveries d ON d.number = r.number \
        JOIN executions e ON e.id = d.execution JOIN tasks t ON t.number = e.task";
    let mut rows: Vec<((i64, i64), PendingDelivery)> = Vec::new();
    for row in query_rows(tx, sql, &numbers, &[]).await? {
        rows.push(((column(&row, "due_at")?, column(&row, "number")?), pending_of(&row)?));
    }
    rows.sort_unstable_by_key(|(order, _)| *order);
    // What was to be delivered may have been removed meanwhile.
    let sql = "UPDATE deliveries SET status = 2, host = NULL, finished_at = $1, \
        error = 'the execution was removed before its result was delivered' \
        WHERE number IN (SELECT r.number FROM ({rows}) r) \
        AND NOT EXISTS (SELECT 1 FROM executions e WHERE e.id = deliveries.execution)";
    execute_rows(tx, sql, &numbers, &[tx.now.into()]).await?;
    Ok(rows.into_iter().map(|(_, delivery)| delivery).collect())
}

fn pending_of(row: &QueryResult) -> Result<PendingDelivery> {
    let version: Option<String> = column(row, "task_version")?;
    Ok(PendingDelivery {
        id: id(row, "id")?,
        attempt: small(row, "attempts")?,
        destination: document(row, "destination")?,
        run: RunSummary {
            execution: id(row, "execution")?,
            job: id_option(row, "job")?,
            task: id(row, "task")?,
            task_name: column(row, "task_name")?,
            task_version: version.unwrap_or_default(),
            succeeded: column::<i64>(row, "status")? == 2,
            finished: time(row, "finished_at")?,
        },
        output: json_option(row, "output")?,
        error: document_option(row, "error")?,
    })
}

/// Records an outcome, unless it comes from a host that does not have the delivery any more.
async fn settle(tx: &Tx, host: Id, outcome: &DeliveryOutcome) -> Result<()> {
    let lasted = big(outcome.duration_us);
    let (change, values): (_, Vec<Value>) = match &outcome.end {
        DeliveryEnd::Delivered(receipt) => (
            "status = 1, bytes = $4, location = $5, error = NULL, finished_at = $6",
            vec![big(receipt.bytes), Value::String(receipt.location.clone()), tx.now.into()],
        ),
        DeliveryEnd::Retry { error, delay_ms } => {
            tx.tell(Change::Deliveries);
            let due = tx.now.saturating_add(micros_of_ms(*delay_ms));
            ("error = $4, due_at = $5", vec![error.clone().into(), due.into()])
        }
        DeliveryEnd::Failed(error) => {
            ("status = 2, error = $4, finished_at = $5", vec![error.clone().into(), tx.now.into()])
        }
    };
    let sql = format!(
        "UPDATE deliveries SET host = NULL, duration_us = $3, {change} \
         WHERE id = $1 AND host = $2"
    );
    let fixed = [uuid(outcome.id), uuid(host), lasted];
    execute(tx, &sql, fixed.into_iter().chain(values)).await?;
    Ok(())
}
