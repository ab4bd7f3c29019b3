//! Restoring a backup.
//!
//! The file is read to its end before anything is touched. Then one transaction drops all there is,
//! makes the schema the backup was made with, fills it, and brings it up to date, so that a backup
//! of an older version is as good as one of this.

use std::path::Path;

use ratchet_plugin_api::services::{Change, DumpReport};
use ratchet_plugin_api::{Code, Error, Result};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend};
use sha2::{Digest as _, Sha256};
use tokio::fs::File;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::dump::{FORMAT, Footer, Header, Heading, Numbers, hexadecimal};
use super::facts::holds_something;
use super::tables::{self, Table};
use crate::db::{Db, NUMBERED, execute, query_number, storage_error};
use crate::migration;

/// Rows and bytes kept with one statement.
const ROWS: usize = 500;
const BYTES: usize = 4 << 20;

/// Puts what a backup holds in the place of all that is there.
pub(crate) async fn restore(db: &Db, path: &Path, force: bool) -> Result<DumpReport> {
    let (header, footer, bytes) = examine(path).await?;
    let known = migration::known();
    let Some(place) = known.iter().position(|name| *name == header.schema) else {
        let message = format!(
            "{} was made by Ratchet {}, whose schema `{}` this version does not know; restore it \
             with that version or a later one",
            path.display(),
            header.version,
            header.schema
        );
        return Err(Error::new(Code::Conflict, message).with_reason("backup.newer"));
    };
    if !force {
        check_free(db).await?;
    }
    let transaction = db.begin().await?;
    drop_all(&transaction).await?;
    migration::up(&transaction, Some(place + 1)).await?;
    let rows = fill(&transaction, path).await?;
    if rows != footer.rows {
        return Err(damaged(path, &format!("it has {rows} rows, not {}", footer.rows)));
    }
    migration::up(&transaction, None).await?;
    transaction.commit().await.map_err(storage_error)?;
    db.write(|tx| {
        Box::pin(async move {
            [Change::Tasks, Change::Schedules, Change::Deliveries, Change::Ready]
                .into_iter()
                .for_each(|change| tx.tell(change));
            Ok(())
        })
    })
    .await?;
    Ok(DumpReport { path: path.display().to_string(), schema: header.schema, rows, bytes })
}

/// Refuses to replace what somebody could miss.
async fn check_free(db: &Db) -> Result<()> {
    if migration::applied(db.read()).await?.is_empty() {
        return Ok(());
    }
    let sql = "SELECT COUNT(*) FROM hosts WHERE expires_at > $1";
    let hosts = query_number(db.read(), sql, [db.now().await?.into()]).await?;
    if hosts > 0 {
        let message = format!(
            "{hosts} running server(s) use {}; stop them first, or say that it shall be replaced \
             all the same (`--force`)",
            db.place()
        );
        return Err(Error::new(Code::Conflict, message).with_reason("restore.in_use"));
    }
    if holds_something(db.read()).await? {
        let message = format!(
            "{} is not empty; all in it would be replaced (`--force` does that)",
            db.place()
        );
        return Err(Error::new(Code::Conflict, message).with_reason("restore.not_empty"));
    }
    Ok(())
}

fn damaged(path: &Path, why: &str) -> Error {
    Error::invalid(format!("{} is no whole backup: {why}", path.display()))
        .with_reason("backup.damaged")
}

async fn open(path: &Path) -> Result<BufReader<File>> {
    let file = File::open(path)
        .await
        .map_err(|error| Error::from(error).context(format!("cannot read {}", path.display())))?;
    Ok(BufReader::with_capacity(1 << 16, file))
}

/// Reads the file to its end, and gives its first and last line and its size.
async fn examine(path: &Path) -> Result<(Header, Footer, u64)> {
    let mut reader = open(path).await?;
    let mut digest = Sha256::new();
    let (mut line, mut bytes, mut header) = (Vec::new(), 0, None);
    loop {
        line.clear();
        let read = reader.read_until(b'\n', &mut line).await?;
        if read == 0 {
            return Err(damaged(path, "its last line is missing"));
        }
        bytes += read as u64;
        if header.is_none() {
            let first: Option<Header> = serde_json::from_slice(&line).ok();
            let first = first.filter(|first| first.format == FORMAT);
            header = Some(first.ok_or_else(|| damaged(path, "its first line is not one's"))?);
        } else if line.starts_with(b"{\"rows\":") {
            let footer: Footer = serde_json::from_slice(&line)
                .map_err(|error| damaged(path, &format!("its last line: {error}")))?;
            if footer.sha256 != hexadecimal(&digest.finalize()) {
                return Err(damaged(path, "it was changed after it was made"));
            }
            let header = header.ok_or_else(|| damaged(path, "its first line is missing"))?;
            return Ok((header, footer, bytes));
        }
        digest.update(&line);
    }
}

async fn drop_all(transaction: &DatabaseTransaction) -> Result<()> {
    let postgres = transaction.get_database_backend() == DbBackend::Postgres;
    let cascade = if postgres { " CASCADE" } else { "" };
    for name in tables::names(transaction).await? {
        let sql = format!("DROP TABLE {name}{cascade}");
        transaction.execute_unprepared(&sql).await.map_err(storage_error)?;
    }
    if postgres {
        for kind in NUMBERED {
            let sql = format!("DROP SEQUENCE IF EXISTS {kind}_number");
            transaction.execute_unprepared(&sql).await.map_err(storage_error)?;
        }
    }
    Ok(())
}

/// Keeps all rows of the file; gives how many.
async fn fill(transaction: &DatabaseTransaction, path: &Path) -> Result<u64> {
    let present = tables::kept(transaction).await?;
    for table in &present {
        // A schema may come with rows of its own.
        let sql = format!("DELETE FROM {}", table.name);
        transaction.execute_unprepared(&sql).await.map_err(storage_error)?;
    }
    let backend = transaction.get_database_backend();
    let mut lines = open(path).await?.lines();
    let mut batch = Batch { sql: String::new(), rows: 0, text: String::new(), count: 0 };
    let _header = lines.next_line().await?;
    while let Some(line) = lines.next_line().await? {
        if line.starts_with('[') {
            batch.push(transaction, &line).await?;
            continue;
        }
        batch.write(transaction).await?;
        if line.starts_with("{\"table\":") {
            let heading: Heading = serde_json::from_str(&line)?;
            batch.sql = matching(&present, heading, path)?.insert(backend);
        } else if line.starts_with("{\"numbers\":") {
            set_numbers(transaction, &serde_json::from_str::<Numbers>(&line)?).await?;
        } else {
            break;
        }
    }
    Ok(batch.count)
}

/// The table as the backup has it: its columns may be in another order.
fn matching(present: &[Table], heading: Heading, path: &Path) -> Result<Table> {
    let unknown = |what: &str| damaged(path, &format!("there is no {what} in its schema"));
    let known = present.iter().find(|table| table.name == heading.table);
    let known = known.ok_or_else(|| unknown(&heading.table))?;
    let mut columns = Vec::new();
    for name in heading.columns {
        let column = known.columns.iter().find(|column| column.name == name);
        columns.push(column.cloned().ok_or_else(|| unknown(&format!("{}.{name}", known.name)))?);
    }
    Ok(Table { name: heading.table, columns })
}

async fn set_numbers(transaction: &DatabaseTransaction, numbers: &Numbers) -> Result<()> {
    for kind in NUMBERED {
        let last = numbers.numbers.get(*kind).copied().unwrap_or_default();
        if last == 0 {
            continue;
        }
        if transaction.get_database_backend() == DbBackend::Sqlite {
            let sql = "INSERT INTO counters (kind, value) VALUES ($1, $2)";
            execute(transaction, sql, [(*kind).into(), last.into()]).await?;
        } else {
            let sql = format!("SELECT setval('{kind}_number', $1)");
            query_number(transaction, &sql, [last.into()]).await?;
        }
    }
    Ok(())
}

/// Rows of one table that are kept together.
struct Batch {
    sql: String,
    rows: usize,
    text: String,
    count: u64,
}

impl Batch {
    async fn push(&mut self, transaction: &DatabaseTransaction, row: &str) -> Result<()> {
        self.text.push(if self.rows == 0 { '[' } else { ',' });
        self.text.push_str(row);
        self.rows += 1;
        self.count += 1;
        if self.rows == ROWS || self.text.len() >= BYTES {
            self.write(transaction).await?;
        }
        Ok(())
    }

    async fn write(&mut self, transaction: &DatabaseTransaction) -> Result<()> {
        if self.rows > 0 {
            self.text.push(']');
            let rows = std::mem::take(&mut self.text);
            execute(transaction, &self.sql, [rows.into()]).await?;
            self.rows = 0;
        }
        Ok(())
    }
}
