//! `ratchet.execution`: takes jobs, runs them, tries them again, and makes them at their time.
//!
//! What is promised is kept by the stores; nothing here has to survive. A job is taken in by
//! `queue`, given to this host and run by `dispatch`, and judged by `retry`; what follows is
//! settled in one transaction. `executor` waits for what it takes in, `scheduler` makes jobs at
//! their time, `deliver` brings results where they are wanted, `events` tells who listens, and
//! `command` is the shell's side of it all.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod command;
mod config;
mod scheduler;
mod shared;
mod stores;
mod why;

use std::sync::Arc;

use ratchet_plugin_api::services::{
    ExecutionStore, JobStore, ResultStore, ScheduleStore, TaskStore,
};
use ratchet_plugin_api::{Context, Plugin, Result, plugin};

use config::Config;
use shared::Shared;

/// The plugin: what its services and commands share.
pub(crate) struct Execution {
    /// What every part works with.
    pub(crate) shared: Arc<Shared>,
}

impl Plugin for Execution {
    type Config = Config;

    async fn start(context: Context, config: Config) -> Result<Self> {
        config.check()?;
        let shared = Arc::new(Shared::new(context, config));
        Ok(Self { shared })
    }
}

plugin! {
    id: "ratchet.execution",
    summary: "Runs jobs from a durable queue and on schedules",
    plugin: Execution,
    requires: [TaskStore, JobStore, ExecutionStore, ScheduleStore, ResultStore],
}
