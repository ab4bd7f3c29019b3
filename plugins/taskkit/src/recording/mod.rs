//! Recordings: a folder for each run with its input, its output, its requests and its log.

mod archive;
mod har;

use std::fs;
use std::path::{Path, PathBuf};

use ratchet_plugin_api::model::{FetchMock, Json, Outcome, TaskError, Timestamp};
use ratchet_plugin_api::{Code, Error, Result};
use ratchet_taskdir::{Task, read_json};
use serde::Serialize;
use serde_json::Value;

use crate::run::Finished;

const INPUT: &str = "input.json";
const OUTPUT: &str = "output.json";
const ERROR: &str = "error.json";
const REQUESTS: &str = "requests.har";
const LOGS: &str = "logs.jsonl";

/// Recordings that may be made of one task within one millisecond.
const MAX_SIMULTANEOUS: u32 = 1_000;

/// Writes a recording of a run below `folder`: `input.json`, `output.json` (or `error.json` if the
/// task failed), `requests.har` (HAR 1.2) and `logs.jsonl`, in a folder named after time and task.
///
/// # Errors
/// When the folder or a file cannot be written.
pub(crate) fn write(
    folder: &Path,
    task: &Task,
    started: Timestamp,
    input: &Json,
    finished: &Finished,
) -> Result<PathBuf> {
    let own = make_folder(folder, task.name(), started)?;
    put(&own, INPUT, &pretty(input.as_str())?)?;
    match &finished.outcome {
        Outcome::Completed(output) => put(&own, OUTPUT, &pretty(output.as_str())?)?,
        Outcome::Failed(error) => put(&own, ERROR, &json(error)?)?,
    }
    put(&own, REQUESTS, &json(&har::Har::of(&finished.http))?)?;
    let mut lines = String::new();
    for entry in &finished.logs {
        lines.push_str(&serde_json::to_string(entry)?);
        lines.push('\n');
    }
    put(&own, LOGS, &lines)?;
    Ok(own)
}

/// A folder that did not exist before: two runs never share one.
fn make_folder(folder: &Path, task: &str, started: Timestamp) -> Result<PathBuf> {
    fs::create_dir_all(folder).map_err(|error| failed(error, "make the folder", folder))?;
    // Colons are not allowed in file names everywhere.
    let time = Timestamp::from_microseconds(started.as_microseconds() / 1_000 * 1_000);
    let name = format!("{}-{}", time.to_string().replace(':', "-"), file_name(task));
    for number in 1..=MAX_SIMULTANEOUS {
        let own = match number {
            1 => folder.join(&name),
            _ => folder.join(format!("{name}-{number}")),
        };
        match fs::create_dir(&own) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(error, "make the folder", &own)),
            Ok(()) => return Ok(own),
        }
    }
    let shown = folder.display();
    Err(Error::new(Code::Conflict, format!("`{shown}` has too many recordings called `{name}`")))
}

/// `name` with what is safe in a file's name.
fn file_name(name: &str) -> String {
    let safe = |letter: char| letter.is_alphanumeric() || matches!(letter, '-' | '_');
    name.chars().map(|letter| if safe(letter) { letter } else { '-' }).take(64).collect()
}

fn put(folder: &Path, name: &str, text: &str) -> Result<()> {
    let file = folder.join(name);
    fs::write(&file, text).map_err(|error| failed(error, "write", &file))
}

fn failed(error: std::io::Error, what: &str, path: &Path) -> Error {
    Error::from(error).context(format!("cannot {what} `{}`", path.display()))
}

fn json<T: Serialize>(value: &T) -> Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

fn pretty(text: &str) -> Result<String> {
    json(&serde_json::from_str::<Value>(text)?)
}

/// A recording that was read back.
#[derive(Clone, Debug)]
pub(crate) struct Recording {
    pub(crate) folder: PathBuf,
    pub(crate) input: Value,
    pub(crate) outcome: Recorded,
    /// The recorded responses, each of which answers once.
    pub(crate) responses: Vec<FetchMock>,
}

/// How the recorded run ended.
#[derive(Clone, Debug)]
pub(crate) enum Recorded {
    Output(Value),
    Error(Box<TaskError>),
}

impl Recording {
    /// Reads the recording in `folder`, or the newest one below it.
    ///
    /// # Errors
    /// `Invalid` when there is none or it is damaged.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let folder = find(folder)?;
        let input = read_json(&folder.join(INPUT))?;
        let outcome = match (folder.join(OUTPUT), folder.join(ERROR)) {
            (output, _) if output.exists() => Recorded::Output(read_json(&output)?),
            (_, error) if error.exists() => {
                let recorded = serde_json::from_value(read_json(&error)?);
                let recorded = recorded.map_err(|cause| damaged(&error, &cause.to_string()))?;
                Recorded::Error(Box::new(recorded))
            }
            _ => {
                return Err(damaged(&folder, &format!("it has neither {OUTPUT} nor {ERROR}")));
            }
        };
        let requests = folder.join(REQUESTS);
        let responses = if requests.exists() {
            let har: har::Har = serde_json::from_value(read_json(&requests)?)
                .map_err(|cause| damaged(&requests, &format!("not an HTTP archive: {cause}")))?;
            har.mocks().map_err(|message| damaged(&requests, &message))?
        } else {
            Vec::new()
        };
        Ok(Self { folder, input, outcome, responses })
    }
}

fn damaged(path: &Path, message: &str) -> Error {
    Error::invalid(format!("the recording `{}` cannot be used: {message}", path.display()))
}

fn find(folder: &Path) -> Result<PathBuf> {
    let shown = folder.display();
    if folder.join(INPUT).is_file() {
        return Ok(folder.to_owned());
    }
    if !folder.is_dir() {
        return Err(Error::invalid(format!(
            "there is no folder `{shown}`; a recording is written by \
             `ratchet run-once … --record <dir>`"
        )));
    }
    let entries = fs::read_dir(folder).map_err(|error| failed(error, "read", folder))?;
    // Their names begin with the time, so the greatest is the newest.
    entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join(INPUT).is_file())
        .max()
        .ok_or_else(|| {
            Error::invalid(format!("`{shown}` holds no recording: there is no {INPUT} in it"))
        })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ratchet_plugin_api::model::{FailureKind, LogLevel, LogLine};
    use serde_json::json;

    use super::*;
    use ratchet_taskdir::test_folder::{ADDITION, folder};

    fn finished(outcome: Outcome) -> Finished {
        let line = |message: &str| LogLine {
            time: Timestamp::from_microseconds(0),
            level: LogLevel::Info,
            message: message.to_owned(),
        };
        Finished {
            outcome,
            logs: vec![line("one"), line("two\nlines")],
            logs_dropped: 0,
            http: Vec::new(),
            elapsed: Duration::ZERO,
        }
    }

    fn completed() -> Finished {
        finished(Outcome::Completed(Json::from(json!({"sum": 3}))))
    }

    #[test]
    fn what_is_written_is_read_again() {
        let task_folder = folder(ADDITION);
        let task = Task::load(task_folder.path()).unwrap();
        let recordings = tempfile::tempdir().unwrap();
        let input = Json::parse(r#"{"num1":1,"num2":2}"#).unwrap();
        let started = Timestamp::from_microseconds(1_500);
        let own = write(recordings.path(), &task, started, &input, &completed()).unwrap();
        assert_eq!(own.file_name().unwrap(), "1970-01-01T00-00-00.001Z-addition");
        let logs = fs::read_to_string(own.join(LOGS)).unwrap();
        assert_eq!(logs.lines().count(), 2);
        assert!(logs.contains(r#""message":"two\nlines""#), "{logs}");

        let read = Recording::read(recordings.path()).unwrap();
        assert_eq!(read.folder, own);
        assert_eq!(read.input, json!({"num1": 1, "num2": 2}));
        assert!(matches!(read.outcome, Recorded::Output(output) if output == json!({"sum": 3})));
    }

    #[test]
    fn a_failure_is_recorded_as_one() {
        let task_folder = folder(ADDITION);
        let task = Task::load(task_folder.path()).unwrap();
        let recordings = tempfile::tempdir().unwrap();
        let error = TaskError {
            kind: FailureKind::Thrown,
            class: "TypeError".into(),
            message: "no".into(),
            stack: Vec::new(),
            violations: Vec::new(),
            details: None,
            causes: Vec::new(),
        };
        let run = finished(Outcome::Failed(error.clone()));
        write(recordings.path(), &task, Timestamp::now(), &Json::null(), &run).unwrap();
        let read = Recording::read(recordings.path()).unwrap();
        assert!(matches!(read.outcome, Recorded::Error(read) if *read == error));
    }

    #[test]
    fn simultaneous_runs_get_folders_of_their_own_and_the_newest_is_read() {
        let task_folder = folder(ADDITION);
        let task = Task::load(task_folder.path()).unwrap();
        let recordings = tempfile::tempdir().unwrap();
        let record = |time: i64| {
            let started = Timestamp::from_microseconds(time);
            write(recordings.path(), &task, started, &Json::null(), &completed()).unwrap()
        };
        let (first, second) = (record(0), record(0));
        assert_ne!(first, second);
        let newest = record(86_400_000_000);
        assert_eq!(Recording::read(recordings.path()).unwrap().folder, newest);
        assert_eq!(Recording::read(&first).unwrap().folder, first);
    }

    #[test]
    fn a_folder_without_a_recording_is_refused() {
        let empty = tempfile::tempdir().unwrap();
        let error = Recording::read(empty.path()).unwrap_err();
        assert!(error.message.contains("holds no recording"), "{error}");
        let error = Recording::read(&empty.path().join("nowhere")).unwrap_err();
        assert!(error.message.contains("there is no folder"), "{error}");
    }
}
