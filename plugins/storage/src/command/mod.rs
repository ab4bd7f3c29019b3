//! `ratchet db …`: looking after the database from the shell.

mod backup;
mod migrate;
mod print;
mod stats;
mod status;
mod vacuum;

use std::sync::Arc;

use ratchet_plugin_api::{Error, Result};

pub(crate) use backup::{DbBackup, DbRestore};
pub(crate) use migrate::DbMigrate;
pub(crate) use stats::DbStats;
pub(crate) use status::DbStatus;
pub(crate) use vacuum::DbVacuum;

use crate::Storage;
use crate::db::{Db, Place};

/// Connects to the database for a command that needs a lasting one, and changes nothing yet.
async fn lasting(plugin: &Storage) -> Result<Arc<Db>> {
    let config = plugin.config();
    if Place::of(config)? == Place::Memory {
        return Err(Error::invalid(
            "the database is in memory (`server.database.url` is `sqlite::memory:`, as it is when \
             nobody says), so it is gone when this command ends; name one that lasts, such as \
             `RATCHET_DATABASE_URL=sqlite://ratchet.db`",
        )
        .with_reason("storage.in_memory"));
    }
    Db::connect(config.clone()).await
}
