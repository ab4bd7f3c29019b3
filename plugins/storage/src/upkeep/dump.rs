//! Backups: a text file of JSON lines that either database can be restored from.
//!
//! The first line says what it is, then each table is one line with its name and columns, followed
//! by one line for each row. The last line has the number of rows and the SHA-256 of all before it,
//! so that a file that was cut off or damaged is never restored.

use std::collections::BTreeMap;
use std::path::Path;

use ratchet_plugin_api::model::Timestamp;
use ratchet_plugin_api::services::DumpReport;
use ratchet_plugin_api::{Code, Error, Result};
use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseTransaction, DbBackend, IsolationLevel, TransactionTrait,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::fs::File;
use tokio::io::{AsyncWriteExt as _, BufWriter};

use super::tables::{self, Table};
use crate::db::{Db, NUMBERED, get, query, query_number, storage_error};
use crate::migration;

/// What a backup calls itself.
pub(super) const FORMAT: &str = "ratchet-backup/1";

/// Rows read at once.
const ROWS: i64 = 500;

/// The first line.
#[derive(Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) format: String,
    /// The newest migration of the schema.
    pub(super) schema: String,
    /// The database it was made of.
    pub(super) backend: String,
    /// The version of Ratchet that made it.
    pub(super) version: String,
    pub(super) made_at: Timestamp,
}

/// The line before the rows of a table.
#[derive(Serialize, Deserialize)]
pub(super) struct Heading {
    pub(super) table: String,
    pub(super) columns: Vec<String>,
}

/// The line before the last: the last numbers that were given out, by kind. It comes after the
/// rows, since PostgreSQL gives numbers out while they are read.
#[derive(Serialize, Deserialize)]
pub(super) struct Numbers {
    pub(super) numbers: BTreeMap<String, i64>,
}

/// The last line.
#[derive(Serialize, Deserialize)]
pub(super) struct Footer {
    pub(super) rows: u64,
    /// Of all bytes before this line.
    pub(super) sha256: String,
}

/// Writes all of the database to a file, as it is at one moment.
pub(crate) async fn backup(db: &Db, path: &Path) -> Result<DumpReport> {
    let mut options = tokio::fs::OpenOptions::new();
    // Hashes of passwords and whatever tasks were given are for nobody else to read.
    options.write(true).create_new(true).mode(0o600);
    let file = options.open(path).await.map_err(|error| {
        let exists = error.kind() == std::io::ErrorKind::AlreadyExists;
        let error = Error::from(error).context(format!("cannot write {}", path.display()));
        if exists { error.with_reason("backup.exists") } else { error }
    })?;
    let done = write(db, file, path).await;
    if done.is_err() {
        // Half a backup is none; if it cannot be removed, its missing end gives it away.
        let _ = tokio::fs::remove_file(path).await;
    }
    done
}

async fn write(db: &Db, file: File, path: &Path) -> Result<DumpReport> {
    let snapshot = match db.backend() {
        DbBackend::Sqlite => db.read().begin().await,
        _ => {
            let (level, mode) = (IsolationLevel::RepeatableRead, AccessMode::ReadOnly);
            db.read().begin_with_config(Some(level), Some(mode)).await
        }
    };
    let snapshot = snapshot.map_err(storage_error)?;
    let schema = migration::applied(&snapshot).await?.pop().ok_or_else(|| {
        Error::new(Code::Conflict, "there is nothing to back up: the database has no schema yet")
            .with_reason("backup.empty")
    })?;
    let mut writer = Writer { file: BufWriter::new(file), digest: Sha256::new(), bytes: 0 };
    writer
        .line(&Header {
            format: FORMAT.to_owned(),
            schema: schema.clone(),
            backend: if db.backend() == DbBackend::Sqlite { "sqlite" } else { "postgres" }.into(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            made_at: Timestamp::from_microseconds(db.now().await?),
        })
        .await?;
    let mut rows = 0;
    for table in tables::kept(&snapshot).await? {
        let columns = table.columns.iter().map(|column| column.name.clone()).collect();
        writer.line(&Heading { table: table.name.clone(), columns }).await?;
        rows += match db.backend() {
            DbBackend::Sqlite => rows_of_sqlite(&snapshot, &table, &mut writer).await?,
            _ => rows_of_postgres(&snapshot, &table, &mut writer).await?,
        };
    }
    let mut numbers = BTreeMap::new();
    for kind in NUMBERED {
        numbers.insert((*kind).to_owned(), last_number(&snapshot, kind).await?);
    }
    writer.line(&Numbers { numbers }).await?;
    snapshot.rollback().await.map_err(storage_error)?;
    let sha256 = hexadecimal(&writer.digest.clone().finalize());
    writer.line(&Footer { rows, sha256 }).await?;
    writer.file.flush().await?;
    writer.file.get_ref().sync_all().await?;
    Ok(DumpReport { path: path.display().to_string(), schema, rows, bytes: writer.bytes })
}

/// Every table of SQLite has a number for each row.
async fn rows_of_sqlite(
    snapshot: &DatabaseTransaction,
    table: &Table,
    writer: &mut Writer,
) -> Result<u64> {
    let sql = format!(
        "SELECT rowid, {} FROM {} WHERE rowid > $1 ORDER BY rowid LIMIT {ROWS}",
        table.as_json(DbBackend::Sqlite),
        table.name
    );
    let (mut last, mut count) = (i64::MIN, 0);
    loop {
        let rows = query(snapshot, &sql, [last.into()]).await?;
        for row in &rows {
            last = get(row, 0)?;
            writer.text(&get::<String>(row, 1)?).await?;
        }
        count += rows.len() as u64;
        if rows.len() < ROWS as usize {
            return Ok(count);
        }
    }
}

async fn rows_of_postgres(
    snapshot: &DatabaseTransaction,
    table: &Table,
    writer: &mut Writer,
) -> Result<u64> {
    let json = table.as_json(DbBackend::Postgres);
    let cursor = format!("DECLARE dump CURSOR FOR SELECT {json} FROM {}", table.name);
    snapshot.execute_unprepared(&cursor).await.map_err(storage_error)?;
    let mut count = 0;
    loop {
        let rows = query(snapshot, &format!("FETCH {ROWS} FROM dump"), []).await?;
        for row in &rows {
            writer.text(&get::<String>(row, 0)?).await?;
        }
        count += rows.len() as u64;
        if rows.len() < ROWS as usize {
            break;
        }
    }
    snapshot.execute_unprepared("CLOSE dump").await.map_err(storage_error)?;
    Ok(count)
}

async fn last_number(snapshot: &DatabaseTransaction, kind: &str) -> Result<i64> {
    if snapshot.get_database_backend() == DbBackend::Sqlite {
        let sql = "SELECT value FROM counters WHERE kind = $1";
        return query_number(snapshot, sql, [kind.into()]).await;
    }
    let sql = format!("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {kind}_number");
    query_number(snapshot, &sql, []).await
}

/// Writes lines and keeps count.
struct Writer {
    file: BufWriter<File>,
    digest: Sha256,
    bytes: u64,
}

impl Writer {
    async fn line(&mut self, line: &impl Serialize) -> Result<()> {
        self.text(&serde_json::to_string(line)?).await
    }

    /// A line break inside a row is escaped in JSON, so that a row is a line.
    async fn text(&mut self, text: &str) -> Result<()> {
        for part in [text.as_bytes(), b"\n"] {
            self.file.write_all(part).await?;
            self.digest.update(part);
            self.bytes += part.len() as u64;
        }
        Ok(())
    }
}

/// Bytes as lower-case hexadecimal.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
