//! What `ratchet test` found out: a verdict on each case of each task.

use std::path::PathBuf;
use std::time::Duration;

use ratchet_plugin_api::{Error, Result};
use ratchet_taskdir::{Diagnostic, Task};

use crate::cases::{Case, Mismatch};
use crate::run::Finished;

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

    /// Its word in reports.
    pub(crate) fn word(&self) -> &'static str {
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
    pub(crate) folder: PathBuf,
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
}

#[cfg(test)]
pub(crate) mod samples {
    //! Reports for tests.

    use ratchet_plugin_api::model::{
        FailureKind, FetchPolicy, Json, LogLevel, TaskError, Timestamp,
    };

    use std::path::Path;

    use ratchet_plugin_api::model::{LogLine, Outcome};
    use serde_json::{Value, json};

    use super::*;
    use crate::cases::Expectation;
    use ratchet_taskdir::test_folder::{ADDITION, folder};

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
}
