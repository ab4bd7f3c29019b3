//! `TaskStore`: finding tasks, and changing one.

use ratchet_plugin_api::model::{
    Key, ListQuery, Listing, MAX_LIMIT, Pause, SyncReport, Task, TaskVersion,
};
use ratchet_plugin_api::services::{Change, Offer, PutTask, TaskStore};
use ratchet_plugin_api::{Code, Error, Result, service};
use sea_orm::{ConnectionTrait, QueryResult, Value};

use super::write::{Known, alone, check_name, insert, renew};
use super::{paused_since, sync, task_of, version_of};
use crate::Storage;
use crate::db::{Tx, execute, query, query_number};
use crate::find::one;
use crate::jobs::hold::task_changed;
use crate::list::fields::{TASK_SUMMARIES, TASKS};
use crate::list::list;
use crate::row::{column, micros_option};

#[service]
impl TaskStore for Storage {
    async fn get(&self, key: Key) -> Result<Task> {
        let now = self.db()?.now().await?;
        present(self.db()?.read(), &key, now).await
    }

    async fn list(&self, query: ListQuery, definitions: bool) -> Result<Listing<Task>> {
        let now = self.db()?.now().await?;
        let source = if definitions { &TASKS } else { &TASK_SUMMARIES };
        let sql = list(source, &query, self.db()?.backend(), now)?;
        let (rows, total) = sql.run(self.db()?.read()).await?;
        let items: Result<Vec<Task>> = rows.iter().map(|row| task_of(row, now)).collect();
        Ok(Listing { items: items?, total })
    }

    async fn put(&self, put: PutTask) -> Result<Task> {
        self.db()?.write(move |tx| Box::pin(keep(tx, put.clone()))).await
    }

    async fn enable(&self, key: Key, enabled: bool) -> Result<Task> {
        let work = move |tx: &Tx, number: i64| -> (String, Vec<Value>) {
            let sql = "UPDATE tasks SET enabled = $2, updated_at = $3 \
                WHERE number = $1 AND enabled <> $2";
            (sql.to_owned(), vec![number.into(), enabled.into(), tx.now.into()])
        };
        self.edit(key, true, work).await
    }

    async fn pause(&self, key: Key, pause: Option<Pause>) -> Result<Task> {
        let work = move |tx: &Tx, number: i64| -> (String, Vec<Value>) {
            let sql = "UPDATE tasks SET paused = $2, paused_since = $3, paused_until = $4, \
                pause_reason = $5 WHERE number = $1";
            let values = vec![
                number.into(),
                pause.is_some().into(),
                micros_option(pause.as_ref().map(|pause| paused_since(pause, tx.now))),
                micros_option(pause.as_ref().and_then(|pause| pause.until)),
                Value::String(pause.as_ref().and_then(|pause| pause.reason.clone())),
            ];
            (sql.to_owned(), values)
        };
        self.edit(key, true, work).await
    }

    async fn validated(&self, key: Key) -> Result<Task> {
        let work = |tx: &Tx, number: i64| -> (String, Vec<Value>) {
            let sql = "UPDATE tasks SET validated_at = $2 WHERE number = $1";
            (sql.to_owned(), vec![number.into(), tx.now.into()])
        };
        self.edit(key, false, work).await
    }

    async fn remove(&self, key: Key) -> Result<()> {
        self.db()?
            .write(move |tx| {
                let key = key.clone();
                Box::pin(async move {
                    alone(tx).await?;
                    let row = one(tx, &TASK_SUMMARIES, "task", &key).await?;
                    super::write::remove(tx, column(&row, "number")?).await?;
                    tx.tell(Change::Tasks);
                    Ok(())
                })
            })
            .await
    }

    async fn versions(&self, key: Key, wanted: ListQuery) -> Result<Listing<TaskVersion>> {
        if let Some(field) = wanted
            .filters
            .first()
            .map(|filter| &filter.field)
            .or(wanted.sort.first().map(|sort| &sort.field))
        {
            let message = format!("versions of a task have no field `{field}`");
            return Err(Error::invalid(message).with_reason("list.unknown_field"));
        }
        let task = one(self.db()?.read(), &TASK_SUMMARIES, "task", &key).await?;
        let number: i64 = column(&task, "number")?;
        let sql = "SELECT t.id AS task, v.revision AS revision, v.definition AS definition, \
            v.checksum AS checksum, v.repository AS repository, v.path AS path, \
            v.source_revision AS source_revision, v.note AS note, v.created_at AS created_at \
            FROM task_versions v JOIN tasks t ON t.number = v.task WHERE v.task = $1 \
            ORDER BY v.revision DESC LIMIT $2 OFFSET $3";
        let limit = i64::from(wanted.limit.min(MAX_LIMIT));
        let offset = i64::try_from(wanted.offset).unwrap_or(i64::MAX);
        let values = [number.into(), limit.into(), offset.into()];
        let rows = query(self.db()?.read(), sql, values).await?;
        let items: Result<Vec<TaskVersion>> = rows.iter().map(version_of).collect();
        let total = if wanted.count {
            let sql = "SELECT COUNT(*) FROM task_versions WHERE task = $1";
            Some(query_number(self.db()?.read(), sql, [number.into()]).await?.unsigned_abs())
        } else {
            None
        };
        Ok(Listing { items: items?, total })
    }

    async fn sync(&self, offer: Offer) -> Result<SyncReport> {
        let offer = std::sync::Arc::new(offer);
        self.db()?
            .write(move |tx| {
                let offer = std::sync::Arc::clone(&offer);
                Box::pin(async move { sync::sync(tx, &offer).await })
            })
            .await
    }
}

impl Storage {
    /// Changes one task by one statement; gives it as it then is. `holds` says whether its jobs may
    /// be held by something else from then on.
    async fn edit<F>(&self, key: Key, holds: bool, change: F) -> Result<Task>
    where
        F: Fn(&Tx, i64) -> (String, Vec<Value>) + Clone + Send + Sync + 'static,
    {
        self.db()?
            .write(move |tx| {
                let (key, change) = (key.clone(), change.clone());
                Box::pin(async move {
                    alone(tx).await?;
                    let row = one(tx, &TASK_SUMMARIES, "task", &key).await?;
                    let number: i64 = column(&row, "number")?;
                    let (sql, values) = change(tx, number);
                    execute(tx, &sql, values).await?;
                    if holds {
                        task_changed(tx, number).await?;
                        tx.tell(Change::Tasks);
                    }
                    present(tx, &Key::Number(number), tx.now).await
                })
            })
            .await
    }
}

async fn present(connection: &impl ConnectionTrait, key: &Key, now: i64) -> Result<Task> {
    let row: QueryResult = one(connection, &TASKS, "task", key).await?;
    task_of(&row, now)
}

async fn keep(tx: &Tx, put: PutTask) -> Result<Task> {
    alone(tx).await?;
    tx.tell(Change::Tasks);
    let Some(key) = &put.task else {
        let number = create(tx, &put).await?;
        return present(tx, &Key::Number(number), tx.now).await;
    };
    let row = one(tx, &TASKS, "task", key).await?;
    let (number, known) = (column(&row, "number")?, task_of(&row, tx.now)?);
    if put.if_checksum.as_ref().is_some_and(|wanted| *wanted != known.checksum) {
        let message = format!("the task `{key}` has changed: it is {} now", known.checksum);
        return Err(Error::new(Code::Conflict, message).with_reason("task.changed"));
    }
    if known.origin.is_some() && put.definition.id.is_some_and(|wanted| wanted != known.id) {
        let message = format!("the task `{key}` comes from a source and keeps its id {}", known.id);
        return Err(Error::invalid(message).with_reason("task.other_id"));
    }
    check_name(tx, &put.definition.name, Some(number)).await?;
    let before = Known {
        number,
        id: known.id,
        checksum: known.checksum,
        revision: column(&row, "revision")?,
    };
    renew(tx, &before, &put.definition, known.origin.as_ref(), put.note.as_deref()).await?;
    if let Some(enabled) = put.enabled.filter(|enabled| *enabled != known.enabled) {
        let sql = "UPDATE tasks SET enabled = $2, updated_at = $3 WHERE number = $1";
        execute(tx, sql, [number.into(), enabled.into(), tx.now.into()]).await?;
        task_changed(tx, number).await?;
    }
    present(tx, &Key::Number(number), tx.now).await
}

async fn create(tx: &Tx, put: &PutTask) -> Result<i64> {
    if put.if_checksum.is_some() {
        let message = format!("there is no task `{}` to change", put.definition.name);
        return Err(Error::new(Code::Conflict, message).with_reason("task.changed"));
    }
    check_name(tx, &put.definition.name, None).await?;
    if let Some(id) = put.definition.id {
        let sql = "SELECT COUNT(*) FROM tasks WHERE id = $1";
        if query_number(tx, sql, [crate::row::uuid(id)]).await? > 0 {
            let message = format!("there is a task {id} already");
            return Err(Error::new(Code::Conflict, message).with_reason("task.exists"));
        }
    }
    let enabled = put.enabled.unwrap_or(true);
    insert(tx, &put.definition, None, put.note.as_deref(), enabled).await
}
