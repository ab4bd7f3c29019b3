//! What tasks and schedules need of the queue.

use ratchet_plugin_api::Result;
use ratchet_plugin_api::model::Id;

use crate::db::{Tx, execute};
use crate::row::uuid;

pub(crate) async fn task_changed(tx: &Tx, task: i64) -> Result<()> {
    let sql = "UPDATE jobs SET hold = CASE \
        WHEN EXISTS (SELECT 1 FROM tasks t WHERE t.number = jobs.task \
            AND (t.removed_at IS NOT NULL OR NOT t.enabled)) THEN 5 \
        WHEN EXISTS (SELECT 1 FROM tasks t WHERE t.number = jobs.task AND t.paused) THEN 4 \
        WHEN run_at > $2 THEN 1 ELSE 0 END WHERE task = $1 AND hold IN (0, 1, 4, 5)";
    execute(tx, sql, [task.into(), tx.now.into()]).await?;
    Ok(())
}

pub(crate) async fn give_up(tx: &Tx, job: Id, reason: Option<String>) -> Result<bool> {
    let sql = "UPDATE jobs SET cancelling = TRUE, cancel_reason = $2 WHERE id = $1";
    Ok(execute(tx, sql, [uuid(job), sea_orm::Value::String(reason)]).await? > 0)
}
