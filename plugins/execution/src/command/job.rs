//! `ratchet job list|show|stats`.

use std::collections::BTreeMap;

use ratchet_plugin_api::model::{self, FilterOp, ListQuery};
use ratchet_plugin_api::shell::{Shell, ShellCommand};
use ratchet_plugin_api::{Result, command};

use super::query::{Asked, key};
use super::table::Facts;
use super::{Services, View, show};
use crate::Execution;
use crate::why::span;

/// Lists jobs, the newest first.
#[command(name = "job list")]
pub(crate) struct JobList {
    /// Only those of these statuses: queued, processing, retrying, completed, failed, cancelled.
    #[arg(value_name = "STATUS")]
    status: Vec<String>,
    /// Only those of this task, by name, number or id.
    task: Option<String>,
    /// Only those of these priorities: low, normal, high, critical.
    #[arg(value_name = "PRIORITY")]
    priority: Vec<String>,
    /// Only those accepted since then: `1h`, `7d`, or a time.
    #[arg(value_name = "TIME")]
    since: Option<String>,
    /// Only those for which this holds, such as `attempt>=2` or `error_message~refused`.
    #[arg(value_name = "CONDITION")]
    r#where: Vec<String>,
    /// What they are sorted by, such as `-queued_at`; a minus sorts the greatest first.
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

impl ShellCommand<Execution> for JobList {
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
        let mut query = asked.query(&services, &view.clock, "queued_at", "-queued_at").await?;
        let priorities = super::query::words(&self.priority).map(str::parse::<model::Priority>);
        let priorities: Result<Vec<_>> = priorities.collect();
        let priorities: Vec<String> = priorities?.iter().map(ToString::to_string).collect();
        if !priorities.is_empty() {
            query = query.filter("priority", FilterOp::In, "");
            if let Some(filter) = query.filters.last_mut() {
                filter.values = priorities;
            }
        }
        let listing = services.jobs()?.list(query).await?;
        view.show(&listing, show::jobs)?;
        Ok(0)
    }
}

/// Shows a job with its attempts.
#[command(name = "job show")]
pub(crate) struct JobShow {
    /// The job, by number or id.
    #[arg(positional)]
    job: String,
    /// Print JSON.
    json: bool,
}

impl ShellCommand<Execution> for JobShow {
    async fn run(self, plugin: &Execution, shell: Shell) -> Result<u8> {
        let view = View::new(plugin, &shell, self.json);
        let services = Services::lasting(plugin).await?;
        let job = services.jobs()?.get(key(&self.job)).await?;
        if view.json {
            view.print_json(&job)?;
            return Ok(0);
        }
        let query =
            ListQuery::default().filter("job", FilterOp::Eq, job.id).sort_by("attempt", false);
        let attempts = services.executions()?.list(query).await?;
        let mut text = show::job(&job, &view);
        if !attempts.items.is_empty() {
            text.push('\n');
            text.push_str(&show::executions(&attempts, &view));
        }
        view.print(text)?;
        Ok(0)
    }
}

/// Counts jobs by status, priority and what holds them.
#[command(name = "job stats")]
pub(crate) struct JobStats {
    /// Print JSON.
    json: bool,
}

impl ShellCommand<Execution> for JobStats {
    async fn run(self, plugin: &Execution, shell: Shell) -> Result<u8> {
        let view = View::new(plugin, &shell, self.json);
        let services = Services::lasting(plugin).await?;
        let stats = services.queue()?.stats().await?;
        view.show(&stats, stats_text)?;
        Ok(0)
    }
}

pub(super) fn stats_text(stats: &model::JobStats, view: &View) -> String {
    let mut facts = Facts::default();
    for (name, number) in [
        ("queued", stats.queued),
        ("processing", stats.processing),
        ("retrying", stats.retrying),
        ("completed", stats.completed),
        ("failed", stats.failed),
        ("cancelled", stats.cancelled),
        ("accepted in 24 h", stats.last_24h),
    ] {
        facts.add(name, number.to_string());
    }
    facts.option("waiting by priority", by_name(&stats.waiting_by_priority));
    facts.option("waiting by hold", by_name(&stats.waiting_by_hold));
    let time = |ms: u64| span(std::time::Duration::from_millis(ms));
    facts.option("average wait", stats.average_wait_ms.map(|ms| time(ms.max(0.0) as u64)));
    facts.option("longest wait", stats.longest_wait_ms.map(time));
    if let Some(pause) = &stats.paused {
        let until = pause.until.map(|until| format!(" until {}", view.clock.show(until)));
        let reason = pause.reason.as_ref().map(|reason| format!(": {reason}"));
        let text = format!("yes{}{}", until.unwrap_or_default(), reason.unwrap_or_default());
        facts.add("paused", text);
    }
    facts.render(view.style)
}

fn by_name(counts: &BTreeMap<String, u64>) -> Option<String> {
    let counts: Vec<String> = counts
        .iter()
        .filter(|(_, number)| **number > 0)
        .map(|(name, number)| format!("{name} {number}"))
        .collect();
    (!counts.is_empty()).then(|| counts.join(", "))
}
