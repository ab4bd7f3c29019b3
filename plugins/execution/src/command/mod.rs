//! The shell commands, one file for each few that belong together, and what they share.
//!
//! A command speaks to the services, as anything else does, and never to the parts behind them: it
//! works on the same store as a server that runs at the same time.

mod clock;
mod execution;
mod input;
mod job;
mod job_add;
mod job_change;
mod logs;
mod query;
mod schedule;
mod schedule_change;
mod serve;
mod show;
mod style;
mod table;
mod task;
mod task_execute;
mod why;

use std::sync::Arc;

use ratchet_plugin_api::services::{
    Database, ExecutionStore, Executor, JobQueue, JobStore, ScheduleStore, Scheduler, TaskSource,
    TaskStore,
};
use ratchet_plugin_api::shell::Shell;
use ratchet_plugin_api::{Code, Context, Error, Result};
use serde::Serialize;

use crate::Execution;
use clock::Clock;
use style::Style;

pub(crate) use execution::{ExecutionCancel, ExecutionList, ExecutionRetry, ExecutionShow};
pub(crate) use job::{JobList, JobShow, JobStats};
pub(crate) use job_add::JobAdd;
pub(crate) use job_change::{JobCancel, JobClear, JobPause, JobResume, JobRetry};
pub(crate) use logs::ExecutionLogs;
pub(crate) use schedule::{ScheduleList, ScheduleNext, ScheduleShow};
pub(crate) use schedule_change::{
    ScheduleAdd, ScheduleDisable, ScheduleEnable, ScheduleRemove, ScheduleTrigger, ScheduleUpdate,
};
pub(crate) use serve::Serve;
pub(crate) use task::{
    TaskDisable, TaskEnable, TaskList, TaskPause, TaskResume, TaskShow, TaskVersions,
};
pub(crate) use task_execute::TaskExecute;
pub(crate) use why::Why;

/// The exit code when what was asked about did not succeed.
const FAILED: u8 = 1;

/// The services a command speaks to.
pub(crate) struct Services(Context);

impl Services {
    /// Those of the plugin's host, with nothing checked.
    fn of(plugin: &Execution) -> Self {
        Self(plugin.shared.context.clone())
    }

    /// Those of the plugin's host, for a command that ends at once.
    ///
    /// # Errors
    /// `Configuration` when the database ends with the process, so that the command would see
    /// nothing that is there and leave nothing behind.
    async fn lasting(plugin: &Execution) -> Result<Self> {
        let services = Self::of(plugin);
        // A store that does not tell is some other plugin's, which knows what it keeps.
        let Ok(database) = services.database() else { return Ok(services) };
        let url = database.status().await?.url;
        if url.contains(":memory:") || url.contains("mode=memory") {
            let message = format!(
                "the database is {url}, which every process has for itself, so this command would \
                 see nothing of a server and leave nothing behind; set server.database.url (or \
                 RATCHET_DATABASE_URL) to a file such as sqlite:ratchet.db, or to that of the \
                 server"
            );
            return Err(Error::new(Code::Configuration, message).with_reason("database.in_memory"));
        }
        Ok(services)
    }

    fn database(&self) -> Result<Arc<dyn Database>> {
        self.0.slot().get()
    }

    fn tasks(&self) -> Result<Arc<dyn TaskStore>> {
        self.0.slot().get()
    }

    fn jobs(&self) -> Result<Arc<dyn JobStore>> {
        self.0.slot().get()
    }

    fn executions(&self) -> Result<Arc<dyn ExecutionStore>> {
        self.0.slot().get()
    }

    fn schedules(&self) -> Result<Arc<dyn ScheduleStore>> {
        self.0.slot().get()
    }

    fn queue(&self) -> Result<Arc<dyn JobQueue>> {
        self.0.slot().get()
    }

    fn executor(&self) -> Result<Arc<dyn Executor>> {
        self.0.slot().get()
    }

    fn scheduler(&self) -> Result<Arc<dyn Scheduler>> {
        self.0.slot().get()
    }

    fn sources(&self) -> Vec<Arc<dyn TaskSource>> {
        self.0.all::<dyn TaskSource>().into_iter().map(|(_, source)| source).collect()
    }
}

/// How results are shown.
struct View {
    context: Context,
    style: Style,
    clock: Clock,
    json: bool,
}

impl View {
    fn new(plugin: &Execution, shell: &Shell, json: bool) -> Self {
        let context = plugin.shared.context.clone();
        Self { context, style: Style::of_output(shell), clock: Clock::local(), json }
    }

    /// Prints a result: as one JSON document, or as `text` puts it for people.
    fn show<T: Serialize>(&self, result: &T, text: impl FnOnce(&T, &Self) -> String) -> Result<()> {
        if self.json { self.print_json(result) } else { self.context.print(text(result, self)) }
    }

    /// Prints one JSON document.
    fn print_json<T: Serialize>(&self, result: &T) -> Result<()> {
        self.context.print(format!("{}\n", serde_json::to_string_pretty(result)?))
    }

    /// Prints one JSON document on one line, of which there are several.
    fn print_line<T: Serialize>(&self, result: &T) -> Result<()> {
        self.context.print(format!("{}\n", serde_json::to_string(result)?))
    }

    /// Prints for people.
    fn print(&self, text: impl AsRef<str>) -> Result<()> {
        self.context.print(text.as_ref())
    }
}

/// `1 job`, `2 jobs`.
fn count(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

#[cfg(test)]
mod tests;
