//! `ratchet repo status`: how sources stand, and what of them the store does not have yet.

use std::collections::BTreeMap;

use ratchet_plugin_api::model::{
    FilterOp, ListQuery, MAX_LIMIT, Offered, OfferedTask, TaskProblem, Timestamp,
};
use ratchet_plugin_api::services::{Database, RepositoryStore, TaskSource, TaskStore};
use ratchet_plugin_api::shell::{Shell, ShellCommand};
use ratchet_plugin_api::{Result, command};
use serde::Serialize;

use super::show::{Format, columns, count, print, printable};
use super::{Known, Reader, fleeting, known, selected};
use crate::RegistryFs;

/// Shows how repositories stand, and what of them the store does not have yet.
#[command(
    name = "repo status",
    needs = [TaskStore, RepositoryStore, Database, TaskSource]
)]
pub(crate) struct RepoStatus {
    /// Show every task that is different and everything that is wrong.
    detailed: bool,
    /// The repository; all if none is given.
    #[arg(value_name = "NAME")]
    repository: Option<String>,
    /// How it is printed.
    #[default(Format::Table)]
    format: Format,
}

/// How one source stands.
#[derive(Serialize)]
struct Status {
    name: String,
    kind: String,
    uri: String,
    enabled: bool,
    configured: bool,
    watch: bool,
    /// `in sync`, `changed`, `problems`, `unreadable`, `disabled`, or `found` where nothing is
    /// known of the store.
    state: &'static str,
    /// Tasks in the source.
    tasks: Option<usize>,
    synced_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    differences: Option<Differences>,
    problems: Vec<TaskProblem>,
    error: Option<String>,
}

/// What the store does not have as the source has it, by path.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Differences {
    new: Vec<String>,
    changed: Vec<String>,
    gone: Vec<String>,
}

impl Differences {
    fn number(&self) -> usize {
        self.new.len() + self.changed.len() + self.gone.len()
    }
}

impl ShellCommand<RegistryFs> for RepoStatus {
    async fn run(self, plugin: &RegistryFs, _shell: Shell) -> Result<u8> {
        let chosen = selected(known(plugin).await?, self.repository.as_deref())?;
        let store = match plugin.context.slot::<dyn TaskStore>().get() {
            Ok(store) if fleeting(&plugin.context).await?.is_none() => Some(store),
            _ => None,
        };
        let mut all = Vec::new();
        for known in &chosen {
            all.push(status(known, store.as_deref()).await?);
        }
        print(&plugin.context, self.format, &all, || text(&all, self.detailed))?;
        Ok(0)
    }
}

async fn status(known: &Known, store: Option<&dyn TaskStore>) -> Result<Status> {
    let mut status = Status {
        name: known.name.clone(),
        kind: known.kind.clone(),
        uri: known.uri.clone(),
        enabled: known.enabled,
        configured: known.configured,
        watch: known.watch,
        state: "disabled",
        tasks: None,
        synced_at: known.kept.as_ref().and_then(|kept| kept.synced_at),
        differences: None,
        problems: Vec::new(),
        error: None,
    };
    if !known.enabled {
        return Ok(status);
    }
    let offered = match known.reader() {
        Ok(Reader::Own(source)) => source.offer().await,
        Ok(Reader::Other(source)) => source.offer().await,
        Err(error) => Err(error),
    };
    match offered {
        Ok(Offered { tasks, problems }) => {
            status.tasks = Some(tasks.len());
            if let Some(store) = store {
                let stored = stored(store, &known.name).await?;
                status.differences = Some(differences(&tasks, stored, &problems));
            }
            status.problems = problems;
            status.state = match &status.differences {
                _ if !status.problems.is_empty() => "problems",
                Some(differences) if differences.number() > 0 => "changed",
                Some(_) => "in sync",
                None => "found",
            };
        }
        Err(error) => {
            status.state = "unreadable";
            status.error = Some(error.to_string());
        }
    }
    Ok(status)
}

/// The checksums of the tasks that the store has from a source, by path.
async fn stored(store: &dyn TaskStore, source: &str) -> Result<BTreeMap<String, String>> {
    let mut stored = BTreeMap::new();
    let mut query = ListQuery { limit: MAX_LIMIT, count: false, ..ListQuery::default() }
        .filter("repository", FilterOp::Eq, source)
        .sort_by("name", false);
    loop {
        let page = store.list(query.clone(), false).await?.items;
        let read = page.len();
        for task in page {
            if let Some(origin) = task.origin {
                stored.insert(origin.path, task.checksum);
            }
        }
        if read < MAX_LIMIT as usize {
            return Ok(stored);
        }
        query.offset += read as u64;
    }
}

/// A task that has a problem is kept as it was, so it is no difference.
fn differences(
    tasks: &[OfferedTask],
    mut stored: BTreeMap<String, String>,
    problems: &[TaskProblem],
) -> Differences {
    let mut differences = Differences::default();
    for task in tasks {
        match stored.remove(&task.path) {
            None => differences.new.push(task.path.clone()),
            Some(checksum) if checksum != task.definition.checksum() => {
                differences.changed.push(task.path.clone());
            }
            Some(_) => {}
        }
    }
    let broken = |path: &str| {
        problems.iter().any(|problem| {
            path.strip_prefix(&problem.path)
                .is_some_and(|rest| matches!(rest.chars().next(), None | Some('/')))
        })
    };
    differences.gone = stored.into_keys().filter(|path| !broken(path)).collect();
    differences
}

fn text(all: &[Status], detailed: bool) -> String {
    if all.is_empty() {
        return "no repositories; `ratchet repo add NAME URI` adds one\n".to_owned();
    }
    let row = |status: &Status| {
        let different = status.differences.as_ref();
        vec![
            status.name.clone(),
            status.kind.clone(),
            status.state.to_owned(),
            status.tasks.map(|tasks| tasks.to_string()).unwrap_or_default(),
            different.map(|it| it.number().to_string()).unwrap_or_default(),
            status.problems.len().to_string(),
            status.synced_at.map(|time| time.to_string()).unwrap_or_default(),
            status.uri.clone(),
        ]
    };
    let rows: Vec<Vec<String>> = all.iter().map(row).collect();
    let headings = ["NAME", "KIND", "STATE", "TASKS", "DIFFERENT", "PROBLEMS", "SYNCED", "URI"];
    let mut text = columns(&headings, &rows);
    for status in all {
        let name = printable(&status.name);
        if let Some(error) = &status.error {
            text.push_str(&format!("\n{name}: {}\n", printable(error)));
        }
        if detailed {
            text.push_str(&details(status, &name));
        }
    }
    let problems: usize = all.iter().map(|status| status.problems.len()).sum();
    if !detailed && problems > 0 {
        text.push_str(&format!("\n{}; --detailed shows them\n", count(problems, "problem")));
    }
    text
}

fn details(status: &Status, name: &str) -> String {
    let mut text = String::new();
    if let Some(different) = &status.differences {
        let marked = [("+", &different.new), ("~", &different.changed), ("-", &different.gone)];
        for (mark, paths) in marked {
            for path in paths {
                text.push_str(&format!("  {mark} {}\n", printable(path)));
            }
        }
    }
    for problem in &status.problems {
        let (path, message) = (printable(&problem.path), printable(&problem.message));
        text.push_str(&format!("  ! {path}: {message}\n"));
    }
    if text.is_empty() { text } else { format!("\n{name}:\n{text}") }
}
