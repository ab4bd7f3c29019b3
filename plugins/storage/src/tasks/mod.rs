//! Tasks and their versions.

mod store;
mod sync;
mod write;

use ratchet_plugin_api::Result;
use ratchet_plugin_api::model::{Pause, Task, TaskDefinition, TaskOrigin, TaskVersion, Timestamp};
use sea_orm::QueryResult;

use crate::row::{column, document, id, small, time, time_option};

/// Reads a task; a pause that has ended by `now` is none.
fn task_of(row: &QueryResult, now: i64) -> Result<Task> {
    let paused_until = time_option(row, "paused_until")?;
    let over = paused_until.is_some_and(|until| until.as_microseconds() <= now);
    let paused = if column::<bool>(row, "paused")? && !over {
        Some(Pause {
            since: time_option(row, "paused_since")?,
            until: paused_until,
            reason: column(row, "pause_reason")?,
        })
    } else {
        None
    };
    Ok(Task {
        id: id(row, "id")?,
        number: column(row, "number")?,
        definition: document(row, "definition")?,
        checksum: column(row, "checksum")?,
        enabled: column(row, "enabled")?,
        paused,
        origin: origin_of(row)?,
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
        validated_at: time_option(row, "validated_at")?,
    })
}

fn version_of(row: &QueryResult) -> Result<TaskVersion> {
    Ok(TaskVersion {
        task: id(row, "task")?,
        revision: small(row, "revision")?,
        definition: document(row, "definition")?,
        checksum: column(row, "checksum")?,
        origin: origin_of(row)?,
        note: column(row, "note")?,
        created_at: time(row, "created_at")?,
    })
}

fn origin_of(row: &QueryResult) -> Result<Option<TaskOrigin>> {
    let Some(repository) = column::<Option<String>>(row, "repository")? else {
        return Ok(None);
    };
    let path: Option<String> = column(row, "path")?;
    let revision = column(row, "source_revision")?;
    Ok(Some(TaskOrigin { repository, path: path.unwrap_or_default(), revision }))
}

/// Leaves out what is long.
fn shortened(definition: &TaskDefinition) -> TaskDefinition {
    let mut short = definition.clone();
    short.program.source.clear();
    short.program.modules.clear();
    short.schemas = Default::default();
    short.tests.clear();
    short
}

/// A pause as it is kept: since now if nobody says.
fn paused_since(pause: &Pause, now: i64) -> Timestamp {
    pause.since.unwrap_or_else(|| Timestamp::from_microseconds(now))
}
