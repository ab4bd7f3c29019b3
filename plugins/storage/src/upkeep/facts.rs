//! What the database is and holds.

use ratchet_plugin_api::Result;
use ratchet_plugin_api::services::{DatabaseStats, DatabaseStatus, TableStats};
use sea_orm::{ConnectionTrait, DbBackend};

use super::tables;
use crate::config::DatabaseConfig;
use crate::db::{
    Db, Place, connect_unchecked, get, peek, query, query_number, query_one, storage_error,
};
use crate::migration;

/// How the database of this configuration stands, whatever it is. Makes and changes nothing.
pub(crate) async fn look(config: &DatabaseConfig) -> Result<DatabaseStatus> {
    let place = Place::of(config)?;
    let connection = match &place {
        Place::File(_) => match peek(&place, config).await? {
            Some(connection) => connection,
            None => return Ok(nothing(&place)),
        },
        Place::Memory | Place::Server(_) => connect_unchecked(&place, config).await?.read,
    };
    let status = status(&connection, &place).await;
    connection.close().await.map_err(storage_error)?;
    status
}

/// What is said of a file that is not there.
fn nothing(place: &Place) -> DatabaseStatus {
    DatabaseStatus {
        url: place.to_string(),
        backend: backend(place.backend()).to_owned(),
        server_version: String::new(),
        schema: None,
        pending: migration::known(),
        unknown: Vec::new(),
        bytes: 0,
    }
}

const fn backend(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Sqlite => "sqlite",
        _ => "postgres",
    }
}

/// How a database stands.
pub(super) async fn status(
    connection: &impl ConnectionTrait,
    place: &Place,
) -> Result<DatabaseStatus> {
    let applied = migration::applied(connection).await?;
    let known = migration::known();
    let sql = match place.backend() {
        DbBackend::Sqlite => "SELECT sqlite_version()",
        _ => "SELECT current_setting('server_version')",
    };
    let version = query_one(connection, sql, []).await?;
    Ok(DatabaseStatus {
        url: place.to_string(),
        backend: backend(place.backend()).to_owned(),
        server_version: version.map(|row| get(&row, 0)).transpose()?.unwrap_or_default(),
        pending: known.iter().filter(|name| !applied.contains(name)).cloned().collect(),
        unknown: applied.iter().filter(|name| !known.contains(name)).cloned().collect(),
        schema: applied.into_iter().next_back(),
        bytes: bytes(connection).await?,
    })
}

async fn bytes(connection: &impl ConnectionTrait) -> Result<u64> {
    let sql = match connection.get_database_backend() {
        DbBackend::Sqlite => {
            "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
        }
        _ => "SELECT pg_database_size(current_database())",
    };
    Ok(query_number(connection, sql, []).await?.unsigned_abs())
}

/// What the database holds.
pub(crate) async fn stats(db: &Db) -> Result<DatabaseStats> {
    let connection = db.read();
    let mut found = Vec::new();
    for name in tables::names(connection).await? {
        let rows = query_number(connection, &format!("SELECT COUNT(*) FROM {name}"), []).await?;
        let sql = match db.backend() {
            // With the table's indices.
            DbBackend::Sqlite => {
                "SELECT SUM(pgsize) FROM dbstat WHERE aggregate AND name IN \
                 (SELECT name FROM sqlite_master WHERE tbl_name = $1)"
            }
            _ => "SELECT pg_total_relation_size(CAST($1 AS regclass))",
        };
        let row = query_one(connection, sql, [name.clone().into()]).await?;
        let bytes = row.map(|row| get::<Option<i64>>(&row, 0)).transpose()?.flatten();
        found.push(TableStats {
            name,
            rows: rows.unsigned_abs(),
            bytes: bytes.map(i64::unsigned_abs),
        });
    }
    let free = match db.backend() {
        DbBackend::Sqlite => {
            let sql = "SELECT freelist_count * page_size \
                FROM pragma_freelist_count(), pragma_page_size()";
            Some(query_number(connection, sql, []).await?.unsigned_abs())
        }
        _ => None,
    };
    Ok(DatabaseStats { tables: found, bytes: bytes(connection).await?, free_bytes: free })
}

/// Gives space that is free back to the system; gives the bytes it takes up now.
pub(crate) async fn vacuum(db: &Db) -> Result<u64> {
    if db.backend() == DbBackend::Sqlite {
        db.execute_outside("VACUUM").await?;
        db.execute_outside("PRAGMA wal_checkpoint(TRUNCATE)").await?;
        return bytes(db.read()).await;
    }
    // It may take longer than a statement usually may.
    let mut config = db.config().clone();
    config.postgres.statement_timeout = 0;
    let patient = connect_unchecked(db.place(), &config).await?.write;
    let mut done = Ok(());
    for name in tables::names(&patient).await? {
        let sql = format!("VACUUM (ANALYZE) {name}");
        if let Err(error) = patient.execute_unprepared(&sql).await {
            done = Err(storage_error(error));
            break;
        }
    }
    patient.close().await.map_err(storage_error)?;
    done?;
    bytes(db.read()).await
}

/// Whether anything is kept that somebody could miss.
pub(super) async fn holds_something(connection: &impl ConnectionTrait) -> Result<bool> {
    let there = tables::names(connection).await?;
    for name in ["tasks", "jobs", "job_history", "executions", "schedules", "users"] {
        if there.iter().any(|table| table == name) {
            let sql = format!("SELECT 1 FROM {name} LIMIT 1");
            if !query(connection, &sql, []).await?.is_empty() {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
