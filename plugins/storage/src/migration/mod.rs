//! Migrations: every schema there has been, and the way from each to the next.
//!
//! One transaction brings a database from whatever it is to the newest, so that one that is
//! interrupted leaves what was there. Whoever comes second waits for the first.

mod m0001_first;

use std::collections::BTreeSet;

use ratchet_plugin_api::{Code, Error, Result};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend};
use sea_orm_migration::prelude::{DbErr, SchemaManager};
use sea_orm_migration::{MigrationTrait, MigratorTrait};

use crate::db::{query, storage_error};

/// The lock of PostgreSQL that migrations are done under: any number nobody else uses.
const ADVISORY_LOCK: i64 = 0x5261_7463_6865_7401;

/// Every migration, oldest first.
pub(crate) struct Migrator;

#[sea_orm_migration::async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(m0001_first::Migration)]
    }
}

/// Names of migrations that a database has had, oldest first, or could have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SchemaState {
    /// Those it has had.
    pub(crate) applied: Vec<String>,
    /// Those it has not had yet.
    pub(crate) pending: Vec<String>,
}

/// How a database stands. Changes nothing.
///
/// # Errors
/// `Conflict` with `storage.newer` when it was made by a newer version.
pub(crate) async fn state(connection: &impl ConnectionTrait) -> Result<SchemaState> {
    let applied = applied(connection).await?;
    let known = known();
    let unknown: Vec<&str> =
        applied.iter().filter(|name| !known.contains(name)).map(String::as_str).collect();
    if !unknown.is_empty() {
        let message = format!(
            "the database was made by a newer version of Ratchet (it has had {}); \
             nothing was changed: use that version, or restore a backup made by this one",
            unknown.join(", ")
        );
        return Err(Error::new(Code::Conflict, message).with_reason("storage.newer"));
    }
    let had: BTreeSet<&String> = applied.iter().collect();
    let pending = known.iter().filter(|name| !had.contains(name)).cloned().collect();
    Ok(SchemaState { applied, pending })
}

/// Names of all migrations of this version, oldest first.
pub(crate) fn known() -> Vec<String> {
    Migrator::migrations().iter().map(|migration| migration.name().to_owned()).collect()
}

/// Applies the next migrations within `transaction`, as many of them or all.
pub(crate) async fn up(transaction: &DatabaseTransaction, steps: Option<usize>) -> Result<()> {
    let steps = steps.and_then(|steps| u32::try_from(steps).ok());
    Migrator::up(transaction, steps).await.map_err(storage_error)
}

/// Names of the migrations a database has had, oldest first, known or not.
pub(crate) async fn applied(connection: &impl ConnectionTrait) -> Result<Vec<String>> {
    let there = match connection.get_database_backend() {
        DbBackend::Sqlite => {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'seaql_migrations'"
        }
        _ => "SELECT 'x' AS name WHERE to_regclass('seaql_migrations') IS NOT NULL",
    };
    if query(connection, there, []).await?.is_empty() {
        return Ok(Vec::new());
    }
    let rows =
        query(connection, "SELECT version FROM seaql_migrations ORDER BY version", []).await?;
    rows.iter().map(|row| row.try_get_by_index(0).map_err(storage_error)).collect()
}

/// Brings the database to the newest schema within `transaction`, which on SQLite has to hold the
/// right to write already. Gives the names of the migrations it has had now.
pub(crate) async fn migrate(transaction: &DatabaseTransaction) -> Result<Vec<String>> {
    if transaction.get_database_backend() == DbBackend::Postgres {
        query(transaction, "SELECT pg_advisory_xact_lock($1)", [ADVISORY_LOCK.into()]).await?;
    }
    let pending = state(transaction).await?.pending;
    if !pending.is_empty() {
        up(transaction, None).await?;
    }
    Ok(pending)
}

/// Runs a schema text on either database: what is marked as only for the other is left out.
async fn run(manager: &SchemaManager<'_>, text: &str) -> Result<(), DbErr> {
    let connection = manager.get_connection();
    let sqlite = connection.get_database_backend() == DbBackend::Sqlite;
    let (key, uuid) =
        if sqlite { ("INTEGER PRIMARY KEY", "BLOB") } else { ("BIGINT PRIMARY KEY", "UUID") };
    let other = if sqlite { "-- postgres only\n" } else { "-- sqlite only\n" };
    for statement in text.split_inclusive(";\n") {
        if statement.contains(other) {
            continue;
        }
        let code: String = statement
            .lines()
            .filter(|line| !line.starts_with("--"))
            .flat_map(|line| [line, "\n"])
            .collect();
        if !code.trim().is_empty() {
            let statement = code.replace("{key}", key).replace("{uuid}", uuid);
            connection.execute_unprepared(&statement).await?;
        }
    }
    Ok(())
}
