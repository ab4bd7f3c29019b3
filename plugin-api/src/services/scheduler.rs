//! `ratchet.scheduler`: schedules as their users see them.

use serde::{Deserialize, Serialize};

use crate::model::{
    CatchUp, Destination, Job, Json, Key, Overlap, Priority, Schedule, Timestamp, Timing,
};
use crate::{Result, service};

/// A schedule to make, or what is changed of one. `None` leaves a thing as it is, or as usual.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ScheduleRequest {
    /// Its name; has to be there for a new one.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// The task, by id, number or name; has to be there for a new one.
    pub task: Option<String>,
    /// What the task is called with.
    pub input: Option<Json>,
    /// When it is due; has to be there for a new one.
    pub timing: Option<Timing>,
    /// The time zone; UTC for a new one.
    pub timezone: Option<String>,
    /// Whether it makes jobs; a new one does.
    pub enabled: Option<bool>,
    /// The priority of its jobs.
    pub priority: Option<Priority>,
    /// Runs it makes in all; 0 for no end.
    pub max_runs: Option<u64>,
    /// What happens with missed runs; `once` for a new one.
    pub catch_up: Option<CatchUp>,
    /// What happens when the last run has not ended; `skip` for a new one.
    pub overlap: Option<Overlap>,
    /// Where results go.
    pub outputs: Option<Vec<Destination>>,
    /// What its maker keeps with it.
    pub metadata: Option<Json>,
}

/// Makes jobs at their time.
#[service(id = "ratchet.scheduler", version = "1.0")]
pub trait Scheduler {
    /// Makes a schedule.
    ///
    /// # Errors
    /// `Invalid` for an expression or time zone that makes no sense, saying which part; `NotFound`
    /// for a task; `Conflict` for a name that is taken.
    async fn create(&self, request: ScheduleRequest) -> Result<Schedule>;

    /// Changes a schedule; takes effect at once on all hosts.
    async fn update(&self, key: Key, request: ScheduleRequest) -> Result<Schedule>;

    /// Removes a schedule.
    async fn remove(&self, key: Key) -> Result<()>;

    /// Makes a job of the schedule now, without touching its times.
    ///
    /// # Errors
    /// `Conflict` when it is disabled.
    async fn trigger(&self, key: Key) -> Result<Job>;

    /// The next `count` times of a schedule, up to 1000.
    async fn next_runs(&self, key: Key, count: u32) -> Result<Vec<Timestamp>>;

    /// The next `count` times after `from` (now, if absent) that a timing would have.
    async fn preview(
        &self,
        timing: Timing,
        timezone: String,
        count: u32,
        from: Option<Timestamp>,
    ) -> Result<Vec<Timestamp>>;
}
