//! From a URL to connections.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ratchet_plugin_api::{Code, Error, Result};
use sea_orm::{ConnectOptions, Database, DatabaseConnection, DbBackend};
use sqlx::Connection as _;
use sqlx::postgres::PgSslMode;

use super::error::storage_error;
use crate::config::{DatabaseConfig, SslMode, Synchronous};

/// Connections of PostgreSQL that write. One more listens for changes.
pub(super) const LANES: u32 = 3;

/// How long whoever writes waits for a connection before it looks whether it is still wanted.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connection that was not used for so long is tested before it is used, and has so long to
/// answer.
const IDLE: Duration = Duration::from_secs(1);
const ANSWER: Duration = Duration::from_secs(2);

/// Rows that a connection of SQLite may be ahead of whoever reads them. Each time it has to wait,
/// two threads change places.
const ROWS: usize = 1024;

/// The URL in force when there is none in the configuration.
const DEFAULT_URL: &str = "sqlite::memory:";

/// Which database a URL means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// SQLite, gone when the program ends.
    Memory,
    /// SQLite in this file.
    File(PathBuf),
    /// PostgreSQL at this URL.
    Server(String),
}

impl Place {
    /// Reads the URL.
    ///
    /// # Errors
    /// `Configuration` when it is none of a database Ratchet can use.
    pub(crate) fn of(config: &DatabaseConfig) -> Result<Self> {
        let url = config.url.as_ref().map_or(DEFAULT_URL, |url| url.reveal()).trim();
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            // One of the two spellings is all the driver takes.
            return Ok(Self::Server(url.replacen("postgresql://", "postgres://", 1)));
        }
        let Some(path) = url.strip_prefix("sqlite:") else {
            let scheme = url.split(':').next().unwrap_or_default();
            let message = format!(
                "`server.database.url` starts with `{scheme}:`, which is no database Ratchet can \
                 use; it starts with `sqlite:` or `postgres:`"
            );
            return Err(Error::new(Code::Configuration, message).with_reason("storage.bad_url"));
        };
        let path = path.strip_prefix("//").unwrap_or(path);
        let path = path.split('?').next().unwrap_or_default();
        match path {
            "" | ":memory:" => Ok(Self::Memory),
            path => Ok(Self::File(path.into())),
        }
    }

    /// Which kind of database it is.
    pub(crate) const fn backend(&self) -> DbBackend {
        match self {
            Self::Memory | Self::File(_) => DbBackend::Sqlite,
            Self::Server(_) => DbBackend::Postgres,
        }
    }
}

impl std::fmt::Display for Place {
    /// Without user and password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Memory => f.write_str("sqlite::memory:"),
            Self::File(path) => write!(f, "sqlite://{}", path.display()),
            Self::Server(url) => {
                let place = url.rsplit('@').next().unwrap_or_default();
                write!(f, "postgres://{}", place.trim_start_matches("postgres://"))
            }
        }
    }
}

/// The connections of a database: some for reading, and those that write.
pub(crate) struct Connections {
    pub(crate) read: DatabaseConnection,
    pub(crate) write: DatabaseConnection,
    pub(crate) suspects: Arc<Suspects>,
}

/// Connections that were there when one was lost: they are lost too, most likely, and one that is
/// half open would be waited for in vain.
#[derive(Debug, Default)]
pub(crate) struct Suspects {
    since: Mutex<Option<Instant>>,
}

impl Suspects {
    /// A connection was lost now.
    pub(crate) fn mark(&self) {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether a connection of this age was made since.
    fn clears(&self, age: Duration) -> bool {
        let since = *self.since.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_none_or(|since| age < since.elapsed())
    }
}

/// Opens what exists without changing it, to see what it is; none if there is nothing yet.
pub(crate) async fn peek(
    place: &Place,
    config: &DatabaseConfig,
) -> Result<Option<DatabaseConnection>> {
    let Place::File(path) = place else {
        return Ok(None);
    };
    if std::fs::metadata(path).map_or(0, |file| file.len()) == 0 {
        return Ok(None);
    }
    let mut options = base(path.to_string_lossy().as_ref(), config);
    let path = path.clone();
    options
        .max_connections(1)
        .map_sqlx_sqlite_opts(move |sqlite| sqlite.filename(&path).read_only(true));
    Database::connect(options).await.map(Some).map_err(storage_error)
}

/// Connects.
pub(crate) async fn connect(place: &Place, config: &DatabaseConfig) -> Result<Connections> {
    match place {
        Place::Memory => {
            let write = Database::connect(memory(config)).await.map_err(storage_error)?;
            Ok(Connections { read: write.clone(), write, suspects: Arc::default() })
        }
        Place::File(path) => {
            if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
                std::fs::create_dir_all(folder)?;
            }
            let write = Database::connect(file(path, config, true)).await.map_err(storage_error)?;
            let read = Database::connect(file(path, config, false)).await.map_err(storage_error)?;
            Ok(Connections { read, write, suspects: Arc::default() })
        }
        Place::Server(url) => {
            let suspects = Arc::<Suspects>::default();
            let mut write = server(url, config, &suspects);
            write
                .max_connections(LANES)
                .min_connections(config.min_connections.min(LANES))
                .acquire_timeout(PATIENCE.min(Duration::from_secs(config.connection_timeout)));
            let write = Database::connect(write).await.map_err(storage_error)?;
            let mut read = server(url, config, &suspects);
            let readers = config.max_connections.saturating_sub(LANES + 1).max(2);
            read.max_connections(readers).min_connections(config.min_connections.min(readers));
            let read = Database::connect(read).await.map_err(storage_error)?;
            Ok(Connections { read, write, suspects })
        }
    }
}

fn base(_name: &str, config: &DatabaseConfig) -> ConnectOptions {
    let mut options = ConnectOptions::new("sqlite:");
    options
        .sqlx_logging(false)
        .record_stmt_in_spans(false)
        .acquire_timeout(Duration::from_secs(config.connection_timeout));
    options
}

fn memory(config: &DatabaseConfig) -> ConnectOptions {
    let mut options = base("", config);
    // What is in memory goes with its connection: there is one, which is never closed.
    options
        .max_connections(1)
        .min_connections(1)
        .idle_timeout(None::<Duration>)
        .max_lifetime(None::<Duration>)
        .map_sqlx_sqlite_opts(|sqlite| {
            sqlite.in_memory(true).foreign_keys(false).row_buffer_size(ROWS)
        });
    options
}

fn file(path: &Path, config: &DatabaseConfig, writes: bool) -> ConnectOptions {
    let mut options = base("", config);
    if writes {
        options
            .max_connections(1)
            .min_connections(1)
            .idle_timeout(None::<Duration>)
            .max_lifetime(None::<Duration>)
            .test_before_acquire(false);
    } else {
        pool(&mut options, config);
    }
    let (path, busy) = (path.to_owned(), Duration::from_millis(config.sqlite.busy_timeout_ms));
    let cache = format!("-{}", config.sqlite.cache_size_kb);
    let (journal, synchronous) = (config.sqlite.journal_mode, config.sqlite.synchronous);
    options.map_sqlx_sqlite_opts(move |sqlite| {
        let sqlite = sqlite
            .filename(&path)
            .create_if_missing(writes)
            .foreign_keys(false)
            .row_buffer_size(ROWS)
            .busy_timeout(busy)
            .pragma("cache_size", cache.clone());
        if writes {
            sqlite
                .pragma("journal_mode", journal.as_sql())
                .pragma("synchronous", synchronous.as_sql())
                // Checkpoints sync too: fewer of them, of more pages each.
                .pragma("wal_autocheckpoint", "4000")
                .pragma("journal_size_limit", "67108864")
        } else {
            sqlite.pragma("query_only", "ON")
        }
    });
    options
}

fn server(url: &str, config: &DatabaseConfig, suspects: &Arc<Suspects>) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .sqlx_logging(false)
        .record_stmt_in_spans(false)
        .acquire_timeout(Duration::from_secs(config.connection_timeout));
    pool(&mut options, config);
    options.test_before_acquire(false);
    let (taken, given_back) = (Arc::clone(suspects), Arc::clone(suspects));
    options.map_sqlx_postgres_pool_opts(move |pool| {
        let (taken, given_back) = (Arc::clone(&taken), Arc::clone(&given_back));
        pool.before_acquire(move |connection, about| {
            let clear = taken.clears(about.age);
            Box::pin(async move {
                if !clear || about.idle_for < IDLE {
                    return Ok(clear);
                }
                let answer = tokio::time::timeout(ANSWER, connection.ping()).await;
                Ok(answer.is_ok_and(|answer| answer.is_ok()))
            })
        })
        .after_release(move |_, about| {
            let clear = given_back.clears(about.age);
            Box::pin(async move { Ok(clear) })
        })
    });
    let decided = url.contains("sslmode=") || url.contains("ssl-mode=");
    let ssl = (!decided).then_some(match config.postgres.ssl_mode {
        SslMode::Disable => PgSslMode::Disable,
        SslMode::Allow => PgSslMode::Allow,
        SslMode::Prefer => PgSslMode::Prefer,
        SslMode::Require => PgSslMode::Require,
        SslMode::VerifyCa => PgSslMode::VerifyCa,
        SslMode::VerifyFull => PgSslMode::VerifyFull,
    });
    let name = config.postgres.application_name.clone();
    let settings = [
        ("statement_timeout", (config.postgres.statement_timeout * 1000).to_string()),
        ("lock_timeout", (config.postgres.lock_timeout * 1000).to_string()),
        // A host that stands still in mid-transaction must not stop the others.
        ("idle_in_transaction_session_timeout", "10000".to_owned()),
        ("jit", "off".to_owned()),
    ];
    options.map_sqlx_postgres_opts(move |postgres| {
        let postgres = postgres.application_name(&name).options(settings.clone());
        match ssl {
            Some(ssl) => postgres.ssl_mode(ssl),
            None => postgres,
        }
    });
    options
}

fn pool(options: &mut ConnectOptions, config: &DatabaseConfig) {
    options
        .max_connections(config.max_connections.max(1))
        .min_connections(config.min_connections.min(config.max_connections))
        .idle_timeout(Some(Duration::from_secs(config.idle_timeout)))
        .max_lifetime(Some(Duration::from_secs(config.max_lifetime)));
}

/// The word for how a group is synced: claims and lines of log need not reach the disk at once.
pub(crate) fn synchronous(config: &DatabaseConfig, durable: bool) -> &'static str {
    let wanted = config.sqlite.synchronous;
    match wanted {
        Synchronous::Full | Synchronous::Extra if !durable => Synchronous::Normal.as_sql(),
        _ => wanted.as_sql(),
    }
}
