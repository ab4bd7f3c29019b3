//! What should come of a run, and whether it did.

use ratchet_plugin_api::model::{FailureKind, Outcome, TaskError};
use ratchet_plugin_api::{did_you_mean, nearest};
use serde::Deserialize;
use serde_json::Value;

use super::check_keys;
use crate::run::failure::{FAILURE_KINDS, kind_name};

/// What a test case expects.
#[derive(Clone, Debug)]
pub(crate) enum Expectation {
    /// That the task completes, whatever it returns.
    Completion,
    /// That it returns this.
    Output(Value),
    /// That it fails.
    Failure(ExpectedFailure),
}

/// How a task should fail; what is absent is not checked.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct ExpectedFailure {
    /// The class of the error, such as `TypeError`.
    pub(crate) class: Option<String>,
    /// What the message contains.
    pub(crate) message: Option<String>,
    /// The kind of failure, such as `thrown` or `limit.time`.
    kind: Option<String>,
}

/// How an outcome differs from what was expected.
#[derive(Clone, Debug)]
pub(crate) enum Mismatch {
    /// Another output.
    Output { expected: Value, actual: Value },
    /// An output instead of a failure.
    Completed { actual: Value },
    /// A failure instead of an output.
    Failed(TaskError),
    /// Another failure: what differs in each.
    Failure { differences: Vec<String>, error: TaskError },
}

impl Expectation {
    /// Reads `expected` and `should_fail` of a test case.
    pub(super) fn read(expected: Option<Value>, fails: Option<&Value>) -> Result<Self, String> {
        let failure = match fails {
            None | Some(Value::Null | Value::Bool(false)) => None,
            Some(Value::Bool(true)) => Some(ExpectedFailure::default()),
            Some(Value::Object(fields)) => {
                check_keys(fields, &["class", "message", "kind"])
                    .map_err(|message| format!("`should_fail`: {message}"))?;
                let failure = ExpectedFailure::deserialize(Value::Object(fields.clone()))
                    .map_err(|error| format!("`should_fail` does not have the form: {error}"))?;
                if let Some(kind) = &failure.kind {
                    check_kind(kind)?;
                }
                Some(failure)
            }
            Some(other) => {
                return Err(format!(
                    "`should_fail` is {other}; it is true, or an object with any of `class`, \
                     `message` and `kind`"
                ));
            }
        };
        match (expected, failure) {
            (Some(_), Some(_)) => {
                Err("`expected` and `should_fail` exclude each other; keep one".to_owned())
            }
            (Some(expected), None) => Ok(Self::Output(expected)),
            (None, Some(failure)) => Ok(Self::Failure(failure)),
            (None, None) => Ok(Self::Completion),
        }
    }

    /// Compares what came of a run with what was expected.
    pub(crate) fn check(&self, outcome: &Outcome) -> Option<Mismatch> {
        match (self, outcome) {
            (Self::Completion, Outcome::Completed(_)) => None,
            (Self::Output(expected), Outcome::Completed(output)) => {
                let actual = value(output);
                (!same_json(expected, &actual))
                    .then(|| Mismatch::Output { expected: expected.clone(), actual })
            }
            (Self::Failure(_), Outcome::Completed(output)) => {
                Some(Mismatch::Completed { actual: value(output) })
            }
            (Self::Failure(expected), Outcome::Failed(error)) => {
                let differences = expected.differences(error);
                (!differences.is_empty())
                    .then(|| Mismatch::Failure { differences, error: error.clone() })
            }
            (_, Outcome::Failed(error)) => Some(Mismatch::Failed(error.clone())),
        }
    }
}

fn value(output: &ratchet_plugin_api::model::Json) -> Value {
    output.to().unwrap_or(Value::Null)
}

impl ExpectedFailure {
    fn differences(&self, error: &TaskError) -> Vec<String> {
        let mut differences = Vec::new();
        if let Some(kind) = &self.kind
            && !names(kind, error.kind)
        {
            let actual = kind_name(error.kind);
            differences.push(format!("expected a failure of kind `{kind}`, got `{actual}`"));
        }
        if let Some(class) = &self.class
            && *class != error.class
        {
            let actual = &error.class;
            differences.push(format!("expected an error of class `{class}`, got `{actual}`"));
        }
        if let Some(message) = &self.message
            && !error.message.contains(message.as_str())
        {
            let actual = &error.message;
            differences.push(format!("expected a message with `{message}`, got `{actual}`"));
        }
        differences
    }
}

/// Whether `text` names `kind`: by its word (`time_limit`) or its reason (`limit.time`).
fn names(text: &str, kind: FailureKind) -> bool {
    text == kind_name(kind) || text == kind.reason()
}

fn check_kind(text: &str) -> Result<(), String> {
    if FAILURE_KINDS.iter().any(|kind| names(text, *kind)) {
        return Ok(());
    }
    let words: Vec<String> = FAILURE_KINDS.iter().map(|kind| kind_name(*kind)).collect();
    let all = words.iter().map(String::as_str).chain(FAILURE_KINDS.iter().map(|k| k.reason()));
    let hint = did_you_mean(nearest(text, all));
    let known = words.join(", ");
    Err(format!("`should_fail.kind` is `{text}`; it is one of {known}{hint}"))
}

/// Whether two documents are the same: keys in any order, and numbers by their value, so that `1`
/// and `1.0` are equal as they are in JavaScript.
pub(crate) fn same_json(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            one == other || matches!((one.as_f64(), other.as_f64()), (Some(a), Some(b)) if a == b)
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(a, b)| same_json(a, b))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, a)| other.get(key).is_some_and(|b| same_json(a, b)))
        }
        (one, other) => one == other,
    }
}

#[cfg(test)]
mod tests {
    use ratchet_plugin_api::model::Json;
    use serde_json::json;

    use super::*;

    fn failed() -> Outcome {
        Outcome::Failed(TaskError {
            kind: FailureKind::Thrown,
            class: "TypeError".into(),
            message: "x is not a function".into(),
            stack: Vec::new(),
            violations: Vec::new(),
            details: None,
            causes: Vec::new(),
        })
    }

    fn completed(value: Value) -> Outcome {
        Outcome::Completed(Json::from(value))
    }

    #[test]
    fn numbers_are_compared_by_value_and_keys_in_any_order() {
        assert!(same_json(&json!({"a": 1, "b": [2.0]}), &json!({"b": [2], "a": 1.0})));
        assert!(!same_json(&json!([1, 2]), &json!([2, 1])));
        assert!(!same_json(&json!({"a": null}), &json!({})));
        assert!(!same_json(&json!(1), &json!("1")));
        assert!(!same_json(&json!(1), &json!(true)));
    }

    #[test]
    fn an_output_is_compared() {
        let expectation = Expectation::read(Some(json!({"sum": 3})), None).unwrap();
        assert!(expectation.check(&completed(json!({"sum": 3.0}))).is_none());
        assert!(matches!(
            expectation.check(&completed(json!({"sum": 4}))),
            Some(Mismatch::Output { .. })
        ));
        assert!(matches!(expectation.check(&failed()), Some(Mismatch::Failed(_))));
    }

    #[test]
    fn a_failure_is_compared_as_far_as_it_is_described() {
        let read = |fails: Value| Expectation::read(None, Some(&fails)).unwrap();
        for passing in [
            json!(true),
            json!({"class": "TypeError"}),
            json!({"message": "not a function", "kind": "thrown"}),
            json!({"kind": "task.thrown"}),
        ] {
            assert!(read(passing.clone()).check(&failed()).is_none(), "{passing}");
        }
        let wrong = read(json!({"class": "RangeError", "message": "y", "kind": "time_limit"}));
        let Some(Mismatch::Failure { differences, .. }) = wrong.check(&failed()) else {
            panic!("a wrong failure passed");
        };
        assert_eq!(differences.len(), 3);
        assert!(matches!(
            read(json!(true)).check(&completed(json!(1))),
            Some(Mismatch::Completed { .. })
        ));
    }

    #[test]
    fn without_an_expectation_a_failure_fails() {
        assert!(Expectation::Completion.check(&failed()).is_some());
        assert!(Expectation::Completion.check(&completed(json!(1))).is_none());
    }
}
