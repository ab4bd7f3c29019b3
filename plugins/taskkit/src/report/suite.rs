//! The report of `ratchet test`: for people as text while it happens, for programs as JSON.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use ratchet_plugin_api::model::{LogLine, Outcome};
use ratchet_plugin_api::{Error, Result};
use serde_json::{Value, json};

use super::diff::diff;
use super::failure::describe;
use super::style::{Style, printable};
use super::{count, human, indent};
use crate::cases::{Case, Expectation, Mismatch};
use crate::diagnostic::Diagnostic;
use crate::run::Finished;
use crate::run::failure::kind_name;
use crate::task::Task;

/// Lines of a failed case's log that are shown.
const MAX_LOG_LINES: usize = 50;

/// How a test case ended.
#[derive(Debug)]
pub(crate) enum Verdict {
    Passed(Finished),
    /// The task ran and did something else.
    Failed(Finished, Mismatch),
    /// The task could not be run.
    Errored(Error),
    /// Why it was not run.
    Skipped(String),
}

impl Verdict {
    /// The verdict on `case` of what came of its run.
    pub(crate) fn of(case: &Case, ran: Result<Finished>) -> Self {
        match ran {
            Err(error) => Self::Errored(error),
            Ok(finished) => match case.expectation.check(&finished.outcome) {
                None => Self::Passed(finished),
                Some(mismatch) => Self::Failed(finished, mismatch),
            },
        }
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Passed(_) => "passed",
            Self::Failed(..) | Self::Errored(_) => "failed",
            Self::Skipped(_) => "skipped",
        }
    }

    pub(crate) fn is_failure(&self) -> bool {
        self.word() == "failed"
    }

    pub(crate) fn finished(&self) -> Option<&Finished> {
        match self {
            Self::Passed(finished) | Self::Failed(finished, _) => Some(finished),
            Self::Errored(_) | Self::Skipped(_) => None,
        }
    }
}

/// A case and its verdict.
#[derive(Debug)]
pub(crate) struct CaseReport {
    pub(crate) case: Case,
    pub(crate) verdict: Verdict,
}

/// A task and the verdicts on its cases.
#[derive(Debug)]
pub(crate) struct TaskReport {
    pub(crate) folder: std::path::PathBuf,
    /// The task, or why it could not be tested.
    pub(crate) task: Result<Task, Diagnostic>,
    pub(crate) cases: Vec<CaseReport>,
}

impl TaskReport {
    pub(crate) fn name(&self) -> String {
        match &self.task {
            Ok(task) => task.name().to_owned(),
            Err(_) => self.folder.display().to_string(),
        }
    }
}

/// All that was tested.
#[derive(Debug, Default)]
pub(crate) struct SuiteReport {
    pub(crate) tasks: Vec<TaskReport>,
    pub(crate) elapsed: Duration,
}

/// How many cases there were of each verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
    /// Tasks that could not be tested at all.
    pub(crate) broken: usize,
}

impl Totals {
    pub(crate) fn total(self) -> usize {
        self.passed + self.failed + self.skipped
    }

    /// Whether something was tested and nothing failed.
    pub(crate) fn all_passed(self) -> bool {
        self.failed == 0 && self.broken == 0 && self.passed > 0
    }
}

impl SuiteReport {
    pub(crate) fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for task in &self.tasks {
            totals.broken += usize::from(task.task.is_err());
            for report in &task.cases {
                match report.verdict.word() {
                    "passed" => totals.passed += 1,
                    "failed" => totals.failed += 1,
                    _ => totals.skipped += 1,
                }
            }
        }
        totals
    }

    /// The last line of the text.
    pub(crate) fn summary(&self, style: Style) -> String {
        let totals = self.totals();
        let mut parts = Vec::new();
        if totals.failed > 0 {
            parts.push(style.bad(&format!("{} failed", totals.failed)));
        }
        if totals.broken > 0 {
            let tasks = count(totals.broken, "task");
            parts.push(style.bad(&format!("{tasks} that cannot be tested")));
        }
        if totals.passed > 0 {
            parts.push(style.good(&format!("{} passed", totals.passed)));
        }
        if totals.skipped > 0 {
            parts.push(style.caution(&format!("{} skipped", totals.skipped)));
        }
        if parts.is_empty() {
            parts.push(style.caution("no test cases"));
        }
        let tasks = count(self.tasks.len(), "task");
        format!("\n{} in {tasks}, {}\n", parts.join(", "), human(self.elapsed))
    }

    /// The whole report as JSON.
    pub(crate) fn to_json(&self) -> Value {
        let totals = self.totals();
        let ran = totals.passed + totals.failed;
        let success_rate = if ran == 0 { 0.0 } else { totals.passed as f64 / ran as f64 };
        json!({
            "tasks": self.tasks.iter().map(task_json).collect::<Vec<_>>(),
            "total": totals.total(),
            "passed": totals.passed,
            "failed": totals.failed,
            "skipped": totals.skipped,
            "success_rate": success_rate,
            "all_passed": totals.all_passed(),
            "duration_ms": milliseconds(self.elapsed),
        })
    }
}

/// The line above a task's cases.
pub(crate) fn heading(folder: &Path, task: Result<&Task, &Diagnostic>, style: Style) -> String {
    let folder = style.faint(&folder.display().to_string());
    match task {
        Ok(task) => {
            let name = style.strong(&printable(task.name()));
            format!("\n{name} {} {folder}\n", printable(&task.metadata.version))
        }
        Err(diagnostic) => {
            format!("\n{folder}\n  {} {}\n", style.bad("✗"), printable(&diagnostic.to_string()))
        }
    }
}

/// A case: one line if all is well, else with all that helps.
pub(crate) fn case_text(task: &Task, report: &CaseReport, style: Style) -> String {
    let CaseReport { case, verdict } = report;
    let name = printable(&case.name);
    let took = |finished: &Finished| style.faint(&format!("({})", human(finished.elapsed)));
    match verdict {
        Verdict::Passed(finished) => {
            let remark = match case.expectation {
                Expectation::Completion => style.caution("  nothing is expected of it"),
                _ => String::new(),
            };
            format!("  {} {name} {}{remark}\n", style.good("✓"), took(finished))
        }
        Verdict::Skipped(reason) => {
            let reason = style.faint(&format!("skipped: {}", printable(reason)));
            format!("  {} {name} {reason}\n", style.caution("-"))
        }
        Verdict::Errored(error) => {
            let text = printable(&error.full_message());
            format!("  {} {name}\n{}", style.bad("✗"), indent(&text, "      "))
        }
        Verdict::Failed(finished, mismatch) => {
            let file = style.faint(&case.file.display().to_string());
            let mut text = format!("  {} {name} {} {file}\n", style.bad("✗"), took(finished));
            if let Some(description) = &case.description {
                text.push_str(&indent(&printable(description), "      "));
            }
            text.push_str(&indent(&mismatch_text(task, case, mismatch, style), "      "));
            text.push_str(&indent(&log_text(&finished.logs, style), "      "));
            text
        }
    }
}

/// How an outcome differs from what was expected.
pub(crate) fn mismatch_text(task: &Task, case: &Case, mismatch: &Mismatch, style: Style) -> String {
    match mismatch {
        Mismatch::Output { expected, actual } => output_text(expected, actual, style),
        Mismatch::Completed { actual } => {
            format!("it should have failed, but returned {}\n", printable(&actual.to_string()))
        }
        Mismatch::Failed(error) => describe(task, error, &case.input, style),
        Mismatch::Failure { differences, error } => {
            let mut text = String::new();
            for difference in differences {
                // Writing to a string cannot fail.
                let _ = writeln!(text, "{}", printable(difference));
            }
            text + &describe(task, error, &case.input, style)
        }
    }
}

/// Two outputs that should be one.
pub(crate) fn output_text(expected: &Value, actual: &Value, style: Style) -> String {
    let legend = format!("({}, {})", style.bad("- expected"), style.good("+ actual"));
    let difference = diff(expected, actual, style);
    format!("the output differs {legend}:\n{}", indent(&difference, "  "))
}

fn log_text(logs: &[LogLine], style: Style) -> String {
    if logs.is_empty() {
        return String::new();
    }
    let mut text = "its log:\n".to_owned();
    let hidden = logs.len().saturating_sub(MAX_LOG_LINES);
    if hidden > 0 {
        text.push_str(&style.faint(&format!("  … {} before\n", count(hidden, "line"))));
    }
    for line in &logs[hidden..] {
        let level = format!("{:?}", line.level).to_lowercase();
        let message = printable(&line.message).replace('\n', "\n        ");
        let _ = writeln!(text, "  {} {message}", style.faint(&format!("{level:<5}")));
    }
    text
}

fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

fn task_json(report: &TaskReport) -> Value {
    let mut object = json!({
        "name": report.name(),
        "path": report.folder.display().to_string(),
        "tests": report.cases.iter().map(case_json).collect::<Vec<_>>(),
    });
    match &report.task {
        Ok(task) => object["version"] = task.metadata.version.clone().into(),
        Err(diagnostic) => object["error"] = diagnostic.to_string().into(),
    }
    object
}

fn case_json(report: &CaseReport) -> Value {
    let CaseReport { case, verdict } = report;
    let mut object = json!({
        "name": case.name,
        "file": case.file.display().to_string(),
        "status": verdict.word(),
        "input": case.input,
    });
    if let Some(description) = &case.description {
        object["description"] = description.clone().into();
    }
    if let Expectation::Output(expected) = &case.expectation {
        object["expected_output"] = expected.clone();
    }
    match verdict {
        Verdict::Skipped(reason) => object["reason"] = reason.clone().into(),
        Verdict::Errored(error) => {
            object["error"] = json!({"kind": error.code, "message": error.full_message()});
        }
        Verdict::Passed(finished) | Verdict::Failed(finished, _) => {
            object["duration_ms"] = milliseconds(finished.elapsed).into();
            match &finished.outcome {
                Outcome::Completed(output) => {
                    object["actual_output"] = output.to().unwrap_or(Value::Null);
                }
                Outcome::Failed(error) => {
                    object["error"] = json!({
                        "kind": kind_name(error.kind),
                        "class": error.class,
                        "message": error.message,
                        "violations": error.violations,
                    });
                }
            }
            object["logs"] = json!(finished.logs);
        }
    }
    object
}

#[cfg(test)]
pub(crate) mod samples {
    //! Reports for tests.

    use ratchet_plugin_api::model::{
        FailureKind, FetchPolicy, Json, LogLevel, TaskError, Timestamp,
    };

    use super::*;
    use crate::task::test_folder::{ADDITION, folder};

    /// A case that expects `{"sum": 3}`.
    pub(crate) fn case(name: &str) -> Case {
        Case {
            file: "tests/test-001.json".into(),
            name: name.to_owned(),
            description: None,
            input: json!({}),
            expectation: Expectation::Output(json!({"sum": 3})),
            fetch: FetchPolicy::Denied,
            timeout: None,
            skip: None,
        }
    }

    /// A run with one line of log that took 2 ms.
    pub(crate) fn finished(outcome: Outcome) -> Finished {
        let line = LogLine {
            time: Timestamp::from_microseconds(0),
            level: LogLevel::Warn,
            message: "careful <\u{1b}>".to_owned(),
        };
        Finished {
            outcome,
            logs: vec![line],
            logs_dropped: 0,
            http: Vec::new(),
            elapsed: Duration::from_millis(2),
        }
    }

    pub(crate) fn completed(output: Value) -> Finished {
        finished(Outcome::Completed(Json::from(output)))
    }

    pub(crate) fn failed() -> Finished {
        finished(Outcome::Failed(TaskError {
            kind: FailureKind::Thrown,
            class: "TypeError".into(),
            message: "no & <no>".into(),
            stack: Vec::new(),
            violations: Vec::new(),
            details: None,
            causes: Vec::new(),
        }))
    }

    /// One of each verdict.
    pub(crate) fn suite() -> SuiteReport {
        let task_folder = folder(ADDITION);
        let task = Task::load(task_folder.path()).unwrap();
        let judged = |name: &str, finished| {
            let case = case(name);
            let verdict = Verdict::of(&case, Ok(finished));
            CaseReport { case, verdict }
        };
        let cases = vec![
            judged("passes", completed(json!({"sum": 3}))),
            judged("differs", completed(json!({"sum": 4}))),
            judged("throws", failed()),
            CaseReport {
                case: case("cannot run"),
                verdict: Verdict::Errored(Error::unavailable("no worker")),
            },
            CaseReport { case: case("later"), verdict: Verdict::Skipped("later".to_owned()) },
        ];
        let broken = Diagnostic::error(Path::new("broken/main.js"), "there is no such file");
        SuiteReport {
            tasks: vec![
                TaskReport { folder: "addition".into(), task: Ok(task), cases },
                TaskReport { folder: "broken".into(), task: Err(broken), cases: Vec::new() },
            ],
            elapsed: Duration::from_millis(1_500),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::samples::suite;
    use super::*;

    #[test]
    fn counts_every_verdict() {
        let totals = suite().totals();
        assert_eq!(totals, Totals { passed: 1, failed: 3, skipped: 1, broken: 1 });
        assert!(!totals.all_passed());
        assert!(!Totals::default().all_passed(), "nothing tested is nothing passed");
        assert!(Totals { passed: 1, skipped: 1, ..Totals::default() }.all_passed());
    }

    #[test]
    fn a_failed_case_shows_difference_and_log() {
        let suite = suite();
        let task = suite.tasks[0].task.as_ref().unwrap();
        assert_eq!(
            case_text(task, &suite.tasks[0].cases[1], Style::PLAIN),
            "  ✗ differs (2 ms) tests/test-001.json\n      \
             the output differs (- expected, + actual):\n          \
             {\n        -   \"sum\": 3\n        +   \"sum\": 4\n          }\n      \
             its log:\n        warn  careful <\\u{1b}>\n"
        );
    }

    #[test]
    fn the_other_verdicts_are_short() {
        let suite = suite();
        let task = suite.tasks[0].task.as_ref().unwrap();
        let text = |index: usize| case_text(task, &suite.tasks[0].cases[index], Style::PLAIN);
        assert_eq!(text(0), "  ✓ passes (2 ms)\n");
        assert!(text(2).contains("✗ addition: TypeError: no & <no>"), "{}", text(2));
        assert_eq!(text(3), "  ✗ cannot run\n      no worker\n");
        assert_eq!(text(4), "  - later skipped: later\n");
    }

    #[test]
    fn the_summary_says_it_all() {
        assert_eq!(
            suite().summary(Style::PLAIN),
            "\n3 failed, 1 task that cannot be tested, 1 passed, 1 skipped in 2 tasks, 1.5 s\n"
        );
    }

    #[test]
    fn json_has_a_result_for_each_case() {
        let json = suite().to_json();
        assert_eq!(json["total"], 5);
        assert_eq!(json["success_rate"], 0.25);
        assert_eq!(json["all_passed"], false);
        let tests = &json["tasks"][0]["tests"];
        assert_eq!(tests[0]["status"], "passed");
        assert_eq!(tests[0]["duration_ms"], 2.0);
        assert_eq!(tests[1]["actual_output"], json!({"sum": 4}));
        assert_eq!(tests[1]["expected_output"], json!({"sum": 3}));
        assert_eq!(tests[2]["error"]["class"], "TypeError");
        assert_eq!(tests[3]["error"]["message"], "no worker");
        assert_eq!(tests[4]["reason"], "later");
        assert_eq!(json["tasks"][1]["error"], "broken/main.js: there is no such file");
    }
}
