//! Writing tasks and versions, within a transaction.

use ratchet_plugin_api::model::{Id, TaskDefinition, TaskOrigin};
use ratchet_plugin_api::{Code, Error, Result};
use sea_orm::{ConnectionTrait, DbBackend, Value};

use super::shortened;
use crate::db::{Numbered, Tx, execute, query, query_one};
use crate::jobs::hold::task_changed;
use crate::row::{from_uuid, uuid};

/// The lock of PostgreSQL that tasks are changed under, so that what was checked stays true.
const ADVISORY_LOCK: i64 = 0x5261_7463_6865_7402;

/// What a task is recognised and compared by.
pub(super) struct Known {
    pub(super) number: i64,
    pub(super) id: Id,
    pub(super) checksum: String,
    pub(super) revision: i64,
}

/// Waits until nobody else changes tasks.
pub(super) async fn alone(tx: &Tx) -> Result<()> {
    if tx.get_database_backend() == DbBackend::Postgres {
        query(tx, "SELECT pg_advisory_xact_lock($1)", [ADVISORY_LOCK.into()]).await?;
    }
    Ok(())
}

/// Refuses a name that another task has.
pub(super) async fn check_name(tx: &Tx, name: &str, own: Option<i64>) -> Result<()> {
    let sql = "SELECT id FROM tasks WHERE name = $1 AND removed_at IS NULL AND number <> $2";
    match query_one(tx, sql, [name.into(), own.unwrap_or(-1).into()]).await? {
        None => Ok(()),
        Some(row) => {
            let other = from_uuid(crate::row::column(&row, "id")?);
            Err(name_taken(name, other))
        }
    }
}

/// The error for a name that another task has.
pub(super) fn name_taken(name: &str, other: Id) -> Error {
    let message = format!("the task {other} is called `{name}` already");
    Error::new(Code::Conflict, message).with_reason("task.exists")
}

/// Keeps a new task; gives its number.
pub(super) async fn insert(
    tx: &Tx,
    definition: &TaskDefinition,
    origin: Option<&TaskOrigin>,
    note: Option<&str>,
    enabled: bool,
) -> Result<i64> {
    let number = tx.numbers(Numbered::Task, 1).await?.first().copied().unwrap_or_default();
    let id = definition.id.unwrap_or_else(Id::new);
    let texts = Texts::of(definition, id)?;
    let sql = "INSERT INTO tasks (number, id, name, label, version, description, tags, summary, \
        definition, checksum, revision, enabled, repository, path, source_revision, created_at, \
        updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1, $11, $12, $13, $14, $15, \
        $15)";
    let mut values = vec![number.into(), uuid(id)];
    values.extend(texts.values(definition));
    values.push(enabled.into());
    values.extend(origin_values(origin));
    values.push(tx.now.into());
    execute(tx, sql, values).await?;
    insert_version(tx, number, 1, &texts, origin, note).await?;
    Ok(number)
}

/// Makes a definition the present version of a task; whether it differs from what was.
pub(super) async fn renew(
    tx: &Tx,
    known: &Known,
    definition: &TaskDefinition,
    origin: Option<&TaskOrigin>,
    note: Option<&str>,
) -> Result<bool> {
    let checksum = definition.checksum();
    if checksum == known.checksum {
        return Ok(false);
    }
    let texts = Texts::of(definition, known.id)?;
    let revision = known.revision + 1;
    let sql = "UPDATE tasks SET name = $3, label = $4, version = $5, description = $6, tags = $7, \
        summary = $8, definition = $9, checksum = $10, revision = $2, updated_at = $11, \
        validated_at = NULL WHERE number = $1";
    let mut values = vec![known.number.into(), revision.into()];
    values.extend(texts.values(definition));
    values.push(tx.now.into());
    execute(tx, sql, values).await?;
    insert_version(tx, known.number, revision, &texts, origin, note).await?;
    Ok(true)
}

/// Takes a task out of use.
pub(super) async fn remove(tx: &Tx, number: i64) -> Result<()> {
    let sql = "UPDATE tasks SET removed_at = $2, updated_at = $2 WHERE number = $1";
    execute(tx, sql, [number.into(), tx.now.into()]).await?;
    task_changed(tx, number).await
}

/// Where a task came from, as values of three columns.
pub(super) fn origin_values(origin: Option<&TaskOrigin>) -> [Value; 3] {
    [
        Value::String(origin.map(|origin| origin.repository.clone())),
        Value::String(origin.map(|origin| origin.path.clone())),
        Value::String(origin.and_then(|origin| origin.revision.clone())),
    ]
}

/// A definition as it is kept.
struct Texts {
    tags: String,
    summary: String,
    definition: String,
    checksum: String,
}

impl Texts {
    fn of(definition: &TaskDefinition, id: Id) -> Result<Self> {
        let whole = TaskDefinition { id: Some(id), ..definition.clone() };
        Ok(Self {
            tags: serde_json::to_string(&whole.tags)?,
            summary: serde_json::to_string(&shortened(&whole))?,
            definition: serde_json::to_string(&whole)?,
            checksum: whole.checksum(),
        })
    }

    /// The columns from `name` to `checksum`.
    fn values(&self, definition: &TaskDefinition) -> [Value; 8] {
        [
            definition.name.clone().into(),
            Value::String(definition.label.clone()),
            definition.version.clone().into(),
            Value::String(definition.description.clone()),
            self.tags.clone().into(),
            self.summary.clone().into(),
            self.definition.clone().into(),
            self.checksum.clone().into(),
        ]
    }
}

async fn insert_version(
    tx: &Tx,
    task: i64,
    revision: i64,
    texts: &Texts,
    origin: Option<&TaskOrigin>,
    note: Option<&str>,
) -> Result<()> {
    let sql = "INSERT INTO task_versions (task, revision, definition, checksum, repository, path, \
        source_revision, note, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let mut values = vec![
        task.into(),
        revision.into(),
        texts.definition.clone().into(),
        texts.checksum.clone().into(),
    ];
    values.extend(origin_values(origin));
    values.push(Value::String(note.map(str::to_owned)));
    values.push(tx.now.into());
    execute(tx, sql, values).await?;
    Ok(())
}
