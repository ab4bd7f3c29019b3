//! `ratchet repo list`: the sources that are known.

use ratchet_plugin_api::model::Timestamp;
use ratchet_plugin_api::services::{Database, RepositoryStore, TaskSource};
use ratchet_plugin_api::shell::{Shell, ShellCommand};
use ratchet_plugin_api::{Result, command};
use serde::Serialize;

use super::show::{Format, columns, print};
use super::{Known, known};
use crate::RegistryFs;

/// Lists the repositories tasks come from: those of the configuration and those that were added.
#[command(name = "repo list", needs = [RepositoryStore, Database, TaskSource])]
pub(crate) struct RepoList {
    /// How it is printed.
    #[default(Format::Table)]
    format: Format,
}

/// A repository as it is listed.
#[derive(Serialize)]
struct Listed {
    name: String,
    kind: String,
    uri: String,
    enabled: bool,
    configured: bool,
    watch: bool,
    /// Tasks the store has from it.
    tasks: Option<u64>,
    synced_at: Option<Timestamp>,
    error: Option<String>,
}

impl From<&Known> for Listed {
    fn from(known: &Known) -> Self {
        let kept = known.kept.as_ref();
        Self {
            name: known.name.clone(),
            kind: known.kind.clone(),
            uri: known.uri.clone(),
            enabled: known.enabled,
            configured: known.configured,
            watch: known.watch,
            tasks: kept.map(|kept| kept.tasks),
            synced_at: kept.and_then(|kept| kept.synced_at),
            error: kept.and_then(|kept| kept.error.clone()),
        }
    }
}

impl ShellCommand<RegistryFs> for RepoList {
    async fn run(self, plugin: &RegistryFs, _shell: Shell) -> Result<u8> {
        let all: Vec<Listed> = known(plugin).await?.iter().map(Listed::from).collect();
        print(&plugin.context, self.format, &all, || table(&all))?;
        Ok(0)
    }
}

fn table(all: &[Listed]) -> String {
    if all.is_empty() {
        return "no repositories; `ratchet repo add NAME URI` adds one, and so does an entry below \
                registry.sources in the configuration\n"
            .to_owned();
    }
    let row = |listed: &Listed| {
        let from = if listed.configured { "configuration" } else { "added" };
        let enabled = if listed.enabled { "yes" } else { "no" };
        let tasks = listed.tasks.map(|tasks| tasks.to_string()).unwrap_or_default();
        let synced = listed.synced_at.map(|time| time.to_string()).unwrap_or_default();
        let words = [&listed.name, &listed.kind, enabled, from, &tasks, &synced, &listed.uri];
        words.map(str::to_owned).to_vec()
    };
    let rows: Vec<Vec<String>> = all.iter().map(row).collect();
    columns(&["NAME", "KIND", "ENABLED", "FROM", "TASKS", "SYNCED", "URI"], &rows)
}
