//! `ratchet.schedule-store`: schedules and the one firing of each of their times.

use serde::{Deserialize, Serialize};

use crate::model::{Id, Key, ListQuery, Listing, NewJob, Schedule, ScheduleSpec, Timestamp};
use crate::{Result, service};

use super::Acceptance;

/// Schedules that are due.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DueSchedules {
    /// The schedules.
    pub schedules: Vec<Schedule>,
    /// The present time of the store.
    pub now: Timestamp,
    /// When the next one is due that is not yet; none if there is none.
    #[serde(default)]
    pub next_at: Option<Timestamp>,
}

/// One time of a schedule, decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FireSchedule {
    /// The schedule.
    pub schedule: Id,
    /// Its `next_run_at` as it was seen: whoever comes second finds another.
    pub seen: Timestamp,
    /// When it is due next; none for never again.
    #[serde(default)]
    pub next: Option<Timestamp>,
    /// The last time that counts as done.
    pub last: Timestamp,
    /// Jobs to accept with it; none when the run is left out.
    #[serde(default)]
    pub jobs: Vec<NewJob>,
    /// Jobs of earlier runs to cancel with it.
    #[serde(default)]
    pub cancel: Vec<Id>,
}

/// Keeps schedules.
///
/// Fields to filter and sort by: `id`, `number`, `name`, `description`, `task`, `task_name`,
/// `enabled`, `cron_expression`, `next_run_at`, `last_run_at`, `runs`, `created_at`, `updated_at`,
/// `has_next_run`, `has_last_run`, `is_due`, `overdue`.
#[service(id = "ratchet.schedule-store", version = "1.0")]
pub trait ScheduleStore {
    /// The schedule.
    ///
    /// # Errors
    /// `NotFound`, with the nearest name.
    async fn get(&self, key: Key) -> Result<Schedule>;

    /// Schedules that pass the query.
    async fn list(&self, query: ListQuery) -> Result<Listing<Schedule>>;

    /// Keeps a new schedule that is due first at `next`.
    ///
    /// # Errors
    /// `Conflict` when there is one of that name; `NotFound` when there is no such task.
    async fn create(&self, spec: ScheduleSpec, next: Option<Timestamp>) -> Result<Schedule>;

    /// Keeps a schedule as it is from now on, due next at `next`.
    async fn update(
        &self,
        key: Key,
        spec: ScheduleSpec,
        next: Option<Timestamp>,
    ) -> Result<Schedule>;

    /// Removes a schedule; its jobs stay.
    async fn remove(&self, key: Key) -> Result<()>;

    /// Enabled schedules that are due by the store's clock, the longest due first.
    async fn due(&self, limit: u32) -> Result<DueSchedules>;

    /// Takes one time of a schedule and accepts its jobs, in one transaction; none if another host
    /// was first.
    async fn fire(&self, fire: FireSchedule) -> Result<Option<Vec<Acceptance>>>;

    /// The store's present time.
    async fn now(&self) -> Result<Timestamp>;

    /// Jobs of a schedule that have not ended, oldest first.
    async fn open_jobs(&self, schedule: Id) -> Result<Vec<Id>>;
}
