//! `ratchet schedule list|show|next`.

use ratchet_plugin_api::model::{FilterOp, Timestamp, Timing};
use ratchet_plugin_api::shell::{Shell, ShellCommand};
use ratchet_plugin_api::{Error, Result, command};
use serde::Serialize;

use super::query::{Asked, key};
use super::schedule_change::read_timing;
use super::{Services, View, show};
use crate::Execution;

/// Lists schedules, what is due next first.
#[command(name = "schedule list")]
pub(crate) struct ScheduleList {
    /// Only those that are enabled, or with `false` those that are not.
    #[arg(value_name = "TRUE|FALSE")]
    enabled: Option<bool>,
    /// Only those of this task, by name, number or id.
    task: Option<String>,
    /// Only those changed since then: `1h`, `7d`, or a time.
    #[arg(value_name = "TIME")]
    since: Option<String>,
    /// Only those for which this holds, such as `name~report` or `overdue=true`.
    #[arg(value_name = "CONDITION")]
    r#where: Vec<String>,
    /// What they are sorted by, such as `name`; a minus sorts the greatest first.
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

impl ShellCommand<Execution> for ScheduleList {
    async fn run(self, plugin: &Execution, shell: Shell) -> Result<u8> {
        let view = View::new(plugin, &shell, self.json);
        let services = Services::lasting(plugin).await?;
        let asked = Asked {
            task: self.task,
            since: self.since,
            conditions: self.r#where,
            sort: self.sort,
            offset: self.offset,
            limit: self.limit,
            ..Asked::default()
        };
        let mut query = asked.query(&services, &view.clock, "updated_at", "next_run_at").await?;
        if let Some(enabled) = self.enabled {
            query = query.filter("enabled", FilterOp::Eq, enabled);
        }
        let listing = services.schedules()?.list(query).await?;
        view.show(&listing, show::schedules)?;
        Ok(0)
    }
}

/// Shows a schedule.
#[command(name = "schedule show")]
pub(crate) struct ScheduleShow {
    /// The schedule, by name, number or id.
    #[arg(positional)]
    schedule: String,
    /// Print JSON.
    json: bool,
}

impl ShellCommand<Execution> for ScheduleShow {
    async fn run(self, plugin: &Execution, shell: Shell) -> Result<u8> {
        let view = View::new(plugin, &shell, self.json);
        let services = Services::lasting(plugin).await?;
        let schedule = services.schedules()?.get(key(&self.schedule)).await?;
        view.show(&schedule, show::schedule)?;
        Ok(0)
    }
}

/// Prints the next times of a schedule, or of a timing that none has yet.
#[command(name = "schedule next")]
pub(crate) struct ScheduleNext {
    /// The schedule, by name, number or id.
    #[arg(positional)]
    schedule: Option<String>,
    /// Instead of a schedule: a cron expression of 5, 6 or 7 fields.
    #[arg(value_name = "EXPRESSION")]
    cron: Option<String>,
    /// Instead of a schedule: an interval, such as `5m`.
    #[arg(value_name = "DURATION")]
    every: Option<String>,
    /// The time zone of the expression, such as `Europe/Berlin`.
    #[default("UTC")]
    timezone: String,
    /// How many times.
    #[default(10)]
    count: u32,
    /// Print JSON.
    json: bool,
}

/// The next times as JSON.
#[derive(Serialize)]
struct Times {
    timing: Timing,
    timezone: String,
    times: Vec<Timestamp>,
}

impl ShellCommand<Execution> for ScheduleNext {
    async fn run(self, plugin: &Execution, shell: Shell) -> Result<u8> {
        let view = View::new(plugin, &shell, self.json);
        let asked = read_timing(self.cron, self.every)?;
        let times = match (self.schedule, asked) {
            (Some(schedule), None) => {
                let services = Services::lasting(plugin).await?;
                let schedule = services.schedules()?.get(key(&schedule)).await?;
                let id = key(&schedule.id.to_string());
                let times = services.scheduler()?.next_runs(id, self.count).await?;
                let (timing, timezone) = (schedule.spec.timing, schedule.spec.timezone);
                Times { timing, timezone, times }
            }
            (None, Some(timing)) => {
                let (scheduler, timezone) = (Services::of(plugin).scheduler()?, self.timezone);
                let times =
                    scheduler.preview(timing.clone(), timezone.clone(), self.count, None).await?;
                Times { timing, timezone, times }
            }
            _ => {
                return Err(Error::invalid(
                    "say either which schedule, or a timing by --cron or --every",
                ));
            }
        };
        view.show(&times, text)?;
        Ok(0)
    }
}

fn text(times: &Times, view: &View) -> String {
    if times.times.is_empty() {
        return "never\n".to_owned();
    }
    times.times.iter().map(|time| format!("{}\n", view.clock.show(*time))).collect()
}
