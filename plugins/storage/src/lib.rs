//! `ratchet.storage`: keeps tasks, jobs, executions and schedules in SQLite or PostgreSQL.
//!
//! `db` is the database itself, `migration` its schema, `jobs` the queue.

pub mod config;
mod db;
mod jobs;
mod migration;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use std::sync::Arc;

use ratchet_plugin_api::{Context, Plugin, Result, plugin};

use crate::config::Config;
use crate::db::Db;

/// The plugin: one open database.
pub struct Storage {
    pub(crate) db: Arc<Db>,
}

impl Plugin for Storage {
    type Config = Config;

    async fn start(_context: Context, config: Config) -> Result<Self> {
        Ok(Self { db: Db::open(config.database).await? })
    }

    async fn stop(&self) -> Result<()> {
        self.db.close().await;
        Ok(())
    }
}

plugin! {
    id: "ratchet.storage",
    summary: "Keeps tasks, jobs, executions and schedules in SQLite or PostgreSQL",
    plugin: Storage,
    provides: [],
}
