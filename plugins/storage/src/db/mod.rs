//! The database: connections, a clock, one way to read and one to write.

mod clock;
mod connect;
mod error;
mod rows;
mod sql;
mod tx;
mod watch;
mod writer;

use std::path::Path;
use std::sync::Arc;

use ratchet_plugin_api::services::Change;
use ratchet_plugin_api::{Code, Error, Result, Stream};
use sea_orm::{
    ConnectionTrait as _, DatabaseConnection, DatabaseTransaction, DbBackend,
    SqliteTransactionMode, TransactionOptions, TransactionTrait,
};

use crate::config::DatabaseConfig;
use crate::jobs::Sightings;
use crate::migration::{self, SchemaState};

pub(crate) use connect::{Place, connect as connect_unchecked, peek};
pub(crate) use error::storage_error;
pub(crate) use rows::{Cell, Kind, Rows};
pub(crate) use sql::{execute, execute_rows, get, query, query_number, query_one, query_rows};
pub(crate) use tx::{NUMBERED, Numbered, Tx};
pub(crate) use writer::{Boxed, Writer};

/// An open database. Cheap to share.
pub(crate) struct Db {
    place: Place,
    config: DatabaseConfig,
    connections: connect::Connections,
    clock: clock::Clock,
    writer: Writer,
    watch: Arc<watch::Watch>,
    sightings: Arc<Sightings>,
}

impl Db {
    /// Connects, and with `auto_migrate` brings the schema up to date.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be reached; `Conflict` when a newer version made it, which
    /// leaves it untouched, or when it is of an older version and must not be changed.
    pub(crate) async fn open(config: DatabaseConfig) -> Result<Arc<Self>> {
        let migrate = config.auto_migrate;
        let db = Self::connect(config).await?;
        if migrate {
            db.migrate().await?;
        } else if let [first, ..] = db.schema().await?.pending.as_slice() {
            let message = format!(
                "the database is of an older version (it lacks {first}) and \
                 `server.database.auto_migrate` is off; `ratchet db migrate` brings it up to date"
            );
            return Err(Error::new(Code::Conflict, message).with_reason("storage.older"));
        }
        Ok(db)
    }

    /// Connects to a database of whatever version that is not newer.
    pub(crate) async fn connect(config: DatabaseConfig) -> Result<Arc<Self>> {
        let place = Place::of(&config)?;
        if let Some(there) = connect::peek(&place, &config).await? {
            let state = migration::state(&there).await;
            there.close().await.map_err(storage_error)?;
            state?;
        }
        let connections = connect::connect(&place, &config).await?;
        let (writer, waiting) = Writer::new();
        let (clock, watch) = (
            clock::Clock::default(),
            Arc::new(watch::Watch::new(place.backend() == DbBackend::Postgres)),
        );
        let sightings = Arc::default();
        let db = Arc::new(Self { place, config, connections, clock, writer, watch, sightings });
        db.schema().await?;
        writer::start(&db, waiting);
        watch::start(&db);
        Ok(db)
    }

    /// Which migrations it has had. Changes nothing.
    pub(crate) async fn schema(&self) -> Result<SchemaState> {
        migration::state(self.read()).await
    }

    /// Brings the schema up to date; gives the names of the migrations that were needed.
    pub(crate) async fn migrate(&self) -> Result<Vec<String>> {
        let transaction = self.begin().await?;
        let done = migration::migrate(&transaction).await?;
        transaction.commit().await.map_err(storage_error)?;
        Ok(done)
    }

    /// A transaction that may write, apart from all others. For what changes the schema; anything
    /// else goes through [`Db::write`].
    pub(crate) async fn begin(&self) -> Result<DatabaseTransaction> {
        let mode =
            (self.backend() == DbBackend::Sqlite).then_some(SqliteTransactionMode::Immediate);
        let options = TransactionOptions { sqlite_transaction_mode: mode, ..Default::default() };
        self.connections.write.begin_with_options(options).await.map_err(storage_error)
    }

    /// Runs what no transaction may contain, on the connection that writes.
    pub(crate) async fn execute_outside(&self, sql: &str) -> Result<()> {
        let done = self.connections.write.execute_unprepared(sql).await;
        done.map(drop).map_err(storage_error)
    }

    /// Connections for reading; those of a file of SQLite cannot write.
    pub(crate) fn read(&self) -> &DatabaseConnection {
        &self.connections.read
    }

    /// The connection that writes to a file of SQLite, for tests that set it limits.
    #[cfg(test)]
    pub(crate) fn write_connection(&self) -> &DatabaseConnection {
        &self.connections.write
    }

    /// The way to write.
    pub(crate) fn writer(&self) -> &Writer {
        &self.writer
    }

    /// Runs `work` as a transaction; what it changed is on the disk when this returns. It may be
    /// called again when others were in the way.
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T>
    where
        F: for<'a> Fn(&'a Tx) -> Boxed<'a, Result<T>> + Send + Sync + 'static,
        T: Send + 'static,
    {
        self.writer.run(true, work).await
    }

    /// The same, but what it changed may be forgotten in a loss of power.
    pub(crate) async fn write_relaxed<T, F>(&self, work: F) -> Result<T>
    where
        F: for<'a> Fn(&'a Tx) -> Boxed<'a, Result<T>> + Send + Sync + 'static,
        T: Send + 'static,
    {
        self.writer.run(false, work).await
    }

    /// The store's time in microseconds since 1970.
    pub(crate) async fn now(&self) -> Result<i64> {
        self.clock.now(self.read()).await
    }

    /// When hosts were last seen.
    pub(crate) fn sightings(&self) -> &Arc<Sightings> {
        &self.sightings
    }

    /// Sets the store's clock forward, for tests.
    pub(crate) fn advance_clock(&self, by: std::time::Duration) {
        self.clock.advance(by);
        self.sightings.advance(by);
    }

    /// Which kind of database it is.
    pub(crate) fn backend(&self) -> DbBackend {
        self.place.backend()
    }

    /// Where it is.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// How it is configured.
    pub(crate) fn config(&self) -> &DatabaseConfig {
        &self.config
    }

    /// Its file, if it is one.
    pub(crate) fn path(&self) -> Option<&Path> {
        match &self.place {
            Place::File(path) => Some(path),
            Place::Memory | Place::Server(_) => None,
        }
    }

    fn is_file(&self) -> bool {
        self.path().is_some()
    }

    /// What changes from now on.
    pub(crate) fn changes(&self) -> Stream<Change> {
        self.watch.follow()
    }

    fn tell(&self, changes: Vec<Change>) {
        self.watch.tell(changes);
    }

    /// Closes all connections; what waits to be written is given up.
    pub(crate) async fn close(&self) {
        self.watch.stop();
        for connection in [&self.connections.write, &self.connections.read] {
            // One that is half open would be waited for in vain.
            let closing = connection.close_by_ref();
            let _ = tokio::time::timeout(std::time::Duration::from_secs(5), closing).await;
        }
    }
}

impl Drop for Db {
    fn drop(&mut self) {
        self.watch.stop();
    }
}
