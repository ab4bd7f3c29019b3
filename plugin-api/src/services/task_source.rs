//! `ratchet.task-source`: places tasks come from.

use serde::{Deserialize, Serialize};

use crate::model::{Offered, SyncReport, TaskProblem, Timestamp};
use crate::{Result, service};

/// How a source stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceStatus {
    /// Its name in the configuration.
    pub name: String,
    /// Where it is, without any password.
    pub uri: String,
    /// What kind it is, such as `filesystem`.
    pub kind: String,
    /// Whether it is watched for changes.
    pub watching: bool,
    /// Whether it takes changes.
    pub writable: bool,
    /// Tasks found in it the last time.
    pub tasks: u64,
    /// When the store was last brought up to date with it.
    #[serde(default)]
    pub synced_at: Option<Timestamp>,
    /// What could not be taken.
    #[serde(default)]
    pub problems: Vec<TaskProblem>,
    /// Why it could not be read at all the last time.
    #[serde(default)]
    pub error: Option<String>,
}

/// Offers tasks. A provider has an instance for each source, named as the configuration names it.
#[service(id = "ratchet.task-source", version = "1.0", many)]
pub trait TaskSource {
    /// How it stands, from what is known.
    async fn status(&self) -> Result<SourceStatus>;

    /// Reads all that it offers now.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be read at all. One bad task is a problem in the offer.
    async fn offer(&self) -> Result<Offered>;

    /// Reads it and brings the store up to date. `force` reads also what looks unchanged.
    async fn sync(&self, force: bool) -> Result<SyncReport>;
}
