//! `ratchet task list|show|enable|disable|pause|resume|versions`.

use ratchet_plugin_api::model::{FilterOp, ListQuery, Listing, Task, TaskVersion};
use ratchet_plugin_api::shell::{Shell, ShellCommand};
use ratchet_plugin_api::{Result, command};

use super::job_change::{read_pause, told_pause, told_resume};
use super::query::{Asked, key};
use super::table::Table;
use super::{Services, View, show};
use crate::Execution;

/// Lists tasks by name.
#[command(name = "task list")]
pub(crate) struct TaskList {
    /// Only those that are enabled, or with `false` those that are not.
    #[arg(value_name = "TRUE|FALSE")]
    enabled: Option<bool>,
    /// Only those of this source.
    #[arg(value_name = "NAME")]
    source: Option<String>,
    /// Only those with this tag.
    tag: Option<String>,
    /// Only those changed since then: `1h`, `7d`, or a time.
    #[arg(value_name = "TIME")]
    since: Option<String>,
    /// Only those for which this holds, such as `name~weather`.
    #[arg(value_name = "CONDITION")]
    r#where: Vec<String>,
    /// What they are sorted by, such as `-updated_at`; a minus sorts the greatest first.
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

impl ShellCommand<Execution> for TaskList {
    async fn run(self, plugin: &Execution, shell: Shell) -> Result<u8> {
        let view = View::new(plugin, &shell, self.json);
        let services = Services::lasting(plugin).await?;
        let asked = Asked {
            since: self.since,
            conditions: self.r#where,
            sort: self.sort,
            offset: self.offset,
            limit: self.limit,
            ..Asked::default()
        };
        let mut query = asked.query(&services, &view.clock, "updated_at", "name").await?;
        if let Some(enabled) = self.enabled {
            query = query.filter("enabled", FilterOp::Eq, enabled);
        }
        for (field, value) in [("repository", self.source), ("tag", self.tag)] {
            if let Some(value) = value {
                query = query.filter(field, FilterOp::Eq, value);
            }
        }
        let listing = services.tasks()?.list(query, false).await?;
        view.show(&listing, show::tasks)?;
        Ok(0)
    }
}

/// Shows a task.
#[command(name = "task show")]
pub(crate) struct TaskShow {
    /// The task, by name, number or id.
    #[arg(positional)]
    task: String,
    /// Print its program instead.
    source: bool,
    /// Print JSON.
    json: bool,
}

impl ShellCommand<Execution> for TaskShow {
    async fn run(self, plugin: &Execution, shell: Shell) -> Result<u8> {
        let view = View::new(plugin, &shell, self.json);
        let services = Services::lasting(plugin).await?;
        let task = services.tasks()?.get(key(&self.task)).await?;
        if self.source && !view.json {
            view.print(with_line_end(&task.definition.program.source))?;
        } else {
            view.show(&task, show::task)?;
        }
        Ok(0)
    }
}

fn with_line_end(text: &str) -> String {
    if text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") }
}

/// Lets a task run.
#[command(name = "task enable")]
pub(crate) struct TaskEnable {
    /// The task, by name, number or id.
    #[arg(positional)]
    task: String,
    /// Print JSON.
    json: bool,
}

impl ShellCommand<Execution> for TaskEnable {
    async fn run(self, plugin: &Execution, shell: Shell) -> Result<u8> {
        enable(plugin, View::new(plugin, &shell, self.json), &self.task, true).await
    }
}

/// Keeps a task from running; its jobs wait.
#[command(name = "task disable")]
pub(crate) struct TaskDisable {
    /// The task, by name, number or id.
    #[arg(positional)]
    task: String,
    /// Print JSON.
    json: bool,
}

impl ShellCommand<Execution> for TaskDisable {
    async fn run(self, plugin: &Execution, shell: Shell) -> Result<u8> {
        enable(plugin, View::new(plugin, &shell, self.json), &self.task, false).await
    }
}

async fn enable(plugin: &Execution, view: View, task: &str, enabled: bool) -> Result<u8> {
    let services = Services::lasting(plugin).await?;
    let task = services.tasks()?.enable(key(task), enabled).await?;
    view.show(&task, |task: &Task, view| {
        let word = if task.enabled { "enabled" } else { "disabled" };
        format!("the task `{}` is {}\n", task.definition.name, view.style.status(word, word))
    })?;
    Ok(0)
}

/// Holds a task's jobs back; what runs goes on.
#[command(name = "task pause")]
pub(crate) struct TaskPause {
    /// The task, by name, number or id.
    #[arg(positional)]
    task: String,
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

impl ShellCommand<Execution> for TaskPause {
    async fn run(self, plugin: &Execution, shell: Shell) -> Result<u8> {
        let view = View::new(plugin, &shell, self.json);
        let services = Services::lasting(plugin).await?;
        let pause = read_pause(&view, self.r#for, self.until, self.reason)?;
        services.queue()?.pause(Some(key(&self.task)), pause.clone()).await?;
        told_pause(&view, Some(&self.task), &pause)?;
        Ok(0)
    }
}

/// Lets a task's jobs go on.
#[command(name = "task resume")]
pub(crate) struct TaskResume {
    /// The task, by name, number or id.
    #[arg(positional)]
    task: String,
    /// Print JSON.
    json: bool,
}

impl ShellCommand<Execution> for TaskResume {
    async fn run(self, plugin: &Execution, shell: Shell) -> Result<u8> {
        let view = View::new(plugin, &shell, self.json);
        let services = Services::lasting(plugin).await?;
        services.queue()?.resume(Some(key(&self.task))).await?;
        told_resume(&view, Some(&self.task))?;
        Ok(0)
    }
}

/// Lists the versions of a task, the newest first.
#[command(name = "task versions")]
pub(crate) struct TaskVersions {
    /// The task, by name, number or id.
    #[arg(positional)]
    task: String,
    /// How many at most.
    #[default(25)]
    limit: u32,
    /// Print JSON.
    json: bool,
}

impl ShellCommand<Execution> for TaskVersions {
    async fn run(self, plugin: &Execution, shell: Shell) -> Result<u8> {
        let view = View::new(plugin, &shell, self.json);
        let services = Services::lasting(plugin).await?;
        let query = ListQuery { limit: self.limit, ..ListQuery::default() };
        let listing = services.tasks()?.versions(key(&self.task), query).await?;
        view.show(&listing, versions)?;
        Ok(0)
    }
}

pub(super) fn versions(listing: &Listing<TaskVersion>, view: &View) -> String {
    let mut table = Table::new(&["REVISION", "VERSION", "CHECKSUM", "SOURCE", "MADE", "NOTE"]);
    for version in &listing.items {
        let origin = version.origin.as_ref();
        let source = origin.map(|origin| match &origin.revision {
            Some(revision) => format!("{}@{revision}", origin.repository),
            None => origin.repository.clone(),
        });
        table.row(vec![
            version.revision.to_string().into(),
            version.definition.version.clone().into(),
            version.checksum.chars().take(12).collect::<String>().into(),
            source.unwrap_or_default().into(),
            view.clock.show(version.created_at).into(),
            version.note.clone().unwrap_or_default().into(),
        ]);
    }
    table.render(view.style)
}
