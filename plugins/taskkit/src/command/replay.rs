//! `ratchet replay`: runs a task as it was recorded and compares.

use std::path::PathBuf;

use ratchet_plugin_api::model::{FetchPolicy, MockReply, Outcome, TaskError};
use ratchet_plugin_api::services::JsRuntime;
use ratchet_plugin_api::shell::{Shell, ShellCommand};
use ratchet_plugin_api::{Result, command};
use ratchet_taskdir::Task;
use serde_json::Value;

use super::{FAILED, blocking, load_task};
use crate::Taskkit;
use crate::cases::same_json;
use crate::recording::{Recorded, Recording};
use crate::report::failure::{describe, headline};
use crate::report::style::{Style, printable};
use crate::report::text::output_text;
use crate::report::{count, human, indent};
use crate::run::{Finished, RunOptions, trace};

/// Runs a task again from a recording and compares the outcome.
#[command(name = "replay", needs = [JsRuntime])]
pub(crate) struct Replay {
    /// The task's folder.
    #[arg(value_name = "PATH")]
    from_fs: PathBuf,
    /// The recording, or the folder given to `--record`, of which the newest is taken.
    #[arg(value_name = "DIR")]
    recording: PathBuf,
    /// The JavaScript runtime to use, such as `boa`.
    #[arg(value_name = "NAME")]
    runtime: Option<String>,
}

impl ShellCommand<Taskkit> for Replay {
    async fn run(self, plugin: &Taskkit, shell: Shell) -> Result<u8> {
        let task = load_task(&self.from_fs).await?;
        let folder = self.recording;
        let recording = blocking(move || Recording::read(&folder)).await?;
        let options = RunOptions {
            input: recording.input.clone().into(),
            fetch: FetchPolicy::Mocked(recording.responses.clone()),
            timeout: None,
        };
        let finished = plugin.runner(self.runtime).run(&task, options, trace).await?;
        let style = Style::of_output(&shell);
        let difference = compare(&task, &recording, &finished, style);
        let shown = recording.folder.display();
        let took = human(finished.elapsed);
        let made = finished.http.len();
        let requests = count(made, "request");
        let (mark, what) = match &difference {
            None => (style.good("✓"), "came out as recorded"),
            Some(_) => (style.bad("✗"), "came out differently"),
        };
        let name = printable(task.name());
        let mut text = format!("{mark} {name} {what} ({took}, {requests})\n");
        text.push_str(&style.faint(&format!("  {shown}\n")));
        text.push_str(&indent(difference.as_deref().unwrap_or_default(), "  "));
        for line in not_repeated(&recording, &finished) {
            text.push_str(&format!("  {}\n", style.caution(&line)));
        }
        plugin.context.print(text)?;
        Ok(if difference.is_some() { FAILED } else { 0 })
    }
}

/// What came out differently; nothing if it did not.
fn compare(
    task: &Task,
    recording: &Recording,
    finished: &Finished,
    style: Style,
) -> Option<String> {
    match (&recording.outcome, &finished.outcome) {
        (Recorded::Output(expected), Outcome::Completed(output)) => {
            let actual: Value = output.to().unwrap_or(Value::Null);
            (!same_json(expected, &actual)).then(|| output_text(expected, &actual, style))
        }
        (Recorded::Error(expected), Outcome::Failed(error)) => (!same_failure(expected, error))
            .then(|| {
                let recorded = headline(expected);
                let now = describe(task, error, &recording.input, style);
                format!("it was recorded to fail with: {recorded}\nand now fails with:\n{now}")
            }),
        (Recorded::Error(expected), Outcome::Completed(output)) => {
            let (recorded, output) = (headline(expected), printable(output.as_str()));
            Some(format!("it was recorded to fail with: {recorded}\nand now returns {output}\n"))
        }
        (Recorded::Output(_), Outcome::Failed(error)) => {
            let now = describe(task, error, &recording.input, style);
            Some(format!("it was recorded to complete, and now fails:\n{now}"))
        }
    }
}

/// The stack is left out: it changes with every edit of the source.
fn same_failure(one: &TaskError, other: &TaskError) -> bool {
    one.kind == other.kind && one.class == other.class && one.message == other.message
}

/// A line for each recorded request that the task did not make again.
fn not_repeated(recording: &Recording, finished: &Finished) -> Vec<String> {
    let mut made: Vec<(&str, &str)> = finished
        .http
        .iter()
        .map(|exchange| (exchange.request.method.as_str(), exchange.request.url.as_str()))
        .collect();
    let mut lines = Vec::new();
    for mock in &recording.responses {
        let method = mock.method.as_deref().unwrap_or_default();
        match made.iter().position(|request| *request == (method, mock.url.as_str())) {
            Some(index) => drop(made.swap_remove(index)),
            None => {
                let answer = match &mock.reply {
                    MockReply::Response(response) => response.status.to_string(),
                    MockReply::Failure(message) => message.clone(),
                };
                let url = printable(&mock.url);
                lines.push(format!("not requested again: {method} {url} ({answer})"));
            }
        }
    }
    lines
}
