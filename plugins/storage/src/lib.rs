//! `ratchet.storage`: keeps tasks, jobs, executions and schedules in SQLite or PostgreSQL.
//!
//! `db` is the database itself, `migration` its schema, `jobs` the queue, `list` how lists become
//! SQL, `upkeep` and `command` are for those who look after the database, and each of the others is
//! one store.

mod command;
pub mod config;
mod db;
mod deliveries;
mod executions;
mod find;
mod jobs;
mod list;
mod migration;
mod repositories;
mod row;
mod schedules;
mod tasks;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod upkeep;
mod users;

use std::sync::Arc;

use ratchet_plugin_api::services::{
    Database, ExecutionStore, JobStore, RepositoryStore, ResultStore, ScheduleStore, TaskStore,
    UserStore,
};
use ratchet_plugin_api::{Code, Context, Error, Plugin, Result, plugin};
use serde::Deserialize;

use crate::command::{DbBackup, DbMigrate, DbRestore, DbStats, DbStatus, DbVacuum};
use crate::config::{Config, DatabaseConfig};
use crate::db::Db;

/// The plugin: one open database.
pub struct Storage {
    context: Context,
    config: DatabaseConfig,
    /// None while a command looks after the database, which may be one that cannot be opened.
    db: Option<Arc<Db>>,
}

/// What the host was started for.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Purpose {
    name: String,
    serves: bool,
}

impl Plugin for Storage {
    type Config = Config;

    async fn start(context: Context, config: Config) -> Result<Self> {
        // A host that does not know the question is one for tests: everything is opened.
        let purpose = context.query("command", "").unwrap_or_default();
        let purpose: Purpose = serde_json::from_str(&purpose).unwrap_or_default();
        let config = config.database;
        if purpose.name.starts_with("db ") {
            return Ok(Self { context, config, db: None });
        }
        let db = Db::open(config.clone()).await?;
        if purpose.serves {
            context.spawn(upkeep::keep_tidy(context.clone(), Arc::clone(&db)));
        }
        Ok(Self { context, config, db: Some(db) })
    }

    async fn stop(&self) -> Result<()> {
        if let Some(db) = &self.db {
            db.close().await;
        }
        Ok(())
    }
}

impl Storage {
    /// Lets time pass on the store's clock, for tests.
    ///
    /// # Errors
    /// `Unavailable` when the database is not open.
    #[doc(hidden)]
    pub fn advance_clock(&self, by: std::time::Duration) -> Result<()> {
        self.db()?.advance_clock(by);
        Ok(())
    }

    /// The open database.
    pub(crate) fn db(&self) -> Result<&Arc<Db>> {
        self.db.as_ref().ok_or_else(|| {
            let message = "the database is not open while a command looks after it";
            Error::new(Code::Unavailable, message).with_reason("storage.not_open")
        })
    }

    pub(crate) fn config(&self) -> &DatabaseConfig {
        &self.config
    }

    pub(crate) fn context(&self) -> &Context {
        &self.context
    }
}

plugin! {
    id: "ratchet.storage",
    summary: "Keeps tasks, jobs, executions and schedules in SQLite or PostgreSQL",
    plugin: Storage,
    provides: [
        TaskStore,
        JobStore,
        ExecutionStore,
        ScheduleStore,
        ResultStore,
        UserStore,
        RepositoryStore,
        Database,
    ],
    commands: [DbStatus, DbMigrate, DbStats, DbBackup, DbRestore, DbVacuum],
}
