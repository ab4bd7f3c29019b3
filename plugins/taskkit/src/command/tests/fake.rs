//! A JavaScript runtime for tests that knows no JavaScript: a closure says what comes of a run.

use std::sync::{Arc, Mutex};

use ratchet_plugin_api::model::{
    FailureKind, FetchMock, FetchPolicy, FetchRequest, HttpExchange, Json, LogLevel, LogLine,
    MockReply, Outcome, Program, ProgramProblem, ProgramReport, RunEvent, RunReport, RunRequest,
    TaskError, Timestamp,
};
use ratchet_plugin_api::services::{JsRuntime, RuntimeInfo};
use ratchet_plugin_api::{Result, Stream, service};
use serde_json::{Value, json};
use tokio::sync::mpsc;

type Behaviour = dyn Fn(&RunRequest) -> Vec<Result<RunEvent>> + Send + Sync;

/// The runtime; it remembers what it was asked.
pub(super) struct FakeRuntime {
    behaviour: Box<Behaviour>,
    /// Whether a run goes on for ever after its events.
    endless: bool,
    requests: Mutex<Vec<RunRequest>>,
    started: Option<mpsc::UnboundedSender<()>>,
}

impl FakeRuntime {
    pub(super) fn new(
        behaviour: impl Fn(&RunRequest) -> Vec<Result<RunEvent>> + Send + Sync + 'static,
    ) -> Self {
        let (behaviour, requests) = (Box::new(behaviour), Mutex::default());
        Self { behaviour, endless: false, requests, started: None }
    }

    /// Runs end with what `outcome` gives, after one line of log.
    pub(super) fn ending(
        outcome: impl Fn(&RunRequest) -> Outcome + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self::new(move |request| {
            vec![Ok(log(LogLevel::Warn, "working")), Ok(finished(outcome(request)))]
        }))
    }

    /// Adds `num1` and `num2`, and fails without them as a schema would.
    pub(super) fn adding() -> Arc<Self> {
        Self::ending(|request| add(&request.input))
    }

    /// Requests `input.url`, which mocks answer, and returns the answer's body as text.
    pub(super) fn fetching() -> Arc<Self> {
        Arc::new(Self::new(|request| {
            let input: Value = request.input.to().unwrap();
            let url = input["url"].as_str().unwrap().to_owned();
            let exchange = fetch(&request.fetch, url);
            let outcome = match &exchange.response {
                Some(response) => {
                    let body = String::from_utf8_lossy(&response.body).into_owned();
                    Outcome::Completed(json!({"body": body}).into())
                }
                None => Outcome::Failed(error("NetworkError", exchange.error.as_deref().unwrap())),
            };
            vec![Ok(RunEvent::Http(exchange)), Ok(finished(outcome))]
        }))
    }

    /// Never ends a run.
    pub(super) fn hanging() -> Arc<Self> {
        let log = |_: &RunRequest| vec![Ok(log(LogLevel::Info, "before it hangs"))];
        Arc::new(Self { endless: true, ..Self::new(log) })
    }

    /// Adds, and tells the receiver of each run.
    pub(super) fn telling() -> (Arc<Self>, mpsc::UnboundedReceiver<()>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let adding = Self::new(|request| vec![Ok(finished(add(&request.input)))]);
        (Arc::new(Self { started: Some(sender), ..adding }), receiver)
    }

    /// Every request so far.
    pub(super) fn requests(&self) -> Vec<RunRequest> {
        self.requests.lock().unwrap().clone()
    }
}

#[service]
impl JsRuntime for FakeRuntime {
    async fn info(&self) -> Result<RuntimeInfo> {
        Ok(RuntimeInfo { name: "fake".into(), engine: "fake 1".into(), interruptible: true })
    }

    /// A line that says `broken` is a problem.
    async fn check(&self, program: Program) -> Result<ProgramReport> {
        let broken = program.source.lines().position(|line| line.contains("broken"));
        Ok(match broken {
            None => ProgramReport { form: Some("named function".into()), problems: Vec::new() },
            Some(index) => ProgramReport {
                form: None,
                problems: vec![ProgramProblem {
                    file: program.entry,
                    line: Some(u32::try_from(index + 1).unwrap()),
                    column: Some(3),
                    message: "unexpected token".into(),
                }],
            },
        })
    }

    async fn run(&self, request: RunRequest) -> Result<RunReport> {
        let mut events = self.follow(request).await?;
        while let Some(event) = events.next().await {
            if let RunEvent::Finished(report) = event? {
                return Ok(report);
            }
        }
        panic!("the behaviour of a fake runtime has no end");
    }

    async fn follow(&self, request: RunRequest) -> Result<Stream<RunEvent>> {
        use futures_util::StreamExt as _;
        let events = futures_util::stream::iter((self.behaviour)(&request));
        self.requests.lock().unwrap().push(request);
        if let Some(started) = &self.started {
            started.send(()).unwrap();
        }
        if self.endless {
            Ok(Stream::new(events.chain(futures_util::stream::pending())))
        } else {
            Ok(Stream::new(events))
        }
    }
}

fn add(input: &Json) -> Outcome {
    let input: Value = input.to().unwrap();
    match (input["num1"].as_f64(), input["num2"].as_f64()) {
        (Some(one), Some(other)) => Outcome::Completed(json!({"sum": one + other}).into()),
        _ => Outcome::Failed(TaskError {
            kind: FailureKind::InvalidInput,
            ..error("ValidationError", "the input does not satisfy the schema")
        }),
    }
}

fn fetch(policy: &FetchPolicy, url: String) -> HttpExchange {
    let FetchPolicy::Mocked(mocks) = policy else {
        panic!("tests do not reach the network");
    };
    let request = FetchRequest {
        method: "GET".into(),
        url: url.clone(),
        headers: Vec::new(),
        body: None,
        redirect: Default::default(),
        timeout_ms: None,
        max_body_bytes: None,
    };
    let mock = mocks.iter().find(|mock: &&FetchMock| mock.url == url);
    let (response, error) = match mock.map(|mock| mock.reply.clone()) {
        None => (None, Some(format!("no mock answers GET {url}"))),
        Some(MockReply::Failure(message)) => (None, Some(message)),
        Some(MockReply::Response(response)) => (Some(response), None),
    };
    let started = Timestamp::now();
    HttpExchange { started, elapsed_us: 1_000, request, response, error, mocked: true }
}

/// An error that a task threw.
pub(super) fn error(class: &str, message: &str) -> TaskError {
    TaskError {
        kind: FailureKind::Thrown,
        class: class.to_owned(),
        message: message.to_owned(),
        stack: Vec::new(),
        violations: Vec::new(),
        details: None,
        causes: Vec::new(),
    }
}

pub(super) fn log(level: LogLevel, message: &str) -> RunEvent {
    RunEvent::Log(LogLine { time: Timestamp::now(), level, message: message.to_owned() })
}

pub(super) fn finished(outcome: Outcome) -> RunEvent {
    let (logs, http) = (Vec::new(), Vec::new());
    RunEvent::Finished(RunReport { outcome, logs, logs_dropped: 0, http, elapsed_us: 1_500 })
}
