//! `ratchet test`: runs the test cases of tasks and reports.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use futures_util::StreamExt as _;
use futures_util::stream;
use ratchet_plugin_api::services::JsRuntime;
use ratchet_plugin_api::shell::{Shell, ShellCommand};
use ratchet_plugin_api::{Error, Result, command};
use ratchet_taskdir::{self as task, Diagnostic, Task};

use super::watch::Watch;
use super::{FAILED, blocking};
use crate::Taskkit;
use crate::cases::{self, Case};
use crate::report::style::Style;
use crate::report::suite::{CaseReport, SuiteReport, TaskReport, Totals, Verdict};
use crate::report::{json, junit, text};
use crate::run::{RunOptions, Runner};

/// Runs the test cases in `tests/*.json` of a task, or of every task below a folder.
#[command(name = "test", needs = [JsRuntime])]
pub(crate) struct Test {
    /// The task's folder, or one with tasks below it.
    #[arg(value_name = "PATH")]
    from_fs: PathBuf,
    /// Run only cases with this in their name or their task's.
    #[arg(value_name = "TEXT")]
    filter: Option<String>,
    /// Also write the report as JUnit XML.
    #[arg(value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Print the report as JSON.
    json: bool,
    /// Run again whenever a file changes, until interrupted.
    watch: bool,
    /// How many cases run at once.
    #[default(1)]
    #[arg(value_name = "N")]
    parallel: u32,
    /// Run no further case once one has failed.
    fail_fast: bool,
    /// The JavaScript runtime to use, such as `boa`.
    #[arg(value_name = "NAME")]
    runtime: Option<String>,
}

impl ShellCommand<Taskkit> for Test {
    async fn run(self, plugin: &Taskkit, shell: Shell) -> Result<u8> {
        if self.parallel == 0 {
            return Err(Error::invalid("--parallel is 0; at least one case runs at once"));
        }
        let style = Style::of_output(&shell);
        if !self.watch {
            return Ok(exit_code(self.run_all(plugin, style).await?));
        }
        let mut watch = Watch::start(&self.from_fs)?;
        loop {
            let last = match self.run_all(plugin, style).await {
                Ok(totals) => exit_code(totals),
                // A folder that is wrong for a moment is put right by the next change.
                Err(error) => {
                    plugin.context.print(format!("{}\n", style.bad(&error.to_string())))?;
                    FAILED
                }
            };
            if !self.json {
                let hint = "watching for changes; Ctrl-C ends it";
                plugin.context.print(format!("{}\n", style.faint(hint)))?;
            }
            tokio::select! {
                changed = watch.changed() => changed?,
                () = plugin.context.stopping() => return Ok(last),
            }
        }
    }
}

fn exit_code(totals: Totals) -> u8 {
    if totals.all_passed() { 0 } else { FAILED }
}

/// A task with its cases, or why it has none.
struct Loaded {
    folder: PathBuf,
    task: Result<Task, Diagnostic>,
    cases: Vec<Case>,
}

impl Loaded {
    fn read(folder: PathBuf, filter: Option<&str>) -> Self {
        let read = || -> task::Loaded<(Task, Vec<Case>)> {
            let task = Task::load(&folder)?;
            let mut cases = cases::load(&task)?;
            if let Some(filter) = filter
                && !task.name().contains(filter)
            {
                cases.retain(|case| case.name.contains(filter));
            }
            Ok((task, cases))
        };
        match read() {
            Ok((task, cases)) => Self { folder, task: Ok(task), cases },
            Err(error) => Self { folder, task: Err(error), cases: Vec::new() },
        }
    }
}

impl Test {
    /// Runs everything once, printing and writing the report.
    async fn run_all(&self, plugin: &Taskkit, style: Style) -> Result<Totals> {
        let started = Instant::now();
        let (path, filter) = (self.from_fs.clone(), self.filter.clone());
        let loaded = blocking(move || load_all(&path, filter.as_deref())).await?;
        let runner = plugin.runner(self.runtime.clone());
        let mut suite = SuiteReport::default();
        let failed = AtomicBool::new(false);
        // Futures do nothing before they are polled, so making all of them starts none.
        let mut runs = Vec::new();
        for loaded in &loaded {
            if let Ok(task) = &loaded.task {
                runs.extend(
                    loaded.cases.iter().map(|case| self.judge(&runner, task, case, &failed)),
                );
            }
        }
        // In the order of the cases, whichever ends first, so that two reports can be compared.
        let mut verdicts = stream::iter(runs).buffered(self.parallel as usize);
        let print = |text: String| {
            if self.json { Ok(()) } else { plugin.context.print(text) }
        };
        for loaded in &loaded {
            print(text::heading(&loaded.folder, loaded.task.as_ref(), style))?;
            let mut reports = Vec::new();
            if let Ok(task) = &loaded.task {
                if loaded.cases.is_empty() {
                    print(format!("  {}\n", style.caution("no test cases")))?;
                }
                for case in &loaded.cases {
                    let Some(verdict) = verdicts.next().await else {
                        break;
                    };
                    let report = CaseReport { case: case.clone(), verdict };
                    print(text::case_text(task, &report, style))?;
                    reports.push(report);
                }
            }
            let (folder, task) = (loaded.folder.clone(), loaded.task.clone());
            suite.tasks.push(TaskReport { folder, task, cases: reports });
        }
        drop(verdicts);
        suite.elapsed = started.elapsed();
        print(text::summary(&suite, style))?;
        if self.json {
            plugin.context.print(format!("{}\n", json::document(&suite)))?;
        }
        if let Some(file) = &self.junit {
            write_junit(file, junit::document(&suite)?).await?;
        }
        Ok(suite.totals())
    }

    async fn judge(
        &self,
        runner: &Runner,
        task: &Task,
        case: &Case,
        failed: &AtomicBool,
    ) -> Verdict {
        if let Some(reason) = &case.skip {
            return Verdict::Skipped(reason.clone());
        }
        if self.fail_fast && failed.load(Ordering::Relaxed) {
            return Verdict::Skipped("an earlier case failed".to_owned());
        }
        let options =
            RunOptions { input: case.input(), fetch: case.fetch.clone(), timeout: case.timeout };
        // A case's log is shown with its failure.
        let verdict = Verdict::of(case, runner.run(task, options, |_| {}).await);
        if verdict.is_failure() {
            failed.store(true, Ordering::Relaxed);
        }
        verdict
    }
}

/// Every task at or below `path` with the cases `filter` leaves.
fn load_all(path: &Path, filter: Option<&str>) -> Result<Vec<Loaded>> {
    let mut loaded: Vec<Loaded> =
        task::all_below(path)?.into_iter().map(|folder| Loaded::read(folder, filter)).collect();
    for warning in loaded.iter().filter_map(|loaded| loaded.task.as_ref().ok()) {
        for warning in &warning.warnings {
            tracing::warn!("{warning}");
        }
    }
    if let Some(filter) = filter {
        loaded.retain(|loaded| loaded.task.is_err() || !loaded.cases.is_empty());
        if loaded.is_empty() {
            let shown = path.display();
            let message = format!("no test case below `{shown}` has `{filter}` in its name");
            return Err(Error::invalid(message));
        }
    }
    Ok(loaded)
}

async fn write_junit(file: &Path, document: Vec<u8>) -> Result<()> {
    let file = file.to_owned();
    blocking(move || {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&file, document).map_err(|error| {
            Error::from(error).context(format!("--junit cannot write `{}`", file.display()))
        })
    })
    .await
}
