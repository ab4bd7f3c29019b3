//! `ratchet execution logs`.

use std::time::Duration;

use ratchet_plugin_api::model::{LogLevel, LogLine};
use ratchet_plugin_api::shell::{Shell, ShellCommand};
use ratchet_plugin_api::{Result, command};
use serde::Serialize;

use super::query::key;
use super::style::printable;
use super::{Services, View, count};
use crate::Execution;

/// Lines fetched in one go.
const PAGE: u32 = 1_000;

/// Between two looks for new lines of an execution that runs, perhaps in another process.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// Prints what an execution wrote to `console`.
#[command(name = "execution logs")]
pub(crate) struct ExecutionLogs {
    /// The execution, by number or id.
    #[arg(positional)]
    execution: String,
    /// Go on with new lines until the execution has ended.
    #[arg(short = 'f')]
    follow: bool,
    /// The position of the first line to print; the oldest is 0.
    #[default(0)]
    from: u64,
    /// Only lines of this level or above: trace, debug, info, warn, error.
    level: Option<String>,
    /// Print one JSON object a line.
    json: bool,
}

/// A line as JSON.
#[derive(Serialize)]
struct Line<'a> {
    position: u64,
    #[serde(flatten)]
    line: &'a LogLine,
}

impl ShellCommand<Execution> for ExecutionLogs {
    async fn run(self, plugin: &Execution, shell: Shell) -> Result<u8> {
        let view = View::new(plugin, &shell, self.json);
        let services = Services::lasting(plugin).await?;
        let least = self.level.as_deref().map(read_level).transpose()?;
        let (key, mut position) = (key(&self.execution), self.from);
        loop {
            let page = services.executions()?.logs(key.clone(), position, PAGE).await?;
            let first = page.next.saturating_sub(page.lines.len() as u64);
            for (position, line) in (first..).zip(&page.lines) {
                if least.is_some_and(|least| line.level < least) {
                    continue;
                }
                if view.json {
                    view.print_line(&Line { position, line })?;
                } else {
                    view.print(text(line, &view))?;
                }
            }
            let more = !page.lines.is_empty();
            position = page.next;
            if !more && (page.ended || !self.follow) {
                if page.dropped > 0 && !view.json {
                    let note = format!("{} more were over the limit", count(page.dropped, "line"));
                    view.print(format!("{}\n", view.style.faint(&note)))?;
                }
                return Ok(0);
            }
            if !more {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        }
    }
}

fn text(line: &LogLine, view: &View) -> String {
    let (word, name) = match line.level {
        LogLevel::Trace => ("TRACE", "trace"),
        LogLevel::Debug => ("DEBUG", "debug"),
        LogLevel::Info => ("INFO ", "info"),
        LogLevel::Warn => ("WARN ", "warn"),
        LogLevel::Error => ("ERROR", "error"),
    };
    let time = view.style.faint(&view.clock.show_of_day(line.time));
    let mut lines = line.message.lines();
    let first = printable(lines.next().unwrap_or_default());
    let mut text = format!("{time} {} {first}\n", view.style.status(name, word));
    for further in lines {
        text.push_str(&format!("                   {}\n", printable(further)));
    }
    text
}

fn read_level(text: &str) -> Result<LogLevel> {
    use ratchet_plugin_api::{Error, did_you_mean, nearest};
    let levels = [
        ("trace", LogLevel::Trace),
        ("debug", LogLevel::Debug),
        ("info", LogLevel::Info),
        ("warn", LogLevel::Warn),
        ("error", LogLevel::Error),
    ];
    let found = levels.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
    found.map(|(_, level)| *level).ok_or_else(|| {
        let names = levels.map(|(name, _)| name);
        let hint = did_you_mean(nearest(text, names));
        Error::invalid(format!("--level is `{text}`; it is one of {}{hint}", names.join(", ")))
    })
}
