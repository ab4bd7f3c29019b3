//! `ratchet schedule add|update|enable|disable|remove|trigger`.

use std::path::PathBuf;

use ratchet_plugin_api::model::{Schedule, Timing};
use ratchet_plugin_api::services::ScheduleRequest;
use ratchet_plugin_api::shell::{Shell, ShellCommand};
use ratchet_plugin_api::{Error, Result, command};
use serde_json::json;

use super::clock::read_milliseconds;
use super::query::key;
use super::{Services, View, input, show};
use crate::Execution;

/// Makes a schedule.
#[command(name = "schedule add")]
pub(crate) struct ScheduleAdd {
    /// Its name.
    #[arg(positional)]
    name: String,
    /// The task, by name, number or id.
    task: String,
    /// When it is due: a cron expression of 5 fields (minute hour day month weekday), 6 (with
    /// seconds first) or 7 (with the year last).
    #[arg(value_name = "EXPRESSION")]
    cron: Option<String>,
    /// How often it is due, such as `5m`, from now on.
    #[arg(value_name = "DURATION")]
    every: Option<String>,
    /// The time zone of the expression, such as `Europe/Berlin`; UTC if none is given.
    #[arg(value_name = "ZONE")]
    timezone: Option<String>,
    /// The input of its jobs as JSON; `-` reads standard input. `{}` if none is given.
    #[arg(value_name = "JSON")]
    input_json: Option<String>,
    /// A file with the input; `-` reads standard input.
    #[arg(value_name = "PATH")]
    input_file: Option<PathBuf>,
    /// The priority of its jobs: low, normal, high or critical.
    priority: Option<String>,
    /// Runs it makes in all.
    #[arg(value_name = "COUNT")]
    max_runs: Option<u64>,
    /// What happens with missed runs: `once` (one makes up for all), `all`, or `skip`.
    #[arg(value_name = "POLICY")]
    catch_up: Option<String>,
    /// What happens when the last run has not ended: `skip`, `allow`, `queue` or `replace`.
    #[arg(value_name = "POLICY")]
    overlap: Option<String>,
    /// What it is for.
    #[arg(value_name = "TEXT")]
    description: Option<String>,
    /// Make it without letting it run.
    disabled: bool,
    /// Print JSON.
    json: bool,
}

impl ShellCommand<Execution> for ScheduleAdd {
    async fn run(self, plugin: &Execution, shell: Shell) -> Result<u8> {
        let view = View::new(plugin, &shell, self.json);
        let services = Services::lasting(plugin).await?;
        let timing = read_timing(self.cron, self.every)?;
        if timing.is_none() {
            return Err(Error::invalid(
                "when it is due is not said; give --cron such as '0 9 * * MON', or --every such as \
                 5m",
            ));
        }
        let request = ScheduleRequest {
            name: Some(self.name),
            description: self.description,
            task: Some(self.task),
            input: input::optional(self.input_json, self.input_file).await?,
            timing,
            timezone: self.timezone,
            enabled: Some(!self.disabled),
            priority: self.priority.map(|text| text.parse()).transpose()?,
            max_runs: self.max_runs,
            catch_up: self.catch_up.map(|text| text.parse()).transpose()?,
            overlap: self.overlap.map(|text| text.parse()).transpose()?,
            ..ScheduleRequest::default()
        };
        let schedule = services.scheduler()?.create(request).await?;
        view.show(&schedule, |schedule, view| said(schedule, "is made", view))?;
        Ok(0)
    }
}

/// Changes a schedule; what is not given stays as it is.
#[command(name = "schedule update")]
pub(crate) struct ScheduleUpdate {
    /// The schedule, by name, number or id.
    #[arg(positional)]
    schedule: String,
    /// Another name.
    name: Option<String>,
    /// Another task, by name, number or id.
    task: Option<String>,
    /// Another cron expression.
    #[arg(value_name = "EXPRESSION")]
    cron: Option<String>,
    /// Another interval, such as `5m`, from now on.
    #[arg(value_name = "DURATION")]
    every: Option<String>,
    /// Another time zone.
    #[arg(value_name = "ZONE")]
    timezone: Option<String>,
    /// Another input as JSON; `-` reads standard input.
    #[arg(value_name = "JSON")]
    input_json: Option<String>,
    /// A file with another input; `-` reads standard input.
    #[arg(value_name = "PATH")]
    input_file: Option<PathBuf>,
    /// Another priority of its jobs: low, normal, high or critical.
    priority: Option<String>,
    /// Runs it makes in all, those it has made among them; 0 for no end.
    #[arg(value_name = "COUNT")]
    max_runs: Option<u64>,
    /// What happens with missed runs: `once`, `all` or `skip`.
    #[arg(value_name = "POLICY")]
    catch_up: Option<String>,
    /// What happens when the last run has not ended: `skip`, `allow`, `queue` or `replace`.
    #[arg(value_name = "POLICY")]
    overlap: Option<String>,
    /// What it is for.
    #[arg(value_name = "TEXT")]
    description: Option<String>,
    /// Print JSON.
    json: bool,
}

impl ShellCommand<Execution> for ScheduleUpdate {
    async fn run(self, plugin: &Execution, shell: Shell) -> Result<u8> {
        let view = View::new(plugin, &shell, self.json);
        let services = Services::lasting(plugin).await?;
        let request = ScheduleRequest {
            name: self.name,
            description: self.description,
            task: self.task,
            input: input::optional(self.input_json, self.input_file).await?,
            timing: read_timing(self.cron, self.every)?,
            timezone: self.timezone,
            priority: self.priority.map(|text| text.parse()).transpose()?,
            max_runs: self.max_runs,
            catch_up: self.catch_up.map(|text| text.parse()).transpose()?,
            overlap: self.overlap.map(|text| text.parse()).transpose()?,
            ..ScheduleRequest::default()
        };
        if request == ScheduleRequest::default() {
            return Err(Error::invalid("nothing is given that would change the schedule"));
        }
        let schedule = services.scheduler()?.update(key(&self.schedule), request).await?;
        view.show(&schedule, |schedule, view| said(schedule, "is changed", view))?;
        Ok(0)
    }
}

/// The timing that options ask for.
pub(super) fn read_timing(cron: Option<String>, every: Option<String>) -> Result<Option<Timing>> {
    match (cron, every) {
        (Some(_), Some(_)) => Err(Error::invalid("both --cron and --every are given; give one")),
        (Some(expression), None) => Ok(Some(Timing::Cron(expression))),
        (None, Some(text)) => Ok(Some(Timing::EveryMs(read_milliseconds("--every", &text)?))),
        (None, None) => Ok(None),
    }
}

/// Lets a schedule make jobs.
#[command(name = "schedule enable")]
pub(crate) struct ScheduleEnable {
    /// The schedule, by name, number or id.
    #[arg(positional)]
    schedule: String,
    /// Print JSON.
    json: bool,
}

impl ShellCommand<Execution> for ScheduleEnable {
    async fn run(self, plugin: &Execution, shell: Shell) -> Result<u8> {
        enable(plugin, View::new(plugin, &shell, self.json), &self.schedule, true).await
    }
}

/// Keeps a schedule from making jobs.
#[command(name = "schedule disable")]
pub(crate) struct ScheduleDisable {
    /// The schedule, by name, number or id.
    #[arg(positional)]
    schedule: String,
    /// Print JSON.
    json: bool,
}

impl ShellCommand<Execution> for ScheduleDisable {
    async fn run(self, plugin: &Execution, shell: Shell) -> Result<u8> {
        enable(plugin, View::new(plugin, &shell, self.json), &self.schedule, false).await
    }
}

async fn enable(plugin: &Execution, view: View, schedule: &str, enabled: bool) -> Result<u8> {
    let services = Services::lasting(plugin).await?;
    let request = ScheduleRequest { enabled: Some(enabled), ..ScheduleRequest::default() };
    let schedule = services.scheduler()?.update(key(schedule), request).await?;
    let word = if enabled { "is enabled" } else { "is disabled" };
    view.show(&schedule, |schedule, view| said(schedule, word, view))?;
    Ok(0)
}

/// Removes a schedule; the jobs it made stay.
#[command(name = "schedule remove")]
pub(crate) struct ScheduleRemove {
    /// The schedule, by name, number or id.
    #[arg(positional)]
    schedule: String,
    /// Print JSON.
    json: bool,
}

impl ShellCommand<Execution> for ScheduleRemove {
    async fn run(self, plugin: &Execution, shell: Shell) -> Result<u8> {
        let view = View::new(plugin, &shell, self.json);
        let services = Services::lasting(plugin).await?;
        services.scheduler()?.remove(key(&self.schedule)).await?;
        view.show(&json!({"removed": self.schedule}), |_, _| {
            format!("the schedule `{}` is removed\n", self.schedule)
        })?;
        Ok(0)
    }
}

/// Makes a job of a schedule now, without touching its times.
#[command(name = "schedule trigger")]
pub(crate) struct ScheduleTrigger {
    /// The schedule, by name, number or id.
    #[arg(positional)]
    schedule: String,
    /// Print JSON.
    json: bool,
}

impl ShellCommand<Execution> for ScheduleTrigger {
    async fn run(self, plugin: &Execution, shell: Shell) -> Result<u8> {
        let view = View::new(plugin, &shell, self.json);
        let services = Services::lasting(plugin).await?;
        let job = services.scheduler()?.trigger(key(&self.schedule)).await?;
        view.show(&job, |job, view| {
            let note = view.style.faint(&format!(" ({})", job.id));
            format!("job {} of `{}` is accepted{note}\n", job.number, job.task_name)
        })?;
        Ok(0)
    }
}

/// What happened to a schedule, and when it is due.
fn said(schedule: &Schedule, what: &str, view: &View) -> String {
    let (name, due) = (&schedule.spec.name, show::timing(&schedule.spec.timing));
    let next = match schedule.next_run_at {
        Some(next) => format!("; it is due {} ({due})", view.clock.show(next)),
        None if !schedule.spec.enabled => String::new(),
        None => "; it will not be due again".to_owned(),
    };
    format!("the schedule `{name}` {what}{next}\n")
}
