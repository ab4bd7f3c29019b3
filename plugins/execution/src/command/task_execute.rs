//! `ratchet task execute`.

use std::path::PathBuf;

use ratchet_plugin_api::model::ExecutionStatus;
use ratchet_plugin_api::services::{JobRequest, JsRuntime};
use ratchet_plugin_api::shell::{Shell, ShellCommand};
use ratchet_plugin_api::{Result, command};

use super::clock::read_milliseconds;
use super::job_add::one_line;
use super::{FAILED, Services, View, input, show};
use crate::Execution;

/// Runs a task of the store now, as a job of its own, and prints its output.
#[command(name = "task execute", needs = [JsRuntime])]
pub(crate) struct TaskExecute {
    /// The task, by name, number or id.
    #[arg(positional)]
    task: String,
    /// The input as JSON; `-` reads standard input. `{}` if none is given.
    #[arg(value_name = "JSON")]
    input_json: Option<String>,
    /// A file with the input as JSON; `-` reads standard input.
    #[arg(value_name = "PATH")]
    input_file: Option<PathBuf>,
    /// How long one attempt may take; lowers what the task and the configuration allow.
    #[arg(value_name = "DURATION")]
    timeout: Option<String>,
    /// Attempts after the first.
    #[default(0)]
    max_retries: u32,
    /// Print the whole execution as JSON.
    json: bool,
}

impl ShellCommand<Execution> for TaskExecute {
    async fn run(self, plugin: &Execution, shell: Shell) -> Result<u8> {
        let view = View::new(plugin, &shell, self.json);
        let services = Services::lasting(plugin).await?;
        let timeout = self.timeout.map(|text| read_milliseconds("--timeout", &text)).transpose()?;
        let request = JobRequest {
            task: self.task,
            input: input::or_empty(self.input_json, self.input_file).await?,
            max_retries: Some(self.max_retries),
            timeout_ms: timeout,
            ..JobRequest::default()
        };
        let execution = services.executor()?.execute(request).await?;
        let succeeded = execution.status == ExecutionStatus::Completed;
        if view.json {
            view.print_json(&execution)?;
        } else if let (true, Some(output)) = (succeeded, &execution.output) {
            view.print(format!("{}\n", one_line(output)?))?;
        } else {
            view.print(show::execution(&execution, &view))?;
        }
        Ok(if succeeded { 0 } else { FAILED })
    }
}
