//! Requests that go out through an HTTP fetcher.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use ratchet_plugin_api::model::{
    FailureKind, FetchPart, FetchRequest, FetchResponse, Id, Redirect,
};
use ratchet_plugin_api::services::{HttpFetcher, JsRuntime};
use ratchet_plugin_api::{Call, Code, Error, Result, Stream, service};
use tokio::sync::{Barrier, Notify};

use super::{failure, output, request};

/// Starts a runtime with this fetcher, or with none.
type Start<'a> = dyn Fn(Option<Arc<dyn HttpFetcher>>) -> Arc<dyn JsRuntime> + 'a;

/// Makes live requests on runtimes that `start` gives.
///
/// # Panics
/// Where something comes out otherwise than it has to.
pub async fn verify_fetches(start: &Start<'_>) {
    a_request_reaches_the_fetcher_as_the_task_made_it(start).await;
    requests_are_under_way_at_once_awaited_or_not(start).await;
    failures_of_the_fetcher_are_errors_of_their_classes(start).await;
    without_a_fetcher_a_request_fails_and_the_task_can_go_on(start).await;
    a_request_that_is_given_up_is_cancelled_and_recorded(start).await;
    dropping_the_call_ends_a_run_that_waits(start).await;
}

/// Answers by the host that is asked.
#[derive(Default)]
struct Origin {
    asked: Mutex<Vec<(FetchRequest, Option<Id>)>>,
    meeting: Option<Barrier>,
    reached: Notify,
    dropped: Arc<Notify>,
}

struct NotifyOnDrop(Arc<Notify>);

impl Drop for NotifyOnDrop {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

#[service]
impl HttpFetcher for Origin {
    async fn fetch(&self, request: FetchRequest) -> Result<FetchResponse> {
        self.asked
            .lock()
            .expect("no test panics with it")
            .push((request.clone(), Call::current().execution));
        if let Some(meeting) = &self.meeting {
            meeting.wait().await;
        }
        if request.url.starts_with("https://denied.") {
            return Err(Error::new(Code::Denied, "10.0.0.1 is a private address"));
        }
        if request.url.starts_with("https://down.") {
            return Err(Error::unavailable("connection refused"));
        }
        if request.url.starts_with("https://large.") {
            return Err(Error::new(Code::LimitExceeded, "the body is larger than 10 bytes"));
        }
        if request.url.starts_with("https://never.") {
            let _dropped = NotifyOnDrop(Arc::clone(&self.dropped));
            self.reached.notify_one();
            std::future::pending::<()>().await;
        }
        Ok(FetchResponse {
            status: 200,
            status_text: "OK".into(),
            url: request.url,
            redirected: false,
            headers: vec![("content-type".into(), "application/json".into())],
            body: Bytes::from_static(b"{\"hello\":\"there\"}"),
        })
    }

    async fn open(&self, _request: FetchRequest) -> Result<Stream<FetchPart>> {
        Err(Error::new(Code::Unsupported, "tasks collect whole bodies"))
    }
}

async fn a_request_reaches_the_fetcher_as_the_task_made_it(start: &Start<'_>) {
    let origin = Arc::new(Origin::default());
    let runtime = start(Some(Arc::clone(&origin) as _));
    let asked = request(
        "async () => (await fetch('https://a.example/p?q=1#gone', { method: 'put', redirect: \
         'manual', timeout: 900, headers: { 'X-One': 1, accept: 'text/*' }, body: { n: 1 } \
         })).json()",
    );
    let report = runtime.run(asked.clone()).await.expect("it runs");
    let (made, execution) = origin.asked.lock().expect("no test panics with it")[0].clone();
    assert_eq!(made.method, "PUT");
    assert_eq!(made.url, "https://a.example/p?q=1");
    assert_eq!(made.redirect, Redirect::Manual);
    assert_eq!(made.timeout_ms, Some(900));
    assert_eq!(made.body.as_deref(), Some(&b"{\"n\":1}"[..]));
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let headers =
        [pair("accept", "text/*"), pair("content-type", "application/json"), pair("x-one", "1")];
    assert_eq!(made.headers, headers);
    assert_eq!(execution, Some(asked.execution));
    let exchange = &report.http[0];
    assert_eq!((&exchange.request, exchange.mocked), (&made, false));
    assert_eq!(exchange.response.as_ref().expect("it was answered").status, 200);
}

async fn requests_are_under_way_at_once_awaited_or_not(start: &Start<'_>) {
    for task in [
        "async () => (await Promise.all([1, 2, 3].map(n => fetch(`https://a.example/${n}`)))).length",
        "() => [1, 2, 3].map(n => fetch(`https://a.example/${n}`)).filter(r => r.ok).length",
    ] {
        // The origin answers none of the three before it was asked all of them.
        let origin = Origin { meeting: Some(Barrier::new(3)), ..Origin::default() };
        let runtime = start(Some(Arc::new(origin)));
        assert_eq!(output(&runtime, task).await, "3");
    }
}

async fn failures_of_the_fetcher_are_errors_of_their_classes(start: &Start<'_>) {
    let runtime = start(Some(Arc::new(Origin::default())));
    let told = |host: &str| {
        format!(
            "async () => {{ try {{ await fetch('https://{host}.example/', {{ timeout: 30 }}) }} \
             catch (e) {{ return `${{e.name}} ${{e.code}} ${{e.message}}` }} }}"
        )
    };
    for (host, expected) in [
        (
            "denied",
            "NetworkError denied GET https://denied.example/: 10.0.0.1 is a private address",
        ),
        ("down", "NetworkError unavailable GET https://down.example/: connection refused"),
        ("large", "NetworkError limit_exceeded GET https://large.example/: the body is larger"),
        ("never", "TimeoutError timeout GET https://never.example/: the deadline passed"),
    ] {
        let text = output(&runtime, &told(host)).await;
        assert!(text.contains(expected), "{text}");
    }
}

async fn without_a_fetcher_a_request_fails_and_the_task_can_go_on(start: &Start<'_>) {
    let error = failure(&start(None), "() => fetch('https://a.example/').ok").await;
    assert_eq!((error.kind, error.class.as_str()), (FailureKind::Thrown, "NetworkError"));
    assert!(error.message.contains("no plugin makes HTTP requests here"), "{}", error.message);
}

async fn a_request_that_is_given_up_is_cancelled_and_recorded(start: &Start<'_>) {
    let origin = Arc::new(Origin::default());
    let runtime = start(Some(Arc::clone(&origin) as _));
    let race = "() => Promise.race([fetch('https://never.example/'), new Promise(done => \
                setTimeout(done, 20, 'first'))])";
    let report = runtime.run(request(race)).await.expect("it runs");
    origin.dropped.notified().await;
    let error = report.http[0].error.as_deref().expect("it failed");
    assert!(error.contains("given up"), "{error}");
}

async fn dropping_the_call_ends_a_run_that_waits(start: &Start<'_>) {
    for task in [
        "() => fetch('https://never.example/').ok",
        "async () => { await fetch('https://never.example/') }",
        "async () => { fetch('https://never.example/'); await new Promise(done => setTimeout(done, 60_000)) }",
    ] {
        let origin = Arc::new(Origin::default());
        let runtime = start(Some(Arc::clone(&origin) as _));
        {
            let mut run = runtime.run(request(task));
            tokio::select! {
                report = &mut run => panic!("{report:?}"),
                () = origin.reached.notified() => {}
            }
        }
        origin.dropped.notified().await;
        assert_eq!(output(&runtime, "() => 'free again'").await, "\"free again\"");
    }
}
