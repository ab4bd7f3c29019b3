//! `ratchet.task-store`: tasks, their versions, and bringing them up to date with their sources.

use crate::model::{
    Key, ListQuery, Listing, OfferedTask, Pause, SyncReport, Task, TaskDefinition, TaskProblem,
    TaskVersion,
};
use crate::{Result, service};
use serde::{Deserialize, Serialize};

/// A task to keep, made or changed through an API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PutTask {
    /// The task to change; none to make one.
    #[serde(default)]
    pub task: Option<Key>,
    /// What it is from now on.
    pub definition: TaskDefinition,
    /// Whether it may run; none leaves it as it is, or enabled if it is new.
    #[serde(default)]
    pub enabled: Option<bool>,
    /// The checksum it must have at present, else `Conflict`; none for whatever it has.
    #[serde(default)]
    pub if_checksum: Option<String>,
    /// Why, kept with the version.
    #[serde(default)]
    pub note: Option<String>,
}

/// All that one source offers at one time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Offer {
    /// The source's name in the configuration.
    pub repository: String,
    /// Its tasks.
    pub tasks: Vec<OfferedTask>,
    /// What is there but cannot be offered. A task that was here before and has a problem now is
    /// kept as it was.
    #[serde(default)]
    pub problems: Vec<TaskProblem>,
    /// Whether this is all there is, so that tasks of this source that are missing are removed.
    pub complete: bool,
}

/// Keeps tasks.
///
/// A task is found by id, number or name. Fields to filter and sort by: `id`, `number`, `name`,
/// `label`, `version`, `description`, `enabled`, `paused`, `repository`, `tag`, `created_at`,
/// `updated_at`, `validated_at`, `has_validation`.
#[service(id = "ratchet.task-store", version = "1.0")]
pub trait TaskStore {
    /// The task.
    ///
    /// # Errors
    /// `NotFound`, with the nearest name.
    async fn get(&self, key: Key) -> Result<Task>;

    /// Tasks that pass the query. With `definitions`, with program, tests and schemas.
    async fn list(&self, query: ListQuery, definitions: bool) -> Result<Listing<Task>>;

    /// Keeps a task as it is from now on; a definition that differs is a new version.
    ///
    /// # Errors
    /// `Conflict` when another task has its name or it is not what the caller thought;
    /// `Invalid` when a task that comes from a source would change its id.
    async fn put(&self, put: PutTask) -> Result<Task>;

    /// Lets the task run or not.
    async fn enable(&self, key: Key, enabled: bool) -> Result<Task>;

    /// Holds the task's jobs back, or with none lets them run again.
    async fn pause(&self, key: Key, pause: Option<Pause>) -> Result<Task>;

    /// Notes that the task's program and schemas are sound.
    async fn validated(&self, key: Key) -> Result<Task>;

    /// Removes the task: it is not found any more, its waiting jobs are held with
    /// `task_disabled`, its history stays.
    async fn remove(&self, key: Key) -> Result<()>;

    /// Its versions, newest first. The `limit` of the query counts; it has no fields.
    async fn versions(&self, key: Key, query: ListQuery) -> Result<Listing<TaskVersion>>;

    /// Brings the tasks of one source up to date in one transaction. A task is recognised by its
    /// id, without one by its source and path; a changed checksum is a new version. One that
    /// cannot be taken, such as for a name that another task has, is reported and hides no other.
    async fn sync(&self, offer: Offer) -> Result<SyncReport>;
}
