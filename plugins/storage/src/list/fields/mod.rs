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

/// What a host has. There is an index of these alone, which is not taken where rows are wanted in
/// the order of their numbers unless their numbers are asked for first.
const RUNS: &str = "x.number IN (SELECT r.number FROM jobs r WHERE r.hold = 6)";
