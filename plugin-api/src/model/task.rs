//! A task as it is kept: its definition, where it came from, and whether it may run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Id, Json, Priority, Program, Schemas, Timestamp};

/// What a task is, as its author wrote it. Two definitions with the same [`checksum`] are the same
/// version of a task.
///
/// [`checksum`]: TaskDefinition::checksum
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskDefinition {
    /// The task's id, when its author gave it one.
    #[serde(default)]
    pub id: Option<Id>,
    /// The name programs use, unique among tasks that were not removed.
    pub name: String,
    /// The name shown to people, where it differs.
    #[serde(default)]
    pub label: Option<String>,
    /// The author's version, such as `1.0.0`.
    pub version: String,
    /// What it is for.
    #[serde(default)]
    pub description: Option<String>,
    /// Words to find it by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// What runs.
    pub program: Program,
    /// What is checked before and after.
    #[serde(default)]
    pub schemas: Schemas,
    /// How it wants to be run; configuration has the last word.
    #[serde(default)]
    pub policy: TaskPolicy,
    /// Test cases by file name, such as `test-001.json`.
    #[serde(default)]
    pub tests: BTreeMap<String, Json>,
    /// Everything else its author wrote into its metadata: an object.
    #[serde(default)]
    pub metadata: Json,
}

impl TaskDefinition {
    /// The SHA-256 of everything that makes up this version, in lower-case hexadecimal. The id is
    /// left out, since it says which task this is and not what it does.
    pub fn checksum(&self) -> String {
        use sha2::{Digest as _, Sha256};
        let anonymous = Self { id: None, ..self.clone() };
        let text = serde_json::to_vec(&anonymous).unwrap_or_default();
        Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// How a task wants to be run. Whatever is absent is decided by the configuration, whose limits
/// this may lower and never raise; a job may override retries and priority.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TaskPolicy {
    /// The JavaScript runtime it needs, such as `quickjs`.
    pub runtime: Option<String>,
    /// Milliseconds one attempt may take.
    pub timeout_ms: Option<u64>,
    /// Bytes of memory one attempt may hold.
    pub memory_bytes: Option<u64>,
    /// What happens after a failure.
    pub retry: Option<RetryPolicy>,
    /// How many of its jobs run at the same time, over all hosts.
    pub concurrency: Option<u32>,
    /// How many of its jobs start in a period, over all hosts.
    pub rate: Option<RateLimit>,
    /// The priority of its jobs.
    pub priority: Option<Priority>,
}

/// When a job that failed is tried again: after `initial_delay_ms`, then `multiplier` times as
/// long each time, up to `max_delay_ms`, each lengthened by up to `jitter` of itself at random.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RetryPolicy {
    /// Attempts after the first.
    pub max_retries: u32,
    /// Milliseconds before the first retry.
    pub initial_delay_ms: u64,
    /// How much longer each further wait is, at least 1.
    pub multiplier: f64,
    /// The longest wait, in milliseconds.
    pub max_delay_ms: u64,
    /// The part of a wait that is added at random at most, from 0 to 1.
    pub jitter: f64,
    /// Error classes that are not tried again, such as `ValidationError`.
    pub give_up_on: Vec<String>,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_retries: 3,
            initial_delay_ms: 60_000,
            multiplier: 2.0,
            max_delay_ms: 3_600_000,
            jitter: 0.1,
            give_up_on: Vec::new(),
        }
    }
}

/// So many in a period, evenly refilled (GCRA, which is a token bucket kept as one time).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateLimit {
    /// How many.
    pub count: u32,
    /// Milliseconds of the period.
    pub period_ms: u64,
}

/// A task as the store keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Identifies it for ever.
    pub id: Id,
    /// Its number.
    pub number: i64,
    /// Its present version. Lists leave out program, tests and schemas unless asked for them.
    pub definition: TaskDefinition,
    /// The present version's [`TaskDefinition::checksum`].
    pub checksum: String,
    /// Whether new jobs are accepted and waiting ones run.
    pub enabled: bool,
    /// Whether its jobs are held back, and until when.
    #[serde(default)]
    pub paused: Option<Pause>,
    /// The source it came from; none if it was made through an API.
    #[serde(default)]
    pub origin: Option<TaskOrigin>,
    /// When it was first seen.
    pub created_at: Timestamp,
    /// When its definition or its being enabled last changed.
    pub updated_at: Timestamp,
    /// When its program and schemas were last found to be sound.
    #[serde(default)]
    pub validated_at: Option<Timestamp>,
}

/// Where a task came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskOrigin {
    /// The name of the source in the configuration.
    pub repository: String,
    /// Its place in the source, such as `tasks/addition`.
    pub path: String,
    /// The source's own version of it, such as a commit.
    #[serde(default)]
    pub revision: Option<String>,
}

/// Work held back until it is resumed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Since when.
    #[serde(default)]
    pub since: Option<Timestamp>,
    /// When it ends by itself; none for not.
    #[serde(default)]
    pub until: Option<Timestamp>,
    /// Why, in the words of who paused it.
    #[serde(default)]
    pub reason: Option<String>,
}

/// One version of a task that the store has kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskVersion {
    /// The task.
    pub task: Id,
    /// Counts the task's versions from 1.
    pub revision: u32,
    /// The version itself.
    pub definition: TaskDefinition,
    /// Its checksum.
    pub checksum: String,
    /// Where it came from.
    #[serde(default)]
    pub origin: Option<TaskOrigin>,
    /// Why it was made, in the words of who made it.
    #[serde(default)]
    pub note: Option<String>,
    /// When it became the present one.
    pub created_at: Timestamp,
}

/// A task that a source offers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OfferedTask {
    /// What it is.
    pub definition: TaskDefinition,
    /// Its place in the source.
    pub path: String,
    /// The source's own version of it, such as a commit.
    #[serde(default)]
    pub revision: Option<String>,
}

/// Something that keeps one task of a source from being offered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskProblem {
    /// Its place in the source.
    pub path: String,
    /// What is wrong, with file and line where they are known.
    pub message: String,
}

/// What bringing the store up to date with a source did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SyncReport {
    /// Names of tasks that are new.
    pub added: Vec<String>,
    /// Names of tasks that have a new version.
    pub updated: Vec<String>,
    /// Names of tasks that the source no longer has. Their history stays.
    pub removed: Vec<String>,
    /// How many were as they are already.
    pub unchanged: u64,
    /// Tasks that could not be taken.
    pub problems: Vec<TaskProblem>,
}

/// All that a source offers at one time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Offered {
    /// Its tasks.
    pub tasks: Vec<OfferedTask>,
    /// What is there but cannot be offered.
    pub problems: Vec<TaskProblem>,
}
