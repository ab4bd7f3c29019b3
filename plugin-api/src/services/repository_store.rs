//! `ratchet.repository-store`: the sources of tasks that are known.

use serde::{Deserialize, Serialize};

use crate::model::{Key, ListQuery, Listing, Repository, RepositorySpec, TaskProblem};
use crate::{Result, service};

/// What came of reading a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RepositoryReading {
    /// The source's own version that was read, such as a commit.
    pub revision: Option<String>,
    /// What could not be taken.
    pub problems: Vec<TaskProblem>,
    /// Why it could not be read at all; what is known of the last good reading stays.
    pub error: Option<String>,
}

/// Keeps repositories.
///
/// Fields to filter and sort by: `id`, `number`, `name`, `kind`, `uri`, `branch`, `enabled`,
/// `watch`, `writable`, `configured`, `synced_at`, `has_error`, `created_at`, `updated_at`.
#[service(id = "ratchet.repository-store", version = "1.0")]
pub trait RepositoryStore {
    /// The repository.
    ///
    /// # Errors
    /// `NotFound`, with the nearest name.
    async fn get(&self, key: Key) -> Result<Repository>;

    /// Repositories that pass the query.
    async fn list(&self, query: ListQuery) -> Result<Listing<Repository>>;

    /// Keeps a new repository.
    ///
    /// # Errors
    /// `Conflict` when there is one of that name.
    async fn add(&self, spec: RepositorySpec) -> Result<Repository>;

    /// Keeps a repository as it is from now on.
    ///
    /// # Errors
    /// `Conflict` when the configuration names it, which has the last word, or another has its
    /// name.
    async fn update(&self, key: Key, spec: RepositorySpec) -> Result<Repository>;

    /// Brings what the configuration names up to date, in one transaction: those it names are kept
    /// as it says, those it named before and does not any more are forgotten. Tasks stay.
    async fn configure(&self, specs: Vec<RepositorySpec>) -> Result<Vec<Repository>>;

    /// Removes a repository. Its tasks stay until they are removed.
    ///
    /// # Errors
    /// `Conflict` when the configuration names it.
    async fn remove(&self, key: Key) -> Result<()>;

    /// Notes what came of reading it.
    async fn read(&self, key: Key, reading: RepositoryReading) -> Result<Repository>;
}
