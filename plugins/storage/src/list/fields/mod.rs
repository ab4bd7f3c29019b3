//! What can be listed: for each kind of thing its fields, and where its rows come from.

mod execution;
mod job;
mod schedule;
mod task;
mod user;

pub(crate) use execution::{DELIVERIES, EXECUTIONS};
pub(crate) use job::JOB_FIELDS;
pub(crate) use schedule::SCHEDULES;
pub(crate) use task::{REPOSITORIES, TASK_SUMMARIES, TASKS};
pub(crate) use user::{AUDIT, KEYS, USERS};

use super::field::{Arm, Codes, Field, Kind, Source, words};

/// The id of a task, by its number in `x`.
const TASK: Kind = Kind::Link { column: &["x.task"], tables: &["tasks"] };

/// What a host has: with the host there is an index for it, which is taken only if that is said.
const RUNS: &str = "x.hold = 6 AND x.host > '00000000-0000-0000-0000-000000000000'";
