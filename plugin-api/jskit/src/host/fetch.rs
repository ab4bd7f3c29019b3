//! The requests of a run: started at once, answered while JavaScript goes on, and recorded.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use ratchet_plugin_api::model::{
    FetchPolicy, FetchRequest, FetchResponse, HttpExchange, MockReply, Redirect, RunEvent,
    Timestamp,
};
use ratchet_plugin_api::services::HttpFetcher;
use ratchet_plugin_api::{Call, Code, Error, Result};
use serde_json::json;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use url::Url;

use super::mock::Mocks;
use super::{Arguments, OpError, OpResult, Session, Wake};
use crate::engine::{ErrorClass, FromJs, ToJs};

/// The way out for live requests.
#[derive(Clone)]
pub struct FetchPort {
    runtime: Handle,
    fetcher: Arc<dyn Fn() -> Result<Arc<dyn HttpFetcher>> + Send + Sync>,
    call: Call,
}

impl FetchPort {
    /// Requests are made by what `fetcher` gives at the time, driven by `runtime`.
    pub fn new(
        runtime: Handle,
        fetcher: impl Fn() -> Result<Arc<dyn HttpFetcher>> + Send + Sync + 'static,
    ) -> Self {
        Self { runtime, fetcher: Arc::new(fetcher), call: Call::root() }
    }

    /// The same way out on behalf of `call`.
    #[must_use]
    pub(crate) fn on_behalf_of(&self, call: Call) -> Self {
        Self { call, ..self.clone() }
    }
}

/// All requests of a run, by the number they were started with.
#[derive(Default)]
pub(crate) struct Fetches {
    all: Vec<Exchange>,
    mocks: Option<Mocks>,
    unsettled: VecDeque<usize>,
}

struct Exchange {
    started: Timestamp,
    began: Instant,
    elapsed: Duration,
    request: FetchRequest,
    mocked: bool,
    attended: bool,
    state: State,
}

enum State {
    /// Under way on the network.
    Live(AbortHandle),
    /// A mock answers at that time.
    Mocked(Instant, Result<FetchResponse, Failure>),
    /// Answered or failed.
    Done(Result<FetchResponse, Failure>),
}

/// Why there is no response, in the terms of the error a task gets.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Failure {
    class: &'static str,
    message: String,
    code: String,
}

impl Failure {
    fn network(code: &str, message: impl Into<String>) -> Self {
        Self { class: "NetworkError", message: message.into(), code: code.into() }
    }

    fn of(error: &Error, request: &FetchRequest) -> Self {
        let message = format!("{} {}: {}", request.method, request.url, error.full_message());
        match error.code {
            Code::Timeout => Self { class: "TimeoutError", message, code: "timeout".into() },
            code => {
                let code = error.reason.clone().unwrap_or_else(|| code.as_str().to_owned());
                Self { class: "NetworkError", message, code }
            }
        }
    }
}

impl Fetches {
    /// Starts a request: `method`, `url`, header lines, body, redirect mode, timeout in
    /// milliseconds. Gives its number.
    pub(crate) fn start(&mut self, session: &Session, arguments: Arguments<'_>) -> OpResult {
        let request = read_request(arguments)?;
        let id = self.all.len();
        let began = Instant::now();
        let (state, mocked) = if id as u64 >= u64::from(session.limits.fetches) {
            let message = format!("a run may make {} requests", session.limits.fetches);
            (State::Done(Err(Failure::network("limit.fetches", message))), false)
        } else {
            self.begin(session, id, &request, began)
        };
        let done = matches!(state, State::Done(_));
        self.all.push(Exchange {
            started: Timestamp::now(),
            began,
            elapsed: Duration::ZERO,
            request,
            mocked,
            attended: false,
            state,
        });
        if done {
            self.unsettled.push_back(id);
            self.emit(session, id);
        }
        Ok(ToJs::Number(id as f64))
    }

    fn begin(
        &mut self,
        session: &Session,
        id: usize,
        request: &FetchRequest,
        began: Instant,
    ) -> (State, bool) {
        match &session.fetch_policy {
            FetchPolicy::Denied => {
                let message =
                    format!("{} {}: this run may not use the network", request.method, request.url);
                (State::Done(Err(Failure::network("denied", message))), false)
            }
            FetchPolicy::Mocked(mocks) => {
                let mocks = self.mocks.get_or_insert_with(|| Mocks::new(mocks.clone()));
                (answer_mock(mocks, request, began), true)
            }
            FetchPolicy::Live => (begin_live(session, id, request), false),
        }
    }

    /// Answers the operations on a request that was started.
    pub(crate) fn operate(&mut self, session: &Session, name: &str, id: usize) -> OpResult {
        let Some(exchange) = self.all.get_mut(id) else {
            return Err(OpError::type_error(format!("there is no request {id}")));
        };
        match (name, &exchange.state) {
            ("attend", _) => {
                exchange.attended = true;
                Ok(ToJs::Undefined)
            }
            ("abort", State::Done(_)) => Ok(ToJs::Undefined),
            ("abort", _) => {
                let failure = Failure::network("aborted", "the task aborted the request");
                self.complete(session, id, Err(failure));
                Ok(ToJs::Undefined)
            }
            ("outcome", State::Done(outcome)) => {
                // What was read while waiting needs no settling by the event loop, but a promise
                // that was awaited as well does; settling twice has no effect.
                exchange.attended = true;
                Ok(ToJs::Json(describe(outcome)))
            }
            ("text", State::Done(Ok(response))) => {
                let body = response.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&response.body);
                Ok(ToJs::Text(String::from_utf8_lossy(body).into_owned()))
            }
            ("bytes", State::Done(Ok(response))) => Ok(ToJs::Bytes(response.body.to_vec())),
            _ => Err(OpError::type_error(format!("request {id} has no `{name}` yet"))),
        }
    }

    pub(crate) fn is_done(&self, id: usize) -> bool {
        self.all.get(id).is_none_or(|exchange| matches!(exchange.state, State::Done(_)))
    }

    pub(crate) fn any_pending(&self) -> bool {
        self.all.iter().any(|exchange| !matches!(exchange.state, State::Done(_)))
    }

    /// Whether a request is under way whose answer the task has not asked for.
    pub(crate) fn any_unattended(&self) -> bool {
        self.all
            .iter()
            .any(|exchange| !exchange.attended && !matches!(exchange.state, State::Done(_)))
    }

    /// A request that is done and of which JavaScript has not been told.
    pub(crate) fn take_unsettled(&mut self) -> Option<usize> {
        self.unsettled.pop_front()
    }

    /// When the next mock answers.
    pub(crate) fn next_mock(&self) -> Option<Instant> {
        self.all
            .iter()
            .filter_map(|exchange| match exchange.state {
                State::Mocked(due, _) => Some(due),
                _ => None,
            })
            .min()
    }

    /// Completes the mocked requests that are due, in the order they are.
    pub(crate) fn finish_mocks(&mut self, session: &Session) {
        while let Some(due) = self.next_mock()
            && due <= Instant::now()
        {
            let found = self
                .all
                .iter()
                .position(|exchange| matches!(exchange.state, State::Mocked(at, _) if at == due));
            let Some(id) = found else { return };
            if let State::Mocked(_, outcome) = &self.all[id].state {
                let outcome = outcome.clone();
                self.complete(session, id, outcome);
            }
        }
    }

    /// Takes the result of a live request.
    pub(crate) fn finish(
        &mut self,
        session: &Session,
        id: usize,
        result: Result<FetchResponse, Error>,
    ) {
        if let Some(exchange) = self.all.get(id)
            && matches!(exchange.state, State::Live(_))
        {
            let outcome = result.map_err(|error| Failure::of(&error, &exchange.request));
            self.complete(session, id, outcome);
        }
    }

    fn complete(&mut self, session: &Session, id: usize, outcome: Result<FetchResponse, Failure>) {
        let exchange = &mut self.all[id];
        if let State::Live(task) = &exchange.state {
            task.abort();
        }
        exchange.elapsed = exchange.began.elapsed();
        exchange.state = State::Done(outcome);
        self.unsettled.push_back(id);
        self.emit(session, id);
    }

    fn emit(&self, session: &Session, id: usize) {
        if session.observer.is_some() {
            session.emit(RunEvent::Http(self.all[id].record()));
        }
    }

    /// Ends what is under way and gives the record of all requests.
    pub(crate) fn give_up(&mut self, session: &Session) -> Vec<HttpExchange> {
        for id in 0..self.all.len() {
            if !self.is_done(id) {
                let message = "given up because the run ended first";
                self.complete(session, id, Err(Failure::network("aborted", message)));
            }
        }
        self.all.iter().map(Exchange::record).collect()
    }
}

impl Exchange {
    fn record(&self) -> HttpExchange {
        let (response, error) = match &self.state {
            State::Done(Ok(response)) => (Some(response.clone()), None),
            State::Done(Err(failure)) => (None, Some(failure.message.clone())),
            _ => (None, None),
        };
        HttpExchange {
            started: self.started,
            elapsed_us: u64::try_from(self.elapsed.as_micros()).unwrap_or(u64::MAX),
            request: self.request.clone(),
            response,
            error,
            mocked: self.mocked,
        }
    }
}

fn answer_mock(mocks: &mut Mocks, request: &FetchRequest, began: Instant) -> State {
    let (reply, delay) = match mocks.answer(request) {
        Ok(answer) => answer,
        Err(message) => return State::Done(Err(Failure::network("no_mock", message))),
    };
    if let Some(timeout) = request.timeout_ms
        && delay > timeout
    {
        let error = Error::new(Code::Timeout, format!("no answer within {timeout} ms"));
        return State::Mocked(
            began + Duration::from_millis(timeout),
            Err(Failure::of(&error, request)),
        );
    }
    let outcome = match reply {
        MockReply::Response(mut response) => {
            if response.url.is_empty() {
                response.url.clone_from(&request.url);
            }
            Ok(response)
        }
        MockReply::Failure(message) => Err(Failure::of(&Error::unavailable(message), request)),
    };
    State::Mocked(began + Duration::from_millis(delay), outcome)
}

fn begin_live(session: &Session, id: usize, request: &FetchRequest) -> State {
    let port = &session.fetch_port;
    let fetcher = match (port.fetcher)() {
        Ok(fetcher) => fetcher,
        Err(error) => {
            let error = error.context("no plugin makes HTTP requests here");
            return State::Done(Err(Failure::of(&error, request)));
        }
    };
    let left = session.deadline.saturating_duration_since(Instant::now());
    let limit = request.timeout_ms.map_or(left, |timeout| left.min(Duration::from_millis(timeout)));
    let (call, request, cancel) = (port.call.clone(), request.clone(), Arc::clone(&session.cancel));
    let task = port.runtime.spawn(call.scope(async move {
        let result = Call::timeout(limit, fetcher.fetch(request)).await;
        // A closed channel means the run is over.
        let _ = cancel.wake.send(Wake::Fetched(id, result));
    }));
    State::Live(task.abort_handle())
}

/// The head of a response, or the failure, as JSON for the scripts.
fn describe(outcome: &Result<FetchResponse, Failure>) -> String {
    match outcome {
        Ok(response) => json!({
            "status": response.status,
            "statusText": response.status_text,
            "url": response.url,
            "redirected": response.redirected,
            "headers": response.headers,
        }),
        Err(failure) => json!({
            "error": failure.class,
            "message": failure.message,
            "code": failure.code,
        }),
    }
    .to_string()
}

fn read_request(arguments: Arguments<'_>) -> Result<FetchRequest, OpError> {
    let method = arguments.text(0)?.to_ascii_uppercase();
    if !is_token(&method) {
        return Err(OpError::type_error(format!("`{method}` is not an HTTP method")));
    }
    let text = arguments.text(1)?;
    let url = Url::parse(text).map_err(|error| {
        let what = if error == url::ParseError::RelativeUrlWithoutBase {
            "a task has no page its requests could be relative to; give the whole URL".to_owned()
        } else {
            error.to_string()
        };
        OpError::type_error(format!("cannot fetch `{text}`: {what}"))
    })?;
    if !matches!(url.scheme(), "http" | "https") {
        let scheme = url.scheme();
        let message = format!("cannot fetch `{text}`: the scheme is `{scheme}`, not http or https");
        return Err(OpError::type_error(message));
    }
    let mut url = url;
    url.set_fragment(None);
    let body = match arguments.any(3) {
        FromJs::Text(text) => Some(Bytes::copy_from_slice(text.as_bytes())),
        FromJs::Bytes(bytes) => Some(Bytes::copy_from_slice(bytes)),
        _ => None,
    };
    if body.is_some() && matches!(method.as_str(), "GET" | "HEAD") {
        return Err(OpError::type_error(format!("a {method} request cannot have a body")));
    }
    let redirect = match arguments.text(4)? {
        "follow" => Redirect::Follow,
        "error" => Redirect::Error,
        "manual" => Redirect::Manual,
        other => {
            let message =
                format!("redirect is `{other}`; it can be \"follow\", \"error\" or \"manual\"");
            return Err(OpError::type_error(message));
        }
    };
    let timeout_ms = match arguments.any(5) {
        FromJs::Number(timeout) if timeout.is_finite() && *timeout > 0.0 => Some(*timeout as u64),
        FromJs::Undefined => None,
        _ => {
            let message = "timeout has to be a positive number of milliseconds";
            return Err(OpError::Throw(ErrorClass::Range, message.into()));
        }
    };
    let headers = read_headers(arguments.text(2)?)?;
    let url = url.into();
    Ok(FetchRequest { method, url, headers, body, redirect, timeout_ms, max_body_bytes: None })
}

/// Reads lines that are a name and a value by turns.
fn read_headers(lines: &str) -> Result<Vec<(String, String)>, OpError> {
    let mut headers = Vec::new();
    let mut lines = lines.split('\n');
    while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
        if !is_token(name) {
            return Err(OpError::type_error(format!("`{name}` is not a header name")));
        }
        if value.contains(['\r', '\0']) {
            return Err(OpError::type_error(format!("the value of header `{name}` is not valid")));
        }
        headers.push((name.to_owned(), value.to_owned()));
    }
    Ok(headers)
}

/// Whether `text` is a token of HTTP (RFC 9110, section 5.6.2).
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}
