//! Test cases: an input, what should come of it, and what `fetch` answers meanwhile.

mod expectation;
mod mock;

use std::path::{Path, PathBuf};
use std::time::Duration;

use ratchet_plugin_api::model::{FetchPolicy, Json};
use ratchet_plugin_api::{did_you_mean, nearest};
use ratchet_taskdir::{Diagnostic, Loaded, TESTS_FOLDER, Task, duration, read_json};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

pub(crate) use expectation::{Expectation, Mismatch, same_json};

/// One test case.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// The file it is in.
    pub(crate) file: PathBuf,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) input: Value,
    pub(crate) expectation: Expectation,
    /// Where `fetch` leads: to the case's mocks, unless it says `"network": "live"`.
    pub(crate) fetch: FetchPolicy,
    /// Replaces the task's time limit.
    pub(crate) timeout: Option<Duration>,
    /// Why it is not run.
    pub(crate) skip: Option<String>,
}

impl Case {
    /// The input as it goes to the task.
    pub(crate) fn input(&self) -> Json {
        self.input.clone().into()
    }
}

/// Reads every test case of `task`: those in `tests/*.json`, one or a list in each file, then those
/// in the metadata.
///
/// # Errors
/// The first case that cannot be read.
pub(crate) fn load(task: &Task) -> Loaded<Vec<Case>> {
    let mut cases = Vec::new();
    for file in files(&task.folder)? {
        let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        cases.extend(read(&file, &stem, &read_json(&file)?)?);
    }
    if let Some((file, document)) = task.inline_cases() {
        cases.extend(read(&file, "test", document)?);
    }
    Ok(cases)
}

/// The files test cases are in, sorted by name.
pub(crate) fn files(folder: &Path) -> Loaded<Vec<PathBuf>> {
    let tests = folder.join(TESTS_FOLDER);
    if !tests.is_dir() {
        return Ok(Vec::new());
    }
    let entries = std::fs::read_dir(&tests)
        .map_err(|error| Diagnostic::error(&tests, format!("cannot read: {error}")))?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    Ok(files)
}

/// The cases in `document`; those without a name are called after `stem`.
fn read(file: &Path, stem: &str, document: &Value) -> Loaded<Vec<Case>> {
    match document {
        Value::Array(cases) => cases
            .iter()
            .enumerate()
            .map(|(index, case)| read_one(file, format!("{stem} [{}]", index + 1), case))
            .collect(),
        case => Ok(vec![read_one(file, stem.to_owned(), case)?]),
    }
}

/// A case as it is written. Each expectation may be `null`, which is not the same as absent.
#[derive(Deserialize)]
struct Written {
    name: Option<String>,
    description: Option<String>,
    input: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    expected: Option<Value>,
    #[serde(default, deserialize_with = "present", alias = "expectedOutput")]
    expected_output: Option<Value>,
    #[serde(alias = "shouldFail")]
    should_fail: Option<Value>,
    mocks: Option<Value>,
    network: Option<String>,
    timeout: Option<f64>,
    skip: Option<Value>,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

const KEYS: [&str; 12] = [
    "name",
    "description",
    "input",
    "expected",
    "expected_output",
    "expectedOutput",
    "should_fail",
    "shouldFail",
    "mocks",
    "network",
    "timeout",
    "skip",
];

fn read_one(file: &Path, default_name: String, document: &Value) -> Loaded<Case> {
    let wrong = |name: &str, message: String| {
        Diagnostic::error(file, format!("test case `{name}`: {message}"))
    };
    let Value::Object(fields) = document else {
        return Err(wrong(&default_name, "a test case is an object with an `input`".to_owned()));
    };
    check_keys(fields, &KEYS).map_err(|message| wrong(&default_name, message))?;
    let written = Written::deserialize(document)
        .map_err(|error| wrong(&default_name, format!("does not have the right form: {error}")))?;
    let name = written.name.clone().unwrap_or(default_name);
    convert(file, &name, written).map_err(|message| wrong(&name, message))
}

/// The case; an error without file and name.
fn convert(file: &Path, name: &str, written: Written) -> Result<Case, String> {
    let expected = match (written.expected, written.expected_output) {
        (Some(_), Some(_)) => {
            return Err("`expected` and `expected_output` are the same; keep one".to_owned());
        }
        (one, other) => one.or(other),
    };
    let expectation = Expectation::read(expected, written.should_fail.as_ref())?;
    let mocks = written.mocks.as_ref().map(mock::read).transpose()?;
    let fetch = match (written.network.as_deref(), mocks) {
        (None, mocks) => FetchPolicy::Mocked(mocks.unwrap_or_default()),
        (Some("live"), None) => FetchPolicy::Live,
        (Some("live"), Some(_)) => {
            return Err("has both `mocks` and `\"network\": \"live\"`; keep one".to_owned());
        }
        (Some(other), _) => {
            return Err(format!(
                "`network` is `{other}`; it is \"live\", or absent so that only mocks answer"
            ));
        }
    };
    let timeout = match written.timeout {
        None => None,
        Some(seconds) => Some(duration(seconds).ok_or_else(|| {
            format!("`timeout` is {seconds}; it is a positive number of seconds")
        })?),
    };
    let skip = match written.skip {
        None | Some(Value::Null | Value::Bool(false)) => None,
        Some(Value::Bool(true)) => Some("the case says `skip`".to_owned()),
        Some(Value::String(reason)) => Some(reason),
        Some(other) => {
            return Err(format!("`skip` is {other}; it is true or the reason as text"));
        }
    };
    Ok(Case {
        file: file.to_owned(),
        name: name.to_owned(),
        description: written.description,
        input: written.input.unwrap_or_else(|| Value::Object(Map::new())),
        expectation,
        fetch,
        timeout,
        skip,
    })
}

/// An error for the first key that is none of `known`.
fn check_keys(fields: &Map<String, Value>, known: &[&str]) -> Result<(), String> {
    match fields.keys().find(|key| !known.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => {
            let hint = did_you_mean(nearest(key, known.iter().copied()));
            Err(format!("`{key}` has no meaning here{hint}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn cases(document: Value) -> Loaded<Vec<Case>> {
        read(Path::new("tests/test-001.json"), "test-001", &document)
    }

    fn message(document: Value) -> String {
        cases(document).unwrap_err().message
    }

    #[test]
    fn a_file_holds_one_case_or_a_list() {
        let one = cases(json!({"input": {"a": 1}, "expected": 2})).unwrap();
        assert_eq!(one[0].name, "test-001");
        let list = cases(json!([{"name": "first", "input": 1}, {"input": 2}])).unwrap();
        assert_eq!(list[0].name, "first");
        assert_eq!(list[1].name, "test-001 [2]");
        assert_eq!(list[1].input().as_str(), "2");
    }

    #[test]
    fn null_is_an_expectation_and_absence_is_none() {
        let read = |document| cases(document).unwrap().remove(0).expectation;
        assert!(matches!(read(json!({"expected": null})), Expectation::Output(Value::Null)));
        assert!(matches!(read(json!({"expected_output": 1})), Expectation::Output(_)));
        assert!(matches!(read(json!({"input": 1})), Expectation::Completion));
    }

    #[test]
    fn without_live_only_mocks_answer() {
        let fetch = |document| cases(document).unwrap().remove(0).fetch;
        assert_eq!(fetch(json!({})), FetchPolicy::Mocked(Vec::new()));
        assert_eq!(fetch(json!({"network": "live"})), FetchPolicy::Live);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (document, expected) in [
            (json!(5), "a test case is an object"),
            (json!({"expcted": 1}), "`expcted` has no meaning here; did you mean `expected`?"),
            (json!({"expected": 1, "expected_output": 1}), "keep one"),
            (json!({"expected": 1, "should_fail": true}), "`expected` and `should_fail`"),
            (json!({"network": "on"}), "`network` is `on`"),
            (json!({"network": "live", "mocks": {}}), "keep one"),
            (json!({"timeout": 0}), "positive number of seconds"),
            (json!({"skip": 1}), "`skip` is 1"),
            (json!({"name": "n", "should_fail": {"kind": "throwm"}}), "did you mean `thrown`?"),
        ] {
            let message = message(document);
            assert!(message.contains(expected), "{message}");
        }
        assert!(message(json!({"name": "n", "skip": 1})).starts_with("test case `n`: "));
    }
}
