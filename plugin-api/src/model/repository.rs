//! Repositories: the sources of tasks that are known, from the configuration or added later.

use serde::{Deserialize, Serialize};

use super::{Id, Json, TaskProblem, Timestamp};

/// What a repository is, as the configuration or an API says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositorySpec {
    /// Its name, unique.
    pub name: String,
    /// What kind it is, such as `filesystem`, `git` or `http`.
    pub kind: String,
    /// Where it is. Never with a password: see `auth`.
    pub uri: String,
    /// The branch, tag or commit, where the kind has them.
    #[serde(default)]
    pub branch: Option<String>,
    /// Whether tasks are taken from it.
    pub enabled: bool,
    /// Whether it is watched for changes.
    #[serde(default)]
    pub watch: bool,
    /// Milliseconds between looks at it; none for never by itself.
    #[serde(default)]
    pub poll_ms: Option<u64>,
    /// Where its credentials are found: the name of an environment variable or of a secret, never
    /// the secret.
    #[serde(default)]
    pub auth: Option<String>,
    /// Whether tasks may be written back to it.
    #[serde(default)]
    pub writable: bool,
    /// Everything else, in the words of its kind: an object.
    #[serde(default)]
    pub settings: Json,
}

/// A repository as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repository {
    /// Identifies it.
    pub id: Id,
    /// Its number.
    pub number: i64,
    /// What it is.
    pub spec: RepositorySpec,
    /// Whether the configuration names it; otherwise it was added through an API or the shell.
    pub configured: bool,
    /// Tasks that came from it and were not removed.
    pub tasks: u64,
    /// When it was last read successfully.
    #[serde(default)]
    pub synced_at: Option<Timestamp>,
    /// The source's own version at that time, such as a commit.
    #[serde(default)]
    pub revision: Option<String>,
    /// What could not be taken at that time.
    #[serde(default)]
    pub problems: Vec<TaskProblem>,
    /// Why it could not be read the last time; none if it could.
    #[serde(default)]
    pub error: Option<String>,
    /// When it was first known.
    pub created_at: Timestamp,
    /// When what it is was last changed.
    pub updated_at: Timestamp,
}
