//! `ratchet.database`: the database itself, for those who look after it.

use serde::{Deserialize, Serialize};

use crate::{Result, service};

/// How the database stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseStatus {
    /// Where it is, without any password.
    pub url: String,
    /// What it is: `sqlite` or `postgres`.
    pub backend: String,
    /// Its own version, such as `3.53.0`.
    pub server_version: String,
    /// The newest migration that was applied; none if there is no schema yet.
    #[serde(default)]
    pub schema: Option<String>,
    /// Migrations that this version has and the database does not, oldest first.
    #[serde(default)]
    pub pending: Vec<String>,
    /// Migrations that the database has and this version does not know: it is from a newer one.
    #[serde(default)]
    pub unknown: Vec<String>,
    /// Bytes it takes up.
    pub bytes: u64,
}

/// What the database holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseStats {
    /// Its tables, by name.
    pub tables: Vec<TableStats>,
    /// Bytes it takes up.
    pub bytes: u64,
    /// Bytes of these that hold nothing and are used again, where that is known.
    #[serde(default)]
    pub free_bytes: Option<u64>,
}

/// What one table holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableStats {
    /// Its name.
    pub name: String,
    /// Its rows.
    pub rows: u64,
    /// Bytes it takes up with its indices, where that is known.
    #[serde(default)]
    pub bytes: Option<u64>,
}

/// What a backup or a restoration moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DumpReport {
    /// The file.
    pub path: String,
    /// The newest migration of the data's schema.
    pub schema: String,
    /// Rows of all tables.
    pub rows: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

/// How long ended things are kept. What is absent sets no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Retention {
    /// Milliseconds since they ended.
    pub max_age_ms: Option<u64>,
    /// How many ended jobs with their executions, and how many executions that are of no job.
    pub max_count: Option<u64>,
}

/// What was removed because it was old or too many.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RetentionReport {
    /// Ended jobs.
    pub jobs: u64,
    /// Executions, with their logs.
    pub executions: u64,
    /// Deliveries that were done.
    pub deliveries: u64,
    /// Sessions that had ended.
    pub sessions: u64,
}

/// Looks after the database.
#[service(id = "ratchet.database", version = "1.0")]
pub trait Database {
    /// How it stands.
    async fn status(&self) -> Result<DatabaseStatus>;

    /// Applies what is pending; gives the names, oldest first.
    ///
    /// # Errors
    /// `Conflict` with `storage.newer` when it is from a newer version; nothing was changed.
    async fn migrate(&self) -> Result<Vec<String>>;

    /// What it holds.
    async fn stats(&self) -> Result<DatabaseStats>;

    /// Writes all of it to a file, as it is at one moment, while it is in use. The file's form is
    /// the same whatever the database, so that it can be restored into another kind.
    ///
    /// # Errors
    /// `Conflict` when the file exists.
    async fn backup(&self, path: String) -> Result<DumpReport>;

    /// Puts what a backup holds in the place of all that is there, in one transaction.
    ///
    /// # Errors
    /// `Invalid` when the file is not a whole backup; `Conflict` when the backup is from a newer
    /// version, and without `force` when the database holds something or a host that lives uses
    /// it. Nothing was changed.
    async fn restore(&self, path: String, force: bool) -> Result<DumpReport>;

    /// Removes ended things that are older or more than is to be kept.
    async fn retain(&self, retention: Retention) -> Result<RetentionReport>;

    /// Gives space that is free back to the system; gives the bytes it takes up now.
    async fn vacuum(&self) -> Result<u64>;
}
