//! What has ended is kept for so long and so many, then removed in small steps that nobody notices.

use std::sync::Arc;
use std::time::Duration;

use ratchet_plugin_api::services::{Retention, RetentionReport};
use ratchet_plugin_api::{Context, Result};
use sea_orm::Value;

use crate::config;
use crate::db::{Db, Rows, Tx, execute, execute_rows, get, query, query_number, query_rows};
use crate::executions::delete_logs;
use crate::row::column;

/// Things removed in one transaction, so that others do not wait for long.
const STEP: i64 = 200;

/// Milliseconds of a day.
const DAY_MS: u64 = 86_400_000;

/// Ended jobs whose results are where they should be, and executions that are of no job, with the
/// oldest first.
const JOBS: &str = "SELECT number FROM job_history WHERE finished_at < $1 AND NOT EXISTS (\
    SELECT 1 FROM deliveries d WHERE d.job = job_history.number AND d.status = 0) \
    ORDER BY finished_at, number LIMIT $2";
const EXECUTIONS: &str = "SELECT number FROM executions WHERE finished_at < $1 AND job IS NULL \
    ORDER BY finished_at, number LIMIT $2";

/// What the configuration says of what is kept.
fn limits(config: &config::Retention) -> Retention {
    Retention {
        max_age_ms: config.max_age_days.map(|days| u64::from(days) * DAY_MS),
        max_count: config.max_count,
    }
}

/// Removes what is not to be kept any more, now and again until the plugin stops.
pub(crate) async fn keep_tidy(context: Context, db: Arc<Db>) {
    let config = &db.config().retention;
    let (wanted, pause) =
        (limits(config), Duration::from_secs(60 * config.interval_minutes.max(1)));
    loop {
        match retain(&db, &wanted).await {
            Ok(report) if report == RetentionReport::default() => {}
            Ok(report) => tracing::info!(
                jobs = report.jobs,
                executions = report.executions,
                deliveries = report.deliveries,
                sessions = report.sessions,
                "removed what had been kept for long enough"
            ),
            Err(error) => tracing::warn!(%error, "what is old could not be removed"),
        }
        tokio::select! {
            () = context.stopping() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Removes ended things that are older or more than is to be kept.
pub(crate) async fn retain(db: &Db, wanted: &Retention) -> Result<RetentionReport> {
    let mut report = RetentionReport::default();
    let now = db.now().await?;
    if let Some(age) = wanted.max_age_ms {
        let age = i64::try_from(age).unwrap_or(i64::MAX).saturating_mul(1_000);
        let before = now.saturating_sub(age);
        remove(db, JOBS, before, None, &mut report).await?;
        remove(db, EXECUTIONS, before, None, &mut report).await?;
    }
    if let Some(most) = wanted.max_count {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        for (sql, counted) in [
            (JOBS, "SELECT COUNT(*) FROM job_history"),
            (EXECUTIONS, "SELECT COUNT(*) FROM executions WHERE job IS NULL"),
        ] {
            let excess = query_number(db.read(), counted, []).await? - most;
            remove(db, sql, i64::MAX, Some(excess), &mut report).await?;
        }
    }
    report.sessions = db
        .write(|tx| {
            Box::pin(async move {
                let sql = "DELETE FROM sessions WHERE expires_at <= $1";
                execute(tx, sql, [tx.now.into()]).await
            })
        })
        .await?;
    Ok(report)
}

/// Removes what `sql` finds that ended before, up to `most` of it.
async fn remove(
    db: &Db,
    sql: &'static str,
    before: i64,
    most: Option<i64>,
    report: &mut RetentionReport,
) -> Result<()> {
    let mut left = most.unwrap_or(i64::MAX);
    while left > 0 {
        let step = left.min(STEP);
        let (found, done) = db
            .write_relaxed(move |tx| {
                Box::pin(async move {
                    let found = query(tx, sql, [before.into(), step.into()]).await?;
                    let numbers: Result<Vec<i64>> = found.iter().map(|row| get(row, 0)).collect();
                    let numbers = numbers?;
                    let count = numbers.len() as i64;
                    let done = if sql == JOBS {
                        forget_jobs(tx, &numbers).await?
                    } else {
                        forget_executions(tx, "number", &numbers).await?
                    };
                    Ok((count, done))
                })
            })
            .await?;
        report.jobs += done.jobs;
        report.executions += done.executions;
        report.deliveries += done.deliveries;
        left -= found;
        if found < step {
            break;
        }
    }
    Ok(())
}

/// Removes ended jobs with their executions.
pub(crate) async fn forget_jobs(tx: &Tx, numbers: &[i64]) -> Result<RetentionReport> {
    let mut report = forget_executions(tx, "job", numbers).await?;
    let sql = "DELETE FROM job_history WHERE number IN (SELECT r.number FROM ({rows}) r)";
    report.jobs = execute_rows(tx, sql, &Rows::numbers(numbers.iter().copied()), &[]).await?;
    Ok(report)
}

/// Removes executions whose `key` is one of the numbers, with their logs and deliveries.
async fn forget_executions(tx: &Tx, key: &'static str, numbers: &[i64]) -> Result<RetentionReport> {
    let mut report = RetentionReport::default();
    if numbers.is_empty() {
        return Ok(report);
    }
    let none: &[Value] = &[];
    let sql =
        format!("SELECT e.id AS id FROM ({{rows}}) r JOIN executions e ON e.{key} = r.number");
    let found = query_rows(tx, &sql, &Rows::numbers(numbers.iter().copied()), none).await?;
    let ids: Result<Vec<uuid::Uuid>> = found.iter().map(|row| column(row, "id")).collect();
    let ids = Rows::ids(ids?);
    delete_logs(tx, &ids).await?;
    let sql = "DELETE FROM deliveries WHERE execution IN (SELECT r.id FROM ({rows}) r)";
    report.deliveries = execute_rows(tx, sql, &ids, none).await?;
    let sql = "DELETE FROM executions WHERE id IN (SELECT r.id FROM ({rows}) r)";
    report.executions = execute_rows(tx, sql, &ids, none).await?;
    Ok(report)
}
