//! `ratchet execution list|show|cancel|retry`.

use std::path::PathBuf;

use ratchet_plugin_api::model::{ExecutionStatus, FilterOp};
use ratchet_plugin_api::shell::{Shell, ShellCommand};
use ratchet_plugin_api::{Result, command};

use super::query::{Asked, key};
use super::{Services, View, input, show};
use crate::Execution;

/// Lists executions, the newest first.
#[command(name = "execution list")]
pub(crate) struct ExecutionList {
    /// Only those of these statuses: pending, running, completed, failed, cancelled.
    #[arg(value_name = "STATUS")]
    status: Vec<String>,
    /// Only those of this task, by name, number or id.
    task: Option<String>,
    /// Only those of this job, by number or id.
    job: Option<String>,
    /// Only those whose job was accepted since then: `1h`, `7d`, or a time.
    #[arg(value_name = "TIME")]
    since: Option<String>,
    /// Only those for which this holds, such as `duration_ms>1000` or `error_class=TypeError`.
    #[arg(value_name = "CONDITION")]
    r#where: Vec<String>,
    /// What they are sorted by, such as `-duration_ms`; a minus sorts the greatest first.
    #[arg(value_name = "FIELD")]
    sort: Vec<String>,
    /// How many at most.
    limit: Option<u32>,
    /// How many to leave out at the beginning.
    #[default(0)]
    offset: u64,
    /// Print JSON.
    json: bool,
}

impl ShellCommand<Execution> for ExecutionList {
    async fn run(self, plugin: &Execution, shell: Shell) -> Result<u8> {
        let view = View::new(plugin, &shell, self.json);
        let services = Services::lasting(plugin).await?;
        let asked = Asked {
            status: self.status,
            task: self.task,
            since: self.since,
            conditions: self.r#where,
            sort: self.sort,
            offset: self.offset,
            limit: self.limit,
        };
        let mut query = asked.query(&services, &view.clock, "queued_at", "-number").await?;
        if let Some(job) = self.job {
            let job = services.jobs()?.get(key(&job)).await?;
            query = query.filter("job", FilterOp::Eq, job.id);
        }
        let listing = services.executions()?.list(query).await?;
        view.show(&listing, show::executions)?;
        Ok(0)
    }
}

/// Shows an execution with its output or error, and the requests it made.
#[command(name = "execution show")]
pub(crate) struct ExecutionShow {
    /// The execution, by number or id.
    #[arg(positional)]
    execution: String,
    /// Print JSON.
    json: bool,
}

impl ShellCommand<Execution> for ExecutionShow {
    async fn run(self, plugin: &Execution, shell: Shell) -> Result<u8> {
        let view = View::new(plugin, &shell, self.json);
        let services = Services::lasting(plugin).await?;
        let execution = services.executions()?.get(key(&self.execution)).await?;
        view.show(&execution, show::execution)?;
        Ok(0)
    }
}

/// Gives an execution up, and with it its job.
#[command(name = "execution cancel")]
pub(crate) struct ExecutionCancel {
    /// The execution, by number or id.
    #[arg(positional)]
    execution: String,
    /// Why, kept with the job.
    reason: Option<String>,
    /// Print JSON.
    json: bool,
}

impl ShellCommand<Execution> for ExecutionCancel {
    async fn run(self, plugin: &Execution, shell: Shell) -> Result<u8> {
        let view = View::new(plugin, &shell, self.json);
        let services = Services::lasting(plugin).await?;
        let execution = services.executor()?.cancel(key(&self.execution), self.reason).await?;
        view.show(&execution, |it, view| match it.status {
            ExecutionStatus::Running => {
                format!("execution {} is being stopped by the host that runs it\n", it.number)
            }
            status => {
                let status = status.as_str();
                format!("execution {} is {}\n", it.number, view.style.status(status, status))
            }
        })?;
        Ok(0)
    }
}

/// Runs the task of an execution that has ended once more.
#[command(name = "execution retry")]
pub(crate) struct ExecutionRetry {
    /// The execution, by number or id.
    #[arg(positional)]
    execution: String,
    /// Another input, as JSON; `-` reads standard input.
    #[arg(value_name = "JSON")]
    input_json: Option<String>,
    /// A file with another input; `-` reads standard input.
    #[arg(value_name = "PATH")]
    input_file: Option<PathBuf>,
    /// Print JSON.
    json: bool,
}

impl ShellCommand<Execution> for ExecutionRetry {
    async fn run(self, plugin: &Execution, shell: Shell) -> Result<u8> {
        let view = View::new(plugin, &shell, self.json);
        let services = Services::lasting(plugin).await?;
        let input = input::optional(self.input_json, self.input_file).await?;
        let execution = services.executor()?.retry(key(&self.execution), input).await?;
        view.show(&execution, |it, _| {
            format!("execution {} of `{}` waits to run\n", it.number, it.task_name)
        })?;
        Ok(0)
    }
}
