//! `ratchet repo verify`: whether sources can be read, and everything that is wrong in them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ratchet_plugin_api::model::{Id, OfferedTask, TaskProblem};
use ratchet_plugin_api::services::TaskSource;
use ratchet_plugin_api::shell::{Shell, ShellCommand};
use ratchet_plugin_api::{Result, command};
use ratchet_taskdir::{Patterns, Scan};
use serde::Serialize;

use super::show::{Format, count, print, printable};
use super::{FAILED, Known, Reader, blocking, known, selected};
use crate::RegistryFs;
use crate::repository::{RepositoryFile, index_of, same};
use crate::source::{Source, SourceSpec};

/// Checks whether repositories can be read, and everything in them. Fails if anything is wrong.
#[command(name = "repo verify", needs = [TaskSource])]
pub(crate) struct RepoVerify {
    /// The repository's name, or the path of one that is not configured; all if none is given.
    #[arg(value_name = "NAME")]
    repository: Option<String>,
    /// How it is printed.
    #[default(Format::Table)]
    format: Format,
    /// Show also what works, but should be put right.
    detailed: bool,
    /// List the tasks that were found.
    list_tasks: bool,
    /// Check only what is on this machine.
    offline: bool,
}

/// What came of checking one source.
#[derive(Default, Serialize)]
struct Verified {
    name: String,
    kind: String,
    uri: String,
    /// `ok`, `wrong`, `unreadable`, or `skipped`.
    state: &'static str,
    /// How many tasks it has.
    tasks: usize,
    problems: Vec<TaskProblem>,
    error: Option<String>,
    /// `fresh`, `out of date`, or none.
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warnings: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    listed: Option<Vec<ListedTask>>,
}

/// A task that was found.
#[derive(Serialize)]
struct ListedTask {
    name: String,
    version: String,
    path: String,
    uuid: Option<Id>,
}

impl ListedTask {
    fn new(task: &OfferedTask) -> Self {
        Self {
            name: task.definition.name.clone(),
            version: task.definition.version.clone(),
            path: task.path.clone(),
            uuid: task.definition.id,
        }
    }
}

impl ShellCommand<RegistryFs> for RepoVerify {
    async fn run(self, plugin: &RegistryFs, _shell: Shell) -> Result<u8> {
        let chosen = self.chosen(plugin).await?;
        let mut all = Vec::new();
        for known in chosen.iter().filter(|known| known.enabled) {
            all.push(self.verify(known).await?);
        }
        print(&plugin.context, self.format, &all, || text(&all))?;
        let fine = all.iter().all(|verified| matches!(verified.state, "ok" | "skipped"));
        Ok(if fine { 0 } else { FAILED })
    }
}

impl RepoVerify {
    async fn chosen(&self, plugin: &RegistryFs) -> Result<Vec<Known>> {
        let all = known(plugin).await?;
        let asked = self.repository.as_deref();
        match asked {
            Some(path)
                if !all.iter().any(|known| known.name == path) && Path::new(path).exists() =>
            {
                Ok(vec![unconfigured(path, plugin)])
            }
            _ => selected(all, asked),
        }
    }

    async fn verify(&self, known: &Known) -> Result<Verified> {
        let mut verified = Verified {
            name: known.name.clone(),
            kind: known.kind.clone(),
            uri: known.uri.clone(),
            state: "ok",
            ..Verified::default()
        };
        match known.reader() {
            Ok(Reader::Own(source)) => match source.scan(true).await {
                Ok(scan) => self.scanned(&mut verified, source.path(), scan).await?,
                Err(error) => verified.unreadable(error.to_string()),
            },
            _ if self.offline => verified.state = "skipped",
            Ok(Reader::Other(source)) => match source.offer().await {
                Ok(offered) => self.offered(&mut verified, &offered.tasks, offered.problems),
                Err(error) => verified.unreadable(error.to_string()),
            },
            Err(error) => verified.unreadable(error.to_string()),
        }
        Ok(verified)
    }

    fn offered(&self, verified: &mut Verified, tasks: &[OfferedTask], problems: Vec<TaskProblem>) {
        verified.tasks = tasks.len();
        verified.listed = self.list_tasks.then(|| tasks.iter().map(ListedTask::new).collect());
        if !problems.is_empty() {
            verified.state = "wrong";
        }
        verified.problems = problems;
    }

    async fn scanned(&self, verified: &mut Verified, root: &Path, scan: Scan) -> Result<()> {
        let tasks: Vec<OfferedTask> = scan.tasks.iter().map(|found| found.task.clone()).collect();
        let mut problems = scan.problems.clone();
        let mut warnings: Vec<String> = scan.warnings.iter().map(ToString::to_string).collect();
        let root: PathBuf = root.to_owned();
        let own = blocking(move || about(&root, &scan)).await;
        match own {
            Ok(About { unfit, index }) => {
                verified.index = index;
                let whole = ".".to_owned();
                problems.extend(unfit.map(|message| TaskProblem { path: whole, message }));
                if index == Some("out of date") {
                    warnings.push(
                        "the index is out of date; `ratchet repo refresh-metadata` writes it"
                            .to_owned(),
                    );
                }
            }
            Err(error) => {
                problems.push(TaskProblem { path: ".".to_owned(), message: error.to_string() });
            }
        }
        self.offered(verified, &tasks, problems);
        verified.warnings = self.detailed.then_some(warnings);
        Ok(())
    }
}

impl Verified {
    fn unreadable(&mut self, error: String) {
        self.state = "unreadable";
        self.error = Some(error);
    }
}

/// What a repository says about itself, next to what it is.
struct About {
    unfit: Option<String>,
    index: Option<&'static str>,
}

fn about(root: &Path, scan: &Scan) -> Result<About> {
    let unfit = RepositoryFile::load(root)?.and_then(|own| own.unfit());
    let index = match &scan.index {
        // The commit of an index is always that before the one it is in.
        Some(index) => {
            let mut now = index_of(root, scan, Some(index))?;
            now.repository.commit.clone_from(&index.repository.commit);
            Some(if same(index, &now) { "fresh" } else { "out of date" })
        }
        None => None,
    };
    Ok(About { unfit, index })
}

/// A folder or archive that nobody configured.
fn unconfigured(path: &str, plugin: &RegistryFs) -> Known {
    let spec = SourceSpec {
        name: path.to_owned(),
        uri: path.to_owned(),
        path: path.into(),
        patterns: Patterns::default(),
        follow_symlinks: false,
        watch: false,
        poll: None,
    };
    Known {
        name: path.to_owned(),
        uri: path.to_owned(),
        kind: "filesystem".to_owned(),
        enabled: true,
        configured: false,
        watch: false,
        kept: None,
        reader: Some(Reader::Own(Arc::new(Source::new(spec, &plugin.context)))),
    }
}

fn text(all: &[Verified]) -> String {
    if all.is_empty() {
        return "no repositories; --repository takes the path of one as well\n".to_owned();
    }
    let mut text = String::new();
    for verified in all {
        let mark = match verified.state {
            "ok" => "✓",
            "skipped" => "-",
            _ => "✗",
        };
        let (name, uri) = (printable(&verified.name), printable(&verified.uri));
        let index = verified.index.map(|index| format!(", index {index}")).unwrap_or_default();
        let tasks = count(verified.tasks, "task");
        text.push_str(&match verified.state {
            "skipped" => format!("{mark} {name} ({uri}): not on this machine, skipped\n"),
            _ => format!("{mark} {name} ({uri}): {tasks}{index}\n"),
        });
        if let Some(error) = &verified.error {
            text.push_str(&format!("  ! {}\n", printable(error)));
        }
        for problem in &verified.problems {
            let (path, message) = (printable(&problem.path), printable(&problem.message));
            text.push_str(&format!("  ! {path}: {message}\n"));
        }
        for warning in verified.warnings.iter().flatten() {
            text.push_str(&format!("  ? {}\n", printable(warning)));
        }
        for task in verified.listed.iter().flatten() {
            let (name, path) = (printable(&task.name), printable(&task.path));
            text.push_str(&format!("  {name} {} {path}\n", printable(&task.version)));
        }
    }
    text
}
