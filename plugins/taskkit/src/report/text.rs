//! Test reports for people, piece by piece while the tests run.

use std::fmt::Write as _;
use std::path::Path;

use ratchet_plugin_api::model::LogLine;
use ratchet_taskdir::{Diagnostic, Task};
use serde_json::Value;

use super::diff::diff;
use super::failure::describe;
use super::style::{Style, printable};
use super::suite::{CaseReport, SuiteReport, Verdict};
use super::{count, human, indent};
use crate::cases::{Case, Expectation, Mismatch};
use crate::run::Finished;

/// Lines of a failed case's log that are shown.
const MAX_LOG_LINES: usize = 50;

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

/// The last line of the text.
pub(crate) fn summary(suite: &SuiteReport, style: Style) -> String {
    let totals = suite.totals();
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
    let tasks = count(suite.tasks.len(), "task");
    format!("\n{} in {tasks}, {}\n", parts.join(", "), human(suite.elapsed))
}

#[cfg(test)]
mod tests {
    use super::super::suite::samples::suite;
    use super::*;

    #[test]
    fn a_failed_case_shows_difference_and_log() {
        let suite = suite();
        let task = suite.tasks[0].task.as_ref().unwrap();
        assert_eq!(
            case_text(task, &suite.tasks[0].cases[1], Style::PLAIN),
            "  ✗ differs (2.0 ms) tests/test-001.json\n      \
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
        assert_eq!(text(0), "  ✓ passes (2.0 ms)\n");
        assert!(text(2).contains("✗ addition: TypeError: no & <no>"), "{}", text(2));
        assert_eq!(text(3), "  ✗ cannot run\n      no worker\n");
        assert_eq!(text(4), "  - later skipped: later\n");
    }

    #[test]
    fn the_summary_says_it_all() {
        assert_eq!(
            summary(&suite(), Style::PLAIN),
            "\n3 failed, 1 task that cannot be tested, 1 passed, 1 skipped in 2 tasks, 1.5 s\n"
        );
    }
}
