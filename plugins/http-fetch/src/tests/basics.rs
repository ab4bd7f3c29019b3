//! The contract, the plugin's start, and requests that are refused.

use ratchet_plugin_api::Code;
use ratchet_testkit::http_server::{HttpServer, Reply, Request};
use ratchet_testkit::{TestHost, contract};
use serde_json::json;

use super::{fetcher, get, header};
use crate::HttpFetch;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_keeps_the_contract() {
    let host = TestHost::new();
    let plugin = host
        .start::<HttpFetch>(json!({"http": {"egress": {"allow_ranges": ["127.0.0.0/8"]}}}))
        .await
        .unwrap();
    let report = contract::http_fetcher(plugin).await;
    report.assert_passed();
    assert!(report.passed().len() >= 20, "{report}");
}

#[tokio::test]
async fn it_starts_with_the_documented_defaults() {
    let host = TestHost::new();
    let plugin = host.start::<HttpFetch>(json!({})).await.unwrap();
    assert_eq!(plugin.client.timeout(None).as_secs(), 30);
    assert_eq!(plugin.client.max_redirects(), 10);
    assert_eq!(plugin.client.max_body_bytes(None), 10 * 1024 * 1024);
}

#[tokio::test]
async fn a_configuration_that_cannot_work_is_refused_at_the_start() {
    let host = TestHost::new();
    for (http, wanted) in [
        (json!({"timeout": 0}), "http.timeout"),
        (json!({"connection_pool": {"connection_timeout": 0}}), "connection_timeout"),
        (json!({"user_agent": "a\nb"}), "http.user_agent"),
        (json!({"proxy": "proxy.example:3128"}), "http.proxy"),
        (json!({"proxy": "socks5://proxy.example"}), "http.proxy"),
        (json!({"ca_file": "/nowhere/ca.pem"}), "/nowhere/ca.pem"),
        (json!({"egress": {"deny_ranges": ["10/8"]}}), "http.egress.deny_ranges[0]"),
        (json!({"timeuot": 3}), "timeuot"),
        (json!({"timeout": "long"}), "timeout"),
    ] {
        let started = host.start::<HttpFetch>(json!({"http": http})).await;
        let error = started.map(drop).expect_err(wanted);
        assert_eq!(error.code, Code::Configuration, "{error}");
        assert!(error.full_message().contains(wanted) || wanted == "timeout", "{error}");
    }
}

#[tokio::test]
async fn headers_that_are_the_connection_s_are_refused() {
    let server = HttpServer::start(|_| async { Reply::ok("") }).await;
    let fetcher = fetcher(|_| {});
    for name in
        ["Connection", "Transfer-Encoding", "Upgrade", "TE", "Expect", "Proxy-Authorization"]
    {
        let mut request = get(server.url("/"));
        request.headers.push((name.to_owned(), "x".to_owned()));
        let error = fetcher.fetch(request).await.unwrap_err();
        assert_eq!(error.code, Code::Invalid);
        assert!(error.message.contains(&name.to_lowercase()), "{error}");
    }
    for (name, value) in [("host", "other.example"), ("content-length", "7")] {
        let mut request = get(server.url("/"));
        request.headers.push((name.to_owned(), value.to_owned()));
        let error = fetcher.fetch(request).await.unwrap_err();
        assert_eq!(error.code, Code::Invalid);
        assert!(error.message.contains("leave it out"), "{error}");
    }
    assert_eq!(server.counts().now().requests, 0);
}

#[tokio::test]
async fn headers_that_say_what_is_sent_anyway_are_accepted() {
    let server = HttpServer::start(|request: Request| async move {
        let times = |name| request.headers.iter().filter(|(known, _)| known == name).count();
        Reply::ok(format!("{} {}", times("host"), times("content-length")))
    })
    .await;
    let mut request = get(server.url("/"));
    request.method = "POST".to_owned();
    request.body = Some("four".into());
    request.headers.push(("Host".to_owned(), server.address().to_string()));
    request.headers.push(("Content-Length".to_owned(), "4".to_owned()));
    let response = fetcher(|_| {}).fetch(request).await.unwrap();
    assert_eq!(&response.body[..], b"1 1");
}

#[tokio::test]
async fn methods_that_are_not_requests_and_urls_with_credentials_are_refused() {
    let server = HttpServer::start(|_| async { Reply::ok("") }).await;
    let fetcher = fetcher(|_| {});
    for method in ["CONNECT", "TRACE", "trace", "TRACK", "", "G T"] {
        let mut request = get(server.url("/"));
        request.method = method.to_owned();
        assert_eq!(fetcher.fetch(request).await.unwrap_err().code, Code::Invalid, "{method}");
    }
    let url = format!("http://user:secret@{}/", server.address());
    let error = fetcher.fetch(get(url)).await.unwrap_err();
    assert_eq!(error.code, Code::Invalid);
    assert!(
        error.message.contains("Authorization") && !error.message.contains("secret"),
        "{error}"
    );
    assert_eq!(server.counts().now().requests, 0);
}

#[tokio::test]
async fn the_user_agent_is_the_configured_one_unless_the_task_has_its_own() {
    let server = HttpServer::start(|request: Request| async move {
        Reply::ok(request.header("user-agent").unwrap_or("none").to_owned())
    })
    .await;
    let response = fetcher(|_| {}).fetch(get(server.url("/"))).await.unwrap();
    assert_eq!(&response.body[..], b"Ratchet/1.0");
    let fetcher = fetcher(|config| config.http.user_agent = "Acme/2".to_owned());
    let response = fetcher.fetch(get(server.url("/"))).await.unwrap();
    assert_eq!(&response.body[..], b"Acme/2");
    let mut request = get(server.url("/"));
    request.headers.push(("User-Agent".to_owned(), "Own/3".to_owned()));
    assert_eq!(&fetcher.fetch(request).await.unwrap().body[..], b"Own/3");
}

#[tokio::test]
async fn the_status_text_is_the_standard_one() {
    let server = HttpServer::start(|_| async { Reply::status(404, "Nothing To See") }).await;
    let response = fetcher(|_| {}).fetch(get(server.url("/"))).await.unwrap();
    assert_eq!((response.status, response.status_text.as_str()), (404, "Not Found"));
    assert_eq!(header(&response, "content-length"), Some("0"));
}

#[tokio::test]
async fn a_fragment_is_neither_sent_nor_part_of_the_answer_s_url() {
    let server =
        HttpServer::start(|request: Request| async move { Reply::ok(request.target) }).await;
    let response = fetcher(|_| {}).fetch(get(server.url("/a#b"))).await.unwrap();
    assert_eq!((&response.body[..], response.url), (&b"/a"[..], server.url("/a")));
}
