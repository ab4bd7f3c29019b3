//! Test reports for programs, as one JSON document.

use std::time::Duration;

use ratchet_plugin_api::model::Outcome;
use serde_json::{Value, json};

use super::suite::{CaseReport, SuiteReport, TaskReport, Verdict};
use crate::cases::Expectation;
use crate::run::failure::kind_name;

/// The whole report as JSON.
pub(crate) fn document(suite: &SuiteReport) -> Value {
    let totals = suite.totals();
    let ran = totals.passed + totals.failed;
    let success_rate = if ran == 0 { 0.0 } else { totals.passed as f64 / ran as f64 };
    json!({
        "tasks": suite.tasks.iter().map(task_json).collect::<Vec<_>>(),
        "total": totals.total(),
        "passed": totals.passed,
        "failed": totals.failed,
        "skipped": totals.skipped,
        "success_rate": success_rate,
        "all_passed": totals.all_passed(),
        "duration_ms": milliseconds(suite.elapsed),
    })
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
mod tests {
    use super::super::suite::samples::suite;
    use super::*;

    #[test]
    fn json_has_a_result_for_each_case() {
        let json = document(&suite());
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
