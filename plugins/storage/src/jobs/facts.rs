//! What is read before anything is decided.

use std::collections::HashMap;

use ratchet_plugin_api::model::Id;
use ratchet_plugin_api::{Error, Result};
use sea_orm::{ConnectionTrait, QueryResult, Value};
use uuid::Uuid;

use super::code::{DEPENDENCY, HAD, LIMIT, NOT_BEFORE, READY, TASK_DISABLED, TASK_PAUSED, id};
use crate::db::{Rows, Tx, get, query, query_one, query_rows};

/// A task, as far as jobs are concerned.
#[derive(Clone, Debug)]
pub(super) struct TaskFacts {
    pub(super) number: i64,
    pub(super) id: Uuid,
    pub(super) name: String,
    pub(super) checksum: String,
    pub(super) enabled: bool,
    pub(super) removed: bool,
    paused: bool,
    paused_until: Option<i64>,
}

const TASK: &str = "SELECT number, id, name, checksum, enabled, removed_at IS NOT NULL, \
     paused, paused_until FROM tasks WHERE";

impl TaskFacts {
    fn read(row: &QueryResult) -> Result<Self> {
        Ok(Self {
            number: get(row, 0)?,
            id: get(row, 1)?,
            name: get(row, 2)?,
            checksum: get(row, 3)?,
            enabled: get(row, 4)?,
            removed: get(row, 5)?,
            paused: get(row, 6)?,
            paused_until: get(row, 7)?,
        })
    }

    /// What holds a job of this task, its limiter not yet asked.
    pub(super) fn hold(&self, waiting_for: i64, run_at: i64, limited: bool, now: i64) -> i64 {
        if self.removed || !self.enabled {
            TASK_DISABLED
        } else if self.paused && self.paused_until.is_none_or(|until| until > now) {
            TASK_PAUSED
        } else if waiting_for > 0 {
            DEPENDENCY
        } else if run_at > now {
            NOT_BEFORE
        } else if limited {
            LIMIT
        } else {
            READY
        }
    }
}

/// The tasks with these ids.
pub(super) async fn tasks_by_id(
    tx: &Tx,
    ids: impl IntoIterator<Item = Uuid>,
) -> Result<HashMap<Uuid, TaskFacts>> {
    let mut ids: Vec<Uuid> = ids.into_iter().collect();
    ids.sort_unstable();
    ids.dedup();
    let sql = format!("{TASK} id IN (SELECT r.id FROM ({{rows}}) r)");
    let rows = query_rows(tx, &sql, &Rows::ids(ids), &[]).await?;
    rows.iter().map(|row| TaskFacts::read(row).map(|task| (task.id, task))).collect()
}

/// The tasks with these numbers.
pub(super) async fn tasks_by_number(
    tx: &Tx,
    numbers: impl IntoIterator<Item = i64>,
) -> Result<HashMap<i64, TaskFacts>> {
    let mut numbers: Vec<i64> = numbers.into_iter().collect();
    numbers.sort_unstable();
    numbers.dedup();
    let sql = format!("{TASK} number IN (SELECT r.number FROM ({{rows}}) r)");
    let rows = query_rows(tx, &sql, &Rows::numbers(numbers), &[]).await?;
    rows.iter().map(|row| TaskFacts::read(row).map(|task| (task.number, task))).collect()
}

/// A job that has not ended, as far as decisions about it need it.
#[derive(Clone, Debug)]
pub(super) struct Hot {
    pub(super) number: i64,
    pub(super) id: Uuid,
    pub(super) task: i64,
    pub(super) hold: i64,
    pub(super) execution: Uuid,
    pub(super) attempt: i64,
    pub(super) crashes: i64,
    pub(super) cancelling: bool,
    pub(super) limiter: Option<String>,
    pub(super) unique_key: Option<String>,
    pub(super) run_at: i64,
    pub(super) priority: i64,
    pub(super) waiting_for: i64,
}

const HOT: &str = "SELECT number, id, task, hold, execution, attempt, crashes, cancelling, \
    limiter, unique_key, run_at, priority, waiting_for FROM jobs WHERE";

impl Hot {
    fn read(row: &QueryResult) -> Result<Self> {
        Ok(Self {
            number: get(row, 0)?,
            id: get(row, 1)?,
            task: get(row, 2)?,
            hold: get(row, 3)?,
            execution: get(row, 4)?,
            attempt: get(row, 5)?,
            crashes: get(row, 6)?,
            cancelling: get(row, 7)?,
            limiter: get(row, 8)?,
            unique_key: get(row, 9)?,
            run_at: get(row, 10)?,
            priority: get(row, 11)?,
            waiting_for: get(row, 12)?,
        })
    }

    /// Whether a host has it.
    pub(super) const fn had(&self) -> bool {
        self.hold == HAD
    }
}

/// The jobs with these numbers that have not ended, kept from changing by others.
pub(super) async fn hot_by_number(
    tx: &Tx,
    numbers: impl IntoIterator<Item = i64>,
) -> Result<Vec<Hot>> {
    let sql =
        format!("{HOT} number IN (SELECT r.number FROM ({{rows}}) r) ORDER BY number {{lock}}");
    let rows = query_rows(tx, &sql, &Rows::numbers(numbers), &[]).await?;
    rows.iter().map(Hot::read).collect()
}

/// The jobs for which a condition holds that have not ended, kept from changing by others.
pub(super) async fn hot_where(
    tx: &Tx,
    condition: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Vec<Hot>> {
    let rows = query(tx, &format!("{HOT} {condition} {{lock}}"), values).await?;
    rows.iter().map(Hot::read).collect()
}

/// The hosts of these that live, kept from being declared dead by others.
pub(super) async fn living(tx: &Tx, hosts: impl IntoIterator<Item = Id>) -> Result<Vec<Id>> {
    let hosts = Rows::ids(hosts.into_iter().map(super::code::raw));
    let sql = "SELECT id FROM hosts WHERE id IN (SELECT r.id FROM ({rows}) r) \
        AND expires_at > $1 ORDER BY id {share}";
    let rows = query_rows(tx, sql, &hosts, &[tx.now.into()]).await?;
    rows.iter().map(|row| get(row, 0).map(id)).collect()
}

/// Whether the whole queue is paused, and until when.
pub(super) async fn queue_pause(
    connection: &impl ConnectionTrait,
    now: i64,
) -> Result<Option<Option<i64>>> {
    let sql = "SELECT paused, paused_until FROM queue_control WHERE id = 1";
    let row = query_one(connection, sql, []).await?;
    let row = row.ok_or_else(|| Error::internal("the row of `queue_control` is missing"))?;
    let until: Option<i64> = get(&row, 1)?;
    let paused = get::<bool>(&row, 0)? && until.is_none_or(|until| until > now);
    Ok(paused.then_some(until))
}
