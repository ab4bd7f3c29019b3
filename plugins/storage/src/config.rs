//! The `server.database` section of the configuration.

use ratchet_plugin_api::{Secret, config};

/// The plugin's configuration: the `server.database` section of the whole one.
#[config]
pub struct Config {
    /// Where everything is kept.
    #[section("server.database")]
    #[default]
    pub database: DatabaseConfig,
}

/// Where everything is kept.
#[config]
pub struct DatabaseConfig {
    /// Which database: `sqlite://ratchet.db` for a file (relative to the working directory;
    /// `sqlite:///var/lib/ratchet/ratchet.db` for an absolute path), `sqlite::memory:` for one
    /// that is gone when the program ends, or `postgres://user:password@host/database`.
    pub url: Option<Secret>,
    /// Connections kept at most, of which four are for writing and listening on PostgreSQL, where
    /// there are never less than six. A file of SQLite has one more, which writes.
    #[default(10)]
    pub max_connections: u32,
    /// Connections kept open although nobody uses them.
    #[default(1)]
    pub min_connections: u32,
    /// Seconds to wait for a connection before a call fails.
    #[default(30)]
    pub connection_timeout: u64,
    /// Seconds after which a connection that nobody used is closed.
    #[default(600)]
    pub idle_timeout: u64,
    /// Seconds after which a connection is closed and made anew.
    #[default(3600)]
    pub max_lifetime: u64,
    /// Whether a database of an older version is brought up to date at start. Without it that is
    /// refused, and `ratchet db migrate` does it.
    #[default(true)]
    pub auto_migrate: bool,
    /// What only concerns SQLite.
    #[default]
    pub sqlite: SqliteConfig,
    /// What only concerns PostgreSQL.
    #[default]
    pub postgres: PostgresConfig,
    /// How long what has ended is kept.
    #[default]
    pub retention: Retention,
}

/// What only concerns SQLite.
#[config]
pub struct SqliteConfig {
    /// How changes are logged. Only with `wal` can others read while something is written.
    #[default(JournalMode::Wal)]
    pub journal_mode: JournalMode,
    /// When a change counts as written. Only with `full` and `extra` does what was accepted
    /// survive a loss of power.
    #[default(Synchronous::Full)]
    pub synchronous: Synchronous,
    /// Kilobytes of the database each connection keeps in memory.
    #[default(16_384)]
    pub cache_size_kb: u32,
    /// Milliseconds to wait for another program that writes.
    #[default(5_000)]
    pub busy_timeout_ms: u64,
}

/// How SQLite logs changes.
#[config]
pub enum JournalMode {
    /// A log of what is new, next to the database.
    Wal,
    /// A copy of what was, deleted afterwards.
    Delete,
    /// A copy of what was, cut to nothing afterwards.
    Truncate,
    /// A copy of what was, made invalid afterwards.
    Persist,
}

impl JournalMode {
    /// The word in SQL.
    pub const fn as_sql(self) -> &'static str {
        match self {
            Self::Wal => "WAL",
            Self::Delete => "DELETE",
            Self::Truncate => "TRUNCATE",
            Self::Persist => "PERSIST",
        }
    }
}

/// When a change counts as written.
#[config]
pub enum Synchronous {
    /// When the operating system has it: lost with the power.
    Off,
    /// When the operating system has it, in an order that keeps the database whole.
    Normal,
    /// When the disk has it.
    Full,
    /// When the disk has it and the folder too.
    Extra,
}

impl Synchronous {
    /// The word in SQL.
    pub const fn as_sql(self) -> &'static str {
        match self {
            Self::Off => "OFF",
            Self::Normal => "NORMAL",
            Self::Full => "FULL",
            Self::Extra => "EXTRA",
        }
    }
}

/// What only concerns PostgreSQL.
#[config]
pub struct PostgresConfig {
    /// What the connections are called in `pg_stat_activity`.
    #[default("ratchet")]
    pub application_name: String,
    /// Seconds after which a statement is given up.
    #[default(30)]
    pub statement_timeout: u64,
    /// Seconds after which waiting for a lock is given up.
    #[default(10)]
    pub lock_timeout: u64,
    /// Whether the connection is encrypted. `sslmode` in the URL goes before it.
    #[default(SslMode::Prefer)]
    pub ssl_mode: SslMode,
}

/// Whether a connection is encrypted.
#[config]
pub enum SslMode {
    /// Never.
    Disable,
    /// If the server wants it.
    Allow,
    /// If the server can.
    Prefer,
    /// Always.
    Require,
    /// Always, with a certificate that somebody trusted has signed.
    #[allow(clippy::doc_markdown)]
    VerifyCa,
    /// Always, with a certificate of that name that somebody trusted has signed.
    VerifyFull,
}

/// How long what has ended is kept.
#[config]
pub struct Retention {
    /// Days after which ended jobs and executions are removed; none for never.
    pub max_age_days: Option<u32>,
    /// Ended jobs that are kept, the newest; none for all.
    pub max_count: Option<u64>,
    /// Minutes between looks at what is not to be kept any more, while a server runs.
    #[default(60)]
    pub interval_minutes: u64,
}
