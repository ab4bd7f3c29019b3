//! What every engine must do alike: cases that run against any `JsRuntime`.
//!
//! An engine plugin's tests call [`verify`] with all [`cases`] and a runtime; each case is one task
//! with its input and what has to come of it. [`uncontained`] lists tasks that may take the whole
//! process with them, for tests that have a process to lose.

mod calls;
mod console;
mod entry;
mod errors;
mod fetch;
mod hostile;
mod isolation;
mod limits;
mod live;
mod schemas;
mod timers;
mod web;

use std::sync::Arc;

use bytes::Bytes;
use ratchet_plugin_api::model::{
    FailureKind, FetchMock, FetchPolicy, FetchResponse, Id, Json, Limits, LogLevel, MockReply,
    Outcome, Program, RunReport, RunRequest, Schemas, TaskError,
};
use ratchet_plugin_api::services::JsRuntime;

pub use calls::verify_calls;
pub use hostile::{Uncontained, uncontained};
pub use live::verify_fetches;

/// A task and what has to come of it.
pub struct Case {
    /// What it shows.
    pub name: &'static str,
    /// What is asked of the runtime.
    pub request: RunRequest,
    expected: Expected,
    logs: Option<Vec<(LogLevel, String)>>,
    lines_holding: Vec<(LogLevel, &'static str)>,
    dropped: Option<u64>,
    exchanges: Option<usize>,
}

enum Expected {
    Output(serde_json::Value),
    Failure(Failure),
}

struct Failure {
    kind: FailureKind,
    class: Option<&'static str>,
    message: &'static str,
    frame: Option<(&'static str, u32, &'static [u32])>,
    function: Option<&'static str>,
    details: Option<serde_json::Value>,
    causes: &'static [&'static str],
    violations: Option<&'static [(&'static str, &'static str)]>,
}

/// A program of one file, `main.js`.
fn program(source: &str) -> Program {
    let modules = std::collections::BTreeMap::new();
    Program { entry: "main.js".into(), source: source.into(), modules }
}

/// What asks for a run of `source` that may make requests.
pub fn request(source: &str) -> RunRequest {
    RunRequest {
        execution: Id::new(),
        program: program(source),
        input: Json::null(),
        context: None,
        schemas: Schemas::default(),
        limits: Limits { wall_ms: 20_000, ..Limits::default() },
        fetch: FetchPolicy::Live,
    }
}

/// The JSON of what `source` returns.
///
/// # Panics
/// If it fails.
pub async fn output(runtime: &Arc<dyn JsRuntime>, source: &str) -> String {
    match runtime.run(request(source)).await.expect("it runs").outcome {
        Outcome::Completed(output) => output.to_string(),
        Outcome::Failed(error) => panic!("{error:?}"),
    }
}

/// What `source` fails with.
async fn failure(runtime: &Arc<dyn JsRuntime>, source: &str) -> TaskError {
    match runtime.run(request(source)).await.expect("it runs").outcome {
        Outcome::Failed(error) => error,
        Outcome::Completed(output) => panic!("returned {output}"),
    }
}

/// A case of a task in `main.js`.
fn case(name: &'static str, source: &str) -> Case {
    let request = RunRequest { fetch: FetchPolicy::Denied, ..request(source) };
    let expected = Expected::Output(serde_json::Value::Null);
    let lines_holding = Vec::new();
    Case { name, request, expected, logs: None, lines_holding, dropped: None, exchanges: None }
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).expect("the cases' own documents are JSON")
}

impl Case {
    fn input(mut self, text: &str) -> Self {
        self.request.input = Json::from_trusted(text);
        self
    }

    fn context(mut self, text: &str) -> Self {
        self.request.context = Some(Json::from_trusted(text));
        self
    }

    fn module(mut self, path: &str, source: &str) -> Self {
        self.request.program.modules.insert(path.into(), source.into());
        self
    }

    fn input_schema(mut self, text: &str) -> Self {
        self.request.schemas.input = Some(Json::from_trusted(text));
        self
    }

    fn output_schema(mut self, text: &str) -> Self {
        self.request.schemas.output = Some(Json::from_trusted(text));
        self
    }

    fn limits(mut self, set: impl FnOnce(&mut Limits)) -> Self {
        set(&mut self.request.limits);
        self
    }

    fn mock(mut self, mock: FetchMock) -> Self {
        match &mut self.request.fetch {
            FetchPolicy::Mocked(mocks) => mocks.push(mock),
            other => *other = FetchPolicy::Mocked(vec![mock]),
        }
        self
    }

    fn returns(mut self, text: &str) -> Self {
        self.expected = Expected::Output(json(text));
        self
    }

    /// Expects a failure whose message contains `message`.
    fn fails(mut self, kind: FailureKind, class: &'static str, message: &'static str) -> Self {
        self.expected = Expected::Failure(Failure {
            kind,
            class: (!class.is_empty()).then_some(class),
            message,
            frame: None,
            function: None,
            details: None,
            causes: &[],
            violations: None,
        });
        self
    }

    fn throws(self, class: &'static str, message: &'static str) -> Self {
        self.fails(FailureKind::Thrown, class, message)
    }

    fn failure(mut self, set: impl FnOnce(&mut Failure)) -> Self {
        if let Expected::Failure(failure) = &mut self.expected {
            set(failure);
        }
        self
    }

    /// Expects the innermost frame at `line` of `file`.
    fn at(self, file: &'static str, line: u32) -> Self {
        self.failure(|failure| failure.frame = Some((file, line, &[])))
    }

    /// Expects the innermost frame at `line` of `file`, in one of these columns.
    fn at_column(self, file: &'static str, line: u32, columns: &'static [u32]) -> Self {
        self.failure(|failure| failure.frame = Some((file, line, columns)))
    }

    fn in_function(self, name: &'static str) -> Self {
        self.failure(|failure| failure.function = Some(name))
    }

    fn details(self, text: &str) -> Self {
        self.failure(|failure| failure.details = Some(json(text)))
    }

    fn causes(self, causes: &'static [&'static str]) -> Self {
        self.failure(|failure| failure.causes = causes)
    }

    fn violations(self, places: &'static [(&'static str, &'static str)]) -> Self {
        self.failure(|failure| failure.violations = Some(places))
    }

    fn logs(mut self, lines: &[(LogLevel, &str)]) -> Self {
        self.logs = Some(lines.iter().map(|(level, text)| (*level, (*text).to_owned())).collect());
        self
    }

    /// Expects a line of `level` that contains `text`.
    fn logs_holding(mut self, level: LogLevel, text: &'static str) -> Self {
        self.lines_holding.push((level, text));
        self
    }

    fn drops(mut self, lines: u64) -> Self {
        self.dropped = Some(lines);
        self
    }

    fn exchanges(mut self, count: usize) -> Self {
        self.exchanges = Some(count);
        self
    }

    fn verdict(&self, report: &RunReport) -> Result<(), String> {
        match (&self.expected, &report.outcome) {
            (Expected::Output(expected), Outcome::Completed(output)) => {
                if output.to::<serde_json::Value>().ok().as_ref() != Some(expected) {
                    return Err(format!("returned {output} instead of {expected}"));
                }
            }
            (Expected::Failure(expected), Outcome::Failed(error)) => expected.verdict(error)?,
            (_, other) => return Err(format!("ended as {other:?}")),
        }
        if let Some(expected) = &self.logs {
            let logs: Vec<_> =
                report.logs.iter().map(|line| (line.level, line.message.clone())).collect();
            if logs != *expected {
                return Err(format!("logged {logs:?} instead of {expected:?}"));
            }
        }
        for (level, text) in &self.lines_holding {
            if !report.logs.iter().any(|line| line.level == *level && line.message.contains(text)) {
                return Err(format!("logged no {level:?} with `{text}`: {:?}", report.logs));
            }
        }
        if self.dropped.is_some_and(|count| count != report.logs_dropped) {
            return Err(format!("dropped {} lines of log", report.logs_dropped));
        }
        if let Some(count) = self.exchanges
            && report.http.len() != count
        {
            return Err(format!("made {} requests instead of {count}", report.http.len()));
        }
        Ok(())
    }
}

impl Failure {
    fn verdict(&self, error: &TaskError) -> Result<(), String> {
        let wrong = |what: &str| Err(format!("has another {what}: {error:?}"));
        if error.kind != self.kind {
            return wrong("kind");
        }
        if self.class.is_some_and(|class| error.class != class) {
            return wrong("class");
        }
        if !error.message.contains(self.message) {
            return wrong("message");
        }
        if let Some((file, line, columns)) = self.frame {
            let Some(frame) = error.stack.first() else { return wrong("stack (none)") };
            if frame.file != file
                || frame.line != line
                || !columns.is_empty() && !columns.contains(&frame.column)
            {
                return wrong("innermost frame");
            }
        }
        if let Some(name) = self.function
            && error.stack.first().is_none_or(|frame| frame.function != name)
        {
            return wrong("function on top of its stack");
        }
        if let Some(expected) = &self.details {
            let details = error.details.as_ref().and_then(|details| details.to().ok());
            if details.as_ref() != Some(expected) {
                return wrong("details");
            }
        }
        if !self.causes.is_empty() && error.causes != self.causes {
            return wrong("causes");
        }
        if let Some(places) = self.violations {
            let mut found: Vec<_> = error
                .violations
                .iter()
                .map(|one| (one.path.as_str(), one.schema_path.as_str()))
                .collect();
            let mut places = places.to_vec();
            found.sort_unstable();
            places.sort_unstable();
            if found != places {
                return wrong("list of violations");
            }
        }
        Ok(())
    }
}

/// A mocked answer of `status` with a JSON body.
fn mock_json(method: Option<&str>, url: &str, status: u16, body: &str) -> FetchMock {
    let mut mock = mock_text(method, url, status, body);
    if let MockReply::Response(response) = &mut mock.reply {
        response.headers = vec![("content-type".into(), "application/json".into())];
    }
    mock
}

fn mock_text(method: Option<&str>, url: &str, status: u16, body: &str) -> FetchMock {
    let words = match status {
        200 => "OK",
        404 => "Not Found",
        503 => "Service Unavailable",
        _ => "",
    };
    FetchMock {
        method: method.map(str::to_owned),
        url: url.into(),
        request_body: None,
        delay_ms: 0,
        times: None,
        reply: MockReply::Response(FetchResponse {
            status,
            status_text: words.into(),
            url: String::new(),
            redirected: false,
            headers: vec![("content-type".into(), "text/plain".into())],
            body: Bytes::copy_from_slice(body.as_bytes()),
        }),
    }
}

/// Every case.
pub fn cases() -> Vec<Case> {
    [
        entry::cases(),
        errors::cases(),
        console::cases(),
        timers::cases(),
        web::cases(),
        fetch::cases(),
        schemas::cases(),
        limits::cases(),
        hostile::cases(),
        isolation::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Runs `cases` on `runtime`, one after the other.
///
/// # Panics
/// With the list of the cases that came out otherwise than they have to.
pub async fn verify(runtime: Arc<dyn JsRuntime>, cases: &[Case]) {
    let mut failures = Vec::new();
    for case in cases {
        // Should the process die of a case, this is the only way to know of which.
        eprintln!("case: {}", case.name);
        let verdict = match runtime.run(case.request.clone()).await {
            Ok(report) => case.verdict(&report),
            Err(error) => Err(format!("the call failed: {error}")),
        };
        if let Err(reason) = verdict {
            failures.push(format!("- {}: {reason}", case.name));
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {} cases failed:\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n")
    );
}
