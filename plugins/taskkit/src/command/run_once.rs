//! `ratchet run-once`: runs a task and prints its output.

use std::path::PathBuf;
use std::time::Instant;

use ratchet_plugin_api::model::{FetchPolicy, Json, Outcome, Timestamp};
use ratchet_plugin_api::services::JsRuntime;
use ratchet_plugin_api::shell::{Shell, ShellCommand};
use ratchet_plugin_api::{Result, command};
use ratchet_taskdir::Task;
use serde_json::Value;

use super::{FAILED, blocking, input, load_task, read_timeout, to_stderr};
use crate::Taskkit;
use crate::recording;
use crate::report::failure::describe;
use crate::report::human;
use crate::report::style::Style;
use crate::run::{Finished, RunOptions, trace};

/// Runs a task once and prints its output as one line of JSON.
#[command(name = "run-once", needs = [JsRuntime])]
pub(crate) struct RunOnce {
    /// The task's folder.
    #[arg(value_name = "PATH")]
    from_fs: PathBuf,
    /// The input as JSON; `-` reads standard input. `{}` if none is given.
    #[arg(value_name = "JSON")]
    input_json: Option<String>,
    /// A file with the input as JSON; `-` reads standard input.
    #[arg(value_name = "PATH")]
    input_file: Option<PathBuf>,
    /// Seconds the task may run, instead of what configuration and metadata say.
    #[arg(value_name = "SECONDS")]
    timeout: Option<f64>,
    /// The JavaScript runtime to use, such as `boa`.
    #[arg(value_name = "NAME")]
    runtime: Option<String>,
}

impl ShellCommand<Taskkit> for RunOnce {
    async fn run(self, plugin: &Taskkit, shell: Shell) -> Result<u8> {
        let timeout = read_timeout(self.timeout)?;
        let task = load_task(&self.from_fs).await?;
        let input = input::read(self.input_json, self.input_file).await?;
        let started = (Timestamp::now(), Instant::now());
        let options = RunOptions { input: input.clone(), fetch: FetchPolicy::Live, timeout };
        let finished = plugin.runner(self.runtime).run(&task, options, trace).await?;
        tracing::debug!(
            "{} ended after {}, {} in the runtime",
            task.name(),
            human(started.1.elapsed()),
            human(finished.elapsed),
        );
        if finished.logs_dropped > 0 {
            tracing::warn!(
                "{} lines of log were over the limit and dropped",
                finished.logs_dropped
            );
        }
        if let Some(folder) = shell.global("record") {
            record(PathBuf::from(folder), &task, started.0, &input, &finished).await?;
        }
        match &finished.outcome {
            Outcome::Completed(output) => {
                plugin.context.print(one_line(output)?)?;
                Ok(0)
            }
            Outcome::Failed(error) => {
                let style = Style::of_messages(&shell);
                let input: Value = input.to()?;
                to_stderr(&describe(&task, error, &input, style))?;
                Ok(FAILED)
            }
        }
    }
}

/// The document without white space between its parts, and a line end.
fn one_line(output: &Json) -> Result<String> {
    let text = output.as_str();
    // JSON has line ends between its parts only: within text they are escaped.
    if text.contains(['\n', '\r']) {
        return Ok(format!("{}\n", output.to::<Value>()?));
    }
    Ok(format!("{text}\n"))
}

async fn record(
    folder: PathBuf,
    task: &Task,
    started: Timestamp,
    input: &Json,
    finished: &Finished,
) -> Result<()> {
    let (task, input, finished) = (task.clone(), input.clone(), finished.clone());
    let own =
        blocking(move || recording::write(&folder, &task, started, &input, &finished)).await?;
    tracing::info!("recorded in {}", own.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_output_is_one_line() {
        let line = |text: &str| one_line(&Json::parse(text).unwrap()).unwrap();
        assert_eq!(line(r#"{"a":[1,2]}"#), "{\"a\":[1,2]}\n");
        assert_eq!(line("{\n  \"a\": \"x\\ny\"\n}"), "{\"a\":\"x\\ny\"}\n");
    }
}
