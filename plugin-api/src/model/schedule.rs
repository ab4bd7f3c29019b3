//! Schedules: jobs made at their time.

use serde::{Deserialize, Serialize};

use super::words::vocabulary;
use super::{Destination, Id, Json, Priority, Timestamp};

vocabulary! {
    /// What happens with runs that were missed because no host was there.
    "catch-up policy" CatchUp {
        /// They are left out.
        Skip = "skip",
        /// One run makes up for all of them.
        Once = "once",
        /// Each is made up for, up to 1000.
        All = "all",
    }
}

vocabulary! {
    /// What happens when a run is due while a job of the same schedule has not ended.
    "overlap policy" Overlap {
        /// Both run.
        Allow = "allow",
        /// The new one is left out.
        Skip = "skip",
        /// The new one waits for the other to end.
        Queue = "queue",
        /// The other one is cancelled.
        Replace = "replace",
    }
}

/// When a schedule is due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timing {
    /// A cron expression of 5 fields (minute hour day month weekday), 6 (with seconds first) or 7
    /// (with the year last), in the schedule's time zone.
    Cron(String),
    /// Every so many milliseconds since the schedule was made.
    EveryMs(u64),
}

/// What a schedule is made or changed with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScheduleSpec {
    /// Its name, unique.
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub description: Option<String>,
    /// The task.
    pub task: Id,
    /// What the task is called with.
    #[serde(default)]
    pub input: Json,
    /// When it is due.
    pub timing: Timing,
    /// The IANA name of the time zone of a cron expression, such as `Europe/Berlin`.
    pub timezone: String,
    /// Whether it makes jobs.
    pub enabled: bool,
    /// The priority of its jobs; none for the task's.
    #[serde(default)]
    pub priority: Option<Priority>,
    /// Runs it makes in all; none for no end.
    #[serde(default)]
    pub max_runs: Option<u64>,
    /// What happens with missed runs.
    pub catch_up: CatchUp,
    /// What happens when the last run has not ended.
    pub overlap: Overlap,
    /// Where results go.
    #[serde(default)]
    pub outputs: Vec<Destination>,
    /// What its maker keeps with it: an object.
    #[serde(default)]
    pub metadata: Json,
}

/// A schedule as the store keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// Identifies it.
    pub id: Id,
    /// Its number.
    pub number: i64,
    /// What it is.
    pub spec: ScheduleSpec,
    /// The task's name.
    pub task_name: String,
    /// When it is due next; none if it never will be.
    #[serde(default)]
    pub next_run_at: Option<Timestamp>,
    /// The last time it was due and made a job or left it out.
    #[serde(default)]
    pub last_run_at: Option<Timestamp>,
    /// The job it made last.
    #[serde(default)]
    pub last_job: Option<Id>,
    /// Runs it has made.
    pub runs: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}
