//! Logs of executions, kept as chunks of lines.

use ratchet_plugin_api::model::{Id, LogLine};
use ratchet_plugin_api::{Error, Result};
use sea_orm::ConnectionTrait;

use super::store::not_present;
use crate::db::{Rows, Tx, execute, execute_rows, query, query_number};
use crate::row::{big, column, document, uuid};

/// Lines from position `from` on, and the position after the last.
pub(super) async fn read(
    connection: &impl ConnectionTrait,
    execution: Id,
    from: u64,
    limit: usize,
) -> Result<(Vec<LogLine>, u64)> {
    let sql = "SELECT first, body FROM execution_log_chunks \
        WHERE execution = $1 AND first + lines > $2 ORDER BY first LIMIT $3";
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = query(connection, sql, [uuid(execution), big(from), most.into()]).await?;
    let mut lines: Vec<LogLine> = Vec::new();
    let mut next = from;
    for row in rows {
        let first = column::<i64>(&row, "first")?.unsigned_abs();
        let body: Vec<LogLine> = document(&row, "body")?;
        let skipped = usize::try_from(next.saturating_sub(first)).unwrap_or(usize::MAX);
        let room = limit - lines.len();
        let before = lines.len();
        lines.extend(body.into_iter().skip(skipped).take(room));
        next = next.max(first) + (lines.len() - before) as u64;
        if lines.len() == limit {
            break;
        }
    }
    Ok((lines, next))
}

/// Keeps lines at position `from` on, as far as they are not there already.
pub(super) async fn append(tx: &Tx, execution: Id, from: u64, lines: &[LogLine]) -> Result<()> {
    let present = "SELECT COUNT(*) FROM jobs WHERE execution = $1";
    if query_number(tx, present, [uuid(execution)]).await? == 0 {
        return Err(not_present(tx, execution).await?);
    }
    let sql = "SELECT first + lines FROM execution_log_chunks WHERE execution = $1 \
        ORDER BY first DESC LIMIT 1";
    let kept = query_number(tx, sql, [uuid(execution)]).await?.unsigned_abs();
    let Some(known) = kept.checked_sub(from) else {
        let message = format!("the log of {execution} has {kept} lines; line {from} cannot follow");
        return Err(Error::invalid(message).with_reason("execution.log_gap"));
    };
    let known = usize::try_from(known).unwrap_or(usize::MAX);
    let Some(fresh) = lines.get(known..).filter(|fresh| !fresh.is_empty()) else {
        return Ok(());
    };
    let sql = "INSERT INTO execution_log_chunks (execution, first, lines, body) \
        VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
    let lines = i64::try_from(fresh.len()).unwrap_or(i64::MAX);
    let body = serde_json::to_string(fresh)?;
    execute(tx, sql, [uuid(execution), big(kept), lines.into(), body.into()]).await?;
    Ok(())
}

/// Removes the logs of executions, given by their ids.
pub(crate) async fn delete_logs(tx: &Tx, executions: &Rows) -> Result<()> {
    let sql = "DELETE FROM execution_log_chunks WHERE execution IN (SELECT r.id FROM ({rows}) r)";
    execute_rows(tx, sql, executions, &[]).await?;
    Ok(())
}
