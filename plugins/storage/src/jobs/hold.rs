//! What keeps jobs waiting, and what time and people change about it.

use ratchet_plugin_api::Result;
use ratchet_plugin_api::services::Change;

use super::ending::expire;
use super::facts::queue_pause;
use super::limiter::Ledger;
use crate::db::{Tx, execute, get, query, query_one};

/// What holds a waiting job `jobs`, by its task. A job that its limiter has let through keeps
/// that.
const NATURAL: &str = "(SELECT CASE \
    WHEN t.removed_at IS NOT NULL OR NOT t.enabled THEN 5 \
    WHEN t.paused AND (t.paused_until IS NULL OR t.paused_until > $1) THEN 4 \
    WHEN jobs.waiting_for > 0 THEN 2 \
    WHEN jobs.run_at > $1 THEN 1 \
    WHEN jobs.limiter IS NOT NULL AND jobs.hold <> 0 THEN 3 \
    ELSE 0 END FROM tasks t WHERE t.number = jobs.task)";

/// Jobs whose time has come that are looked at at once.
const MOST: i64 = 5000;

/// A task was paused, resumed, enabled, disabled, removed or brought back: its waiting jobs are
/// held, or may run, accordingly.
pub(crate) async fn task_changed(tx: &Tx, task: i64) -> Result<()> {
    let mut ledger = Ledger::default();
    let held = "SELECT 1 FROM tasks WHERE number = $2 AND (removed_at IS NOT NULL OR NOT enabled \
        OR (paused AND (paused_until IS NULL OR paused_until > $1)))";
    if query_one(tx, held, [tx.now.into(), task.into()]).await?.is_some() {
        let sql = "SELECT limiter, COUNT(*) FROM jobs \
            WHERE task = $1 AND hold = 0 AND limiter IS NOT NULL GROUP BY limiter";
        for row in query(tx, sql, [task.into()]).await? {
            ledger.withdrawn(&get::<String>(&row, 0)?, get(&row, 1)?);
        }
    }
    let sql = format!("UPDATE jobs SET hold = {NATURAL} WHERE task = $2 AND hold <> 6");
    execute(tx, &sql, [tx.now.into(), task.into()]).await?;
    let sql = "SELECT DISTINCT limiter FROM jobs WHERE task = $1 AND hold = 3";
    for row in query(tx, sql, [task.into()]).await? {
        ledger.touched(&get::<String>(&row, 0)?);
    }
    ledger.settle(tx).await?;
    tx.tell(Change::Ready);
    Ok(())
}

/// What holds one waiting job is found out anew, after something about it has changed.
pub(super) async fn job_changed(tx: &Tx, job: i64) -> Result<()> {
    let mut ledger = Ledger::default();
    let sql = format!(
        "SELECT hold, limiter, CAST({NATURAL} AS BIGINT) FROM jobs WHERE number = $2 \
         {{lock}}"
    );
    let Some(row) = query_one(tx, &sql, [tx.now.into(), job.into()]).await? else {
        return Ok(());
    };
    let (before, after): (i64, i64) = (get(&row, 0)?, get(&row, 2)?);
    if let Some(key) = get::<Option<String>>(&row, 1)? {
        match (before, after) {
            (0, 0) => {}
            (0, _) => ledger.withdrawn(&key, 1),
            _ => ledger.touched(&key),
        }
    }
    let sql = "UPDATE jobs SET hold = $2 WHERE number = $1 AND hold <> 6";
    execute(tx, sql, [job.into(), after.into()]).await?;
    ledger.settle(tx).await?;
    tx.tell(Change::Ready);
    Ok(())
}

/// The next moments at which time alone changes something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moments {
    delayed: Option<i64>,
    limiter: Option<i64>,
    task: Option<i64>,
    expiry: Option<i64>,
    /// Whether the queue is paused, and until when.
    pub(super) pause: Option<Option<i64>>,
}

impl Moments {
    /// Reads them, each from the beginning of an index.
    pub(super) async fn read(tx: &Tx) -> Result<Self> {
        let sql = "SELECT (SELECT MIN(run_at) FROM jobs WHERE hold = 1), \
            (SELECT MIN(next_at) FROM limiters WHERE next_at IS NOT NULL), \
            (SELECT MIN(paused_until) FROM tasks WHERE paused_until IS NOT NULL), \
            (SELECT MIN(expires_at) FROM jobs WHERE expires_at IS NOT NULL AND hold <> 6)";
        let row = query_one(tx, sql, []).await?;
        let at = |column| row.as_ref().map_or(Ok(None), |row| get(row, column));
        Ok(Self {
            delayed: at(0)?,
            limiter: at(1)?,
            task: at(2)?,
            expiry: at(3)?,
            pause: queue_pause(tx, tx.now).await?,
        })
    }

    /// Whether something is due.
    pub(super) fn any_due(&self, now: i64) -> bool {
        let times = [self.delayed, self.limiter, self.task, self.expiry];
        times.into_iter().flatten().any(|time| time <= now)
    }

    /// Microseconds until the next job becomes ready by time alone.
    pub(super) fn next_ready(&self, now: i64) -> Option<i64> {
        let times = [self.delayed, self.limiter, self.task, self.pause.flatten()];
        times.into_iter().flatten().min().map(|time| (time - now).max(0))
    }
}

/// Lets everything happen that is due.
pub(super) async fn let_due(tx: &Tx, moments: &Moments) -> Result<()> {
    let due = |time: Option<i64>| time.is_some_and(|time| time <= tx.now);
    let mut ledger = Ledger::default();
    if due(moments.expiry) {
        while expire(tx, &mut ledger).await? {}
    }
    if due(moments.task) {
        let sql = "UPDATE tasks SET paused = FALSE, paused_since = NULL, paused_until = NULL, \
            pause_reason = NULL WHERE paused_until <= $1 RETURNING number";
        for row in query(tx, sql, [tx.now.into()]).await? {
            task_changed(tx, get(&row, 0)?).await?;
        }
    }
    if due(moments.delayed) {
        let sql = format!(
            "UPDATE jobs SET hold = {NATURAL} WHERE number IN (SELECT number FROM jobs \
             WHERE hold = 1 AND run_at <= $1 ORDER BY run_at LIMIT {MOST} {{skip}}) \
             RETURNING limiter"
        );
        for row in query(tx, &sql, [tx.now.into()]).await? {
            if let Some(key) = get::<Option<String>>(&row, 0)? {
                ledger.touched(&key);
            }
        }
        tx.tell(Change::Ready);
    }
    if due(moments.limiter) {
        let sql = "SELECT key FROM limiters WHERE next_at <= $1 ORDER BY key";
        for row in query(tx, sql, [tx.now.into()]).await? {
            ledger.touched(&get::<String>(&row, 0)?);
        }
    }
    ledger.settle(tx).await
}
