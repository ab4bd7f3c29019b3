//! What was done by whom.

use ratchet_plugin_api::Result;
use ratchet_plugin_api::model::{AuditEntry, AuditOutcome, ListQuery, Listing, NewAuditEntry};
use sea_orm::{ConnectionTrait, QueryResult, Value};

use crate::db::{Numbered, Tx, execute};
use crate::find::page;
use crate::list::fields::AUDIT;
use crate::row::{column, id_option, json, place, time, uuid_option, word};

fn entry_of(row: &QueryResult) -> Result<AuditEntry> {
    Ok(AuditEntry {
        number: column(row, "number")?,
        time: time(row, "time")?,
        user: id_option(row, "owner")?,
        actor: column(row, "actor")?,
        action: column(row, "action")?,
        target_kind: column(row, "target_kind")?,
        target: column(row, "target")?,
        outcome: word(row, "outcome", AuditOutcome::ALL)?,
        client: column(row, "client")?,
        request: column(row, "request")?,
        details: json(row, "details")?,
    })
}

/// Puts entries on record.
pub(super) async fn keep(tx: &Tx, entries: &[NewAuditEntry]) -> Result<()> {
    let numbers = tx.numbers(Numbered::Audit, entries.len()).await?;
    let sql = "INSERT INTO audit_log (number, time, owner, actor, action, target_kind, target, \
        outcome, client, request, details) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    for (number, entry) in numbers.into_iter().zip(entries) {
        let values = [
            number.into(),
            entry.time.map_or(tx.now, |time| time.as_microseconds()).into(),
            uuid_option(entry.user),
            entry.actor.clone().into(),
            entry.action.clone().into(),
            Value::String(entry.target_kind.clone()),
            Value::String(entry.target.clone()),
            place(entry.outcome as usize),
            Value::String(entry.client.clone()),
            Value::String(entry.request.clone()),
            entry.details.as_str().into(),
        ];
        execute(tx, sql, values).await?;
    }
    Ok(())
}

/// What is on record, the newest first unless it is sorted.
pub(super) async fn list(
    connection: &impl ConnectionTrait,
    mut query: ListQuery,
    now: i64,
) -> Result<Listing<AuditEntry>> {
    if query.sort.is_empty() {
        query = query.sort_by("number", true);
    }
    page(connection, &AUDIT, &query, now, entry_of).await
}
