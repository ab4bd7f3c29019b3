//! The shell commands, one file each, and what they share.

mod generate;
mod input;
mod replay;
mod run_once;
mod templates;
mod test;
mod validate;
mod watch;

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use ratchet_plugin_api::{Error, Result};
use ratchet_taskdir::{self as task, Task, duration};

pub(crate) use generate::GenerateTask;
pub(crate) use replay::Replay;
pub(crate) use run_once::RunOnce;
pub(crate) use test::Test;
pub(crate) use validate::Validate;

/// The exit code of a task, test or validation that failed.
const FAILED: u8 = 1;

/// Runs `work`, which may block, where blocking is allowed.
async fn blocking<T, F>(work: F) -> Result<T>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T> + Send + 'static,
{
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        Err(Error::internal(format!("reading files was broken off: {error}")))
    })
}

/// Reads the one task at `path`, warning in the log of what should be put right.
async fn load_task(path: &Path) -> Result<Task> {
    let path = path.to_owned();
    let task = blocking(move || Ok(Task::load(&task::one(&path)?)?)).await?;
    for warning in &task.warnings {
        tracing::warn!("{warning}");
    }
    Ok(task)
}

/// `--timeout` as a duration.
fn read_timeout(seconds: Option<f64>) -> Result<Option<Duration>> {
    let read = |seconds| {
        duration(seconds).ok_or_else(|| {
            Error::invalid(format!(
                "--timeout is {seconds}; it is a positive number of seconds, such as 2.5"
            ))
        })
    };
    seconds.map(read).transpose()
}

/// Writes for the person at the terminal.
fn to_stderr(text: &str) -> Result<()> {
    Ok(std::io::stderr().lock().write_all(text.as_bytes())?)
}

#[cfg(test)]
mod tests;
