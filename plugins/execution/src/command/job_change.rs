//! `ratchet job cancel|retry|pause|resume|clear`.

use std::path::PathBuf;

use ratchet_plugin_api::model::{Job, JobStatus, Pause};
use ratchet_plugin_api::services::ClearJobs;
use ratchet_plugin_api::shell::{Shell, ShellCommand};
use ratchet_plugin_api::{Error, Result, command};
use serde_json::json;

use super::clock::duration;
use super::query::{key, words};
use super::{Services, View, count, input};
use crate::Execution;

/// Gives a job up; a running one is stopped.
#[command(name = "job cancel")]
pub(crate) struct JobCancel {
    /// The job, by number or id.
    #[arg(positional)]
    job: String,
    /// Why, kept with the job.
    reason: Option<String>,
    /// Print JSON.
    json: bool,
}

impl ShellCommand<Execution> for JobCancel {
    async fn run(self, plugin: &Execution, shell: Shell) -> Result<u8> {
        let view = View::new(plugin, &shell, self.json);
        let services = Services::lasting(plugin).await?;
        let job = services.queue()?.cancel(key(&self.job), self.reason).await?;
        view.show(&job, |job, view| match job.status {
            JobStatus::Processing => {
                format!("{} is being stopped by the host that runs it\n", named(job))
            }
            status => format!(
                "{} is {}\n",
                named(job),
                view.style.status(status.as_str(), status.as_str())
            ),
        })?;
        Ok(0)
    }
}

/// Makes a job that failed or was cancelled wait again.
#[command(name = "job retry")]
pub(crate) struct JobRetry {
    /// The job, by number or id.
    #[arg(positional)]
    job: String,
    /// Another input, as JSON; `-` reads standard input.
    #[arg(value_name = "JSON")]
    input_json: Option<String>,
    /// A file with another input; `-` reads standard input.
    #[arg(value_name = "PATH")]
    input_file: Option<PathBuf>,
    /// Print JSON.
    json: bool,
}

impl ShellCommand<Execution> for JobRetry {
    async fn run(self, plugin: &Execution, shell: Shell) -> Result<u8> {
        let view = View::new(plugin, &shell, self.json);
        let services = Services::lasting(plugin).await?;
        let input = input::optional(self.input_json, self.input_file).await?;
        let job = services.queue()?.retry(key(&self.job), input).await?;
        view.show(&job, |job, _| format!("{} waits again\n", named(job)))?;
        Ok(0)
    }
}

/// Holds the queue back, or the jobs of one task; what runs goes on.
#[command(name = "job pause")]
pub(crate) struct JobPause {
    /// Only the jobs of this task, by name, number or id.
    task: Option<String>,
    /// How long, such as `30m`; until it is resumed if nothing is said.
    #[arg(value_name = "DURATION")]
    r#for: Option<String>,
    /// Until when.
    #[arg(value_name = "TIME")]
    until: Option<String>,
    /// Why, told to those who ask why a job waits.
    reason: Option<String>,
    /// Print JSON.
    json: bool,
}

impl ShellCommand<Execution> for JobPause {
    async fn run(self, plugin: &Execution, shell: Shell) -> Result<u8> {
        let view = View::new(plugin, &shell, self.json);
        let services = Services::lasting(plugin).await?;
        let pause = read_pause(&view, self.r#for, self.until, self.reason)?;
        services.queue()?.pause(self.task.as_deref().map(key), pause.clone()).await?;
        told_pause(&view, self.task.as_deref(), &pause)?;
        Ok(0)
    }
}

/// The pause that options ask for.
pub(super) fn read_pause(
    view: &View,
    span: Option<String>,
    until: Option<String>,
    reason: Option<String>,
) -> Result<Pause> {
    let until = match (span, until) {
        (Some(_), Some(_)) => {
            return Err(Error::invalid("both --for and --until are given; give one"));
        }
        (Some(text), None) => {
            let span = duration(&text).ok_or_else(|| {
                Error::invalid(format!("--for is `{text}`; it is a duration such as 30m or 2h"))
            })?;
            Some(view.clock.now().after(span))
        }
        (None, Some(text)) => Some(view.clock.read_time("--until", &text)?),
        (None, None) => None,
    };
    if let Some(past) = until.filter(|until| *until <= view.clock.now()) {
        let shown = view.clock.show(past);
        return Err(Error::invalid(format!("the pause would be over already: {shown}")));
    }
    Ok(Pause { since: None, until, reason })
}

/// Says what is paused.
pub(super) fn told_pause(view: &View, task: Option<&str>, pause: &Pause) -> Result<()> {
    let result =
        json!({"paused": true, "task": task, "until": pause.until, "reason": pause.reason});
    view.show(&result, |_, view| {
        let until = match pause.until {
            Some(until) => format!(" until {}", view.clock.show(until)),
            None => String::new(),
        };
        match task {
            Some(task) => format!("the jobs of `{task}` are paused{until}\n"),
            None => format!("the queue is paused{until}\n"),
        }
    })
}

/// Lets the queue go on, or the jobs of one task.
#[command(name = "job resume")]
pub(crate) struct JobResume {
    /// Only the jobs of this task, by name, number or id.
    task: Option<String>,
    /// Print JSON.
    json: bool,
}

impl ShellCommand<Execution> for JobResume {
    async fn run(self, plugin: &Execution, shell: Shell) -> Result<u8> {
        let view = View::new(plugin, &shell, self.json);
        let services = Services::lasting(plugin).await?;
        services.queue()?.resume(self.task.as_deref().map(key)).await?;
        told_resume(&view, self.task.as_deref())?;
        Ok(0)
    }
}

/// Says what goes on.
pub(super) fn told_resume(view: &View, task: Option<&str>) -> Result<()> {
    let result = json!({"paused": false, "task": task});
    view.show(&result, |_, _| match task {
        Some(task) => format!("the jobs of `{task}` go on\n"),
        None => "the queue goes on\n".to_owned(),
    })
}

/// Removes jobs that have ended, with their executions.
#[command(name = "job clear")]
pub(crate) struct JobClear {
    /// Only those of these statuses: completed, failed, cancelled.
    #[arg(value_name = "STATUS")]
    status: Vec<String>,
    /// Only those of this task, by name, number or id.
    task: Option<String>,
    /// Only those that ended before: so long ago such as `7d`, or a time.
    #[arg(value_name = "TIME")]
    before: Option<String>,
    /// All that have ended.
    all: bool,
    /// Print JSON.
    json: bool,
}

impl ShellCommand<Execution> for JobClear {
    async fn run(self, plugin: &Execution, shell: Shell) -> Result<u8> {
        let view = View::new(plugin, &shell, self.json);
        let services = Services::lasting(plugin).await?;
        let chosen = !self.status.is_empty() || self.task.is_some() || self.before.is_some();
        if chosen == self.all {
            let what = if chosen { "--all goes with no other option" } else { "nothing is chosen" };
            return Err(Error::invalid(format!(
                "{what}; say which jobs by --status, --task and --before, or --all"
            )));
        }
        let statuses: Result<Vec<JobStatus>> = words(&self.status).map(str::parse).collect();
        let statuses = statuses?;
        if let Some(status) = statuses.iter().find(|status| !status.is_final()) {
            return Err(Error::invalid(format!(
                "--status is `{status}`; only jobs that are completed, failed or cancelled can be \
                 removed"
            )));
        }
        let task = match self.task {
            Some(task) => Some(services.tasks()?.get(key(&task)).await?.id),
            None => None,
        };
        let before = self.before.map(|text| view.clock.read_past("--before", &text)).transpose()?;
        let removed = services.queue()?.clear(ClearJobs { statuses, task, before }).await?;
        view.show(&json!({"removed": removed}), |_, _| {
            format!("{} removed\n", count(removed, "job"))
        })?;
        Ok(0)
    }
}

fn named(job: &Job) -> String {
    format!("job {} of `{}`", job.number, job.task_name)
}
