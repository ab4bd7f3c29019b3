//! `ratchet.taskkit`: runs, tests, validates, replays and generates tasks from the shell.
//!
//! A task is a folder (see `ratchet_taskdir`); a test case is a file in it (see `cases`). Running
//! one means asking a JavaScript runtime (see `run`) and telling what came of it (see `report`).

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod cases;
mod command;
mod config;
mod recording;
mod report;
mod run;

use ratchet_plugin_api::{Context, Plugin, Result, plugin};

use command::{GenerateTask, Replay, RunOnce, Test, Validate};
use config::{Config, Execution};
use run::Runner;

/// The plugin: what its commands share.
pub(crate) struct Taskkit {
    context: Context,
    execution: Execution,
}

impl Plugin for Taskkit {
    type Config = Config;

    async fn start(context: Context, config: Config) -> Result<Self> {
        config.execution.check()?;
        Ok(Self { context, execution: config.execution })
    }
}

impl Taskkit {
    /// Runs tasks, on the runtime called `chosen` if that is given.
    fn runner(&self, chosen: Option<String>) -> Runner {
        Runner::new(self.context.clone(), self.execution.clone(), chosen)
    }
}

plugin! {
    id: "ratchet.taskkit",
    summary: "Runs, tests, validates, replays and generates tasks from the shell",
    plugin: Taskkit,
    commands: [RunOnce, Test, Validate, Replay, GenerateTask],
}
