//! `ratchet.execution`: takes jobs, runs them, tries them again, and makes them at their time.
//!
//! What is promised is kept by the stores; nothing here has to survive. A job is taken in by
//! `queue`, given to this host and run by `dispatch`, and judged by `retry`; what follows is
//! settled in one transaction. `executor` waits for what it takes in, `scheduler` makes jobs at
//! their time, `deliver` brings results where they are wanted, `events` tells who listens, and
//! `command` is the shell's side of it all.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod accept;
mod backoff;
mod batch;
mod command;
mod config;
mod deliver;
mod dispatch;
mod engine;
mod events;
mod executor;
mod graph;
mod provided;
mod queue;
mod request;
mod retry;
mod scheduler;
mod schema;
mod shared;
mod stores;
mod tasks;
#[cfg(test)]
mod tests;
mod waits;
mod why;
mod workers;

use std::sync::Arc;

use ratchet_plugin_api::services::{
    EventBus, ExecutionStore, Executor, JobQueue, JobStore, ResultStore, ScheduleStore, Scheduler,
    TaskStore,
};
use ratchet_plugin_api::{Context, Plugin, Result, plugin};

use command::{
    ExecutionCancel, ExecutionList, ExecutionLogs, ExecutionRetry, ExecutionShow, JobAdd,
    JobCancel, JobClear, JobList, JobPause, JobResume, JobRetry, JobShow, JobStats, ScheduleAdd,
    ScheduleDisable, ScheduleEnable, ScheduleList, ScheduleNext, ScheduleRemove, ScheduleShow,
    ScheduleTrigger, ScheduleUpdate, Serve, TaskDisable, TaskEnable, TaskExecute, TaskList,
    TaskPause, TaskResume, TaskShow, TaskVersions, Why,
};
use config::Config;
use engine::Engine;
use scheduler::Schedules;
use shared::Shared;

/// The plugin: what its services and commands share.
pub(crate) struct Execution {
    /// What every part works with.
    pub(crate) shared: Arc<Shared>,
    schedules: Schedules,
    engine: Engine,
}

impl Plugin for Execution {
    type Config = Config;

    async fn start(context: Context, config: Config) -> Result<Self> {
        config.check()?;
        let shared = Arc::new(Shared::new(context, config));
        let schedules = Schedules::new(shared.stores.clone(), shared.clone());
        let engine = Engine::default();
        if engine::serves(&shared) {
            engine.start(&shared, schedules.clone());
        }
        Ok(Self { shared, schedules, engine })
    }

    async fn stop(&self) -> Result<()> {
        self.engine.stop(&self.shared).await;
        Ok(())
    }
}

// Inline, because everything here waits for a store: what little is worked out before and after
// takes less than a change of threads.
plugin! {
    id: "ratchet.execution",
    summary: "Runs jobs from a durable queue and on schedules",
    plugin: Execution,
    provides: [inline JobQueue, inline Executor, inline Scheduler, inline EventBus],
    requires: [TaskStore, JobStore, ExecutionStore, ScheduleStore, ResultStore],
    commands: [
        Serve, JobAdd, JobList, JobShow, JobCancel, JobRetry, JobPause, JobResume, JobClear,
        JobStats, Why, ScheduleAdd, ScheduleList, ScheduleShow, ScheduleUpdate, ScheduleEnable,
        ScheduleDisable, ScheduleRemove, ScheduleTrigger, ScheduleNext, TaskList, TaskShow,
        TaskEnable, TaskDisable, TaskPause, TaskResume, TaskExecute, TaskVersions, ExecutionList,
        ExecutionShow, ExecutionLogs, ExecutionCancel, ExecutionRetry,
    ],
}
