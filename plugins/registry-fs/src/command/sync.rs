//! `ratchet repo sync`: brings the store up to date with sources now.

use ratchet_plugin_api::model::SyncReport;
use ratchet_plugin_api::services::{Database, RepositoryStore, TaskSource, TaskStore};
use ratchet_plugin_api::shell::{Shell, ShellCommand};
use ratchet_plugin_api::{Result, command};
use serde::Serialize;

use super::show::{Format, print, printable};
use super::{FAILED, Known, Reader, check_lasting, known, selected};
use crate::RegistryFs;

/// Brings the store up to date with the repositories tasks come from.
#[command(name = "repo sync", needs = [TaskStore, RepositoryStore, Database, TaskSource])]
pub(crate) struct RepoSync {
    /// The repository; all that are enabled if none is given.
    #[arg(positional)]
    name: Option<String>,
    /// Read also what looks unchanged.
    force: bool,
    /// How it is printed.
    #[default(Format::Table)]
    format: Format,
}

/// What bringing the store up to date with one source did.
#[derive(Serialize)]
struct Synced {
    name: String,
    #[serde(flatten)]
    report: SyncReport,
    error: Option<String>,
}

impl ShellCommand<RegistryFs> for RepoSync {
    async fn run(self, plugin: &RegistryFs, _shell: Shell) -> Result<u8> {
        check_lasting(&plugin.context).await?;
        // Without sources of its own, this is hardly the configuration of the server.
        if let Ok(store) = plugin.context.slot::<dyn RepositoryStore>().get()
            && !plugin.configured.is_empty()
        {
            let all = plugin.configured.iter().map(|source| source.repository.clone());
            store.configure(all.collect()).await?;
        }
        let mut chosen = selected(known(plugin).await?, self.name.as_deref())?;
        if self.name.is_none() {
            chosen.retain(|known| known.enabled);
        }
        let mut all = Vec::new();
        for known in &chosen {
            all.push(sync(known, self.force).await);
        }
        print(&plugin.context, self.format, &all, || text(&all))?;
        let fine = all.iter().all(|it| it.error.is_none() && it.report.problems.is_empty());
        Ok(if fine { 0 } else { FAILED })
    }
}

async fn sync(known: &Known, force: bool) -> Synced {
    let synced = match known.reader() {
        Ok(Reader::Own(source)) => source.sync(force).await,
        Ok(Reader::Other(source)) => source.sync(force).await,
        Err(error) => Err(error),
    };
    let name = known.name.clone();
    match synced {
        Ok(report) => Synced { name, report, error: None },
        Err(error) => {
            Synced { name, report: SyncReport::default(), error: Some(error.to_string()) }
        }
    }
}

fn text(all: &[Synced]) -> String {
    if all.is_empty() {
        return "no repositories; `ratchet repo add NAME URI` adds one\n".to_owned();
    }
    let mut text = String::new();
    for Synced { name, report, error } in all {
        let name = printable(name);
        match error {
            Some(error) => text.push_str(&format!("{name}: {}\n", printable(error))),
            None => text.push_str(&format!(
                "{name}: {} added, {} updated, {} removed, {} unchanged\n",
                report.added.len(),
                report.updated.len(),
                report.removed.len(),
                report.unchanged,
            )),
        }
        let marked = [("+", &report.added), ("~", &report.updated), ("-", &report.removed)];
        for (mark, names) in marked {
            for name in names {
                text.push_str(&format!("  {mark} {}\n", printable(name)));
            }
        }
        for problem in &report.problems {
            let (path, message) = (printable(&problem.path), printable(&problem.message));
            text.push_str(&format!("  ! {path}: {message}\n"));
        }
    }
    text
}
