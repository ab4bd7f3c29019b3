//! `Scheduler` as the plugin provides it: everything is the scheduler's own.

use ratchet_plugin_api::model::{Job, Key, Schedule, Timestamp, Timing};
use ratchet_plugin_api::services::{ScheduleRequest, Scheduler};
use ratchet_plugin_api::{Result, service};

use crate::Execution;

#[service]
impl Scheduler for Execution {
    async fn create(&self, request: ScheduleRequest) -> Result<Schedule> {
        self.schedules.create(request).await
    }

    async fn update(&self, key: Key, request: ScheduleRequest) -> Result<Schedule> {
        self.schedules.update(key, request).await
    }

    async fn remove(&self, key: Key) -> Result<()> {
        self.schedules.remove(key).await
    }

    async fn trigger(&self, key: Key) -> Result<Job> {
        self.schedules.trigger(key).await
    }

    async fn next_runs(&self, key: Key, count: u32) -> Result<Vec<Timestamp>> {
        self.schedules.next_runs(key, count).await
    }

    async fn preview(
        &self,
        timing: Timing,
        timezone: String,
        count: u32,
        from: Option<Timestamp>,
    ) -> Result<Vec<Timestamp>> {
        self.schedules.preview(timing, timezone, count, from).await
    }
}
