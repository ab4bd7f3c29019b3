//! The configured proxy, and no other.

use std::process::Command;

use ratchet_plugin_api::{Code, Secret};
use ratchet_testkit::http_server::{HttpServer, Reply, Request};

use super::{Script, fetcher, fetcher_with, get, header};

#[tokio::test]
async fn requests_go_to_the_configured_proxy() {
    let proxy = HttpServer::start(|request: Request| async move {
        let credentials = request.header("proxy-authorization").unwrap_or("none").to_owned();
        Reply::ok(request.target).with("x-credentials", credentials)
    })
    .await;
    let url = format!("http://user:secret@{}", proxy.address());
    // The proxy itself may be anywhere, and looks up names by itself.
    let script = Script::default();
    let fetcher = fetcher_with(script, |config| {
        config.http.proxy = Some(Secret::new(url));
        config.http.egress.allow_ranges.clear();
        config.http.egress.deny_hosts = vec!["secret.example".to_owned()];
    });
    let response = fetcher.fetch(get("http://public.example/path")).await.unwrap();
    assert_eq!(&response.body[..], b"http://public.example/path");
    assert_eq!(header(&response, "x-credentials"), Some("Basic dXNlcjpzZWNyZXQ="));

    for denied in ["http://secret.example/", "http://10.0.0.1/", "http://127.0.0.1/"] {
        assert_eq!(fetcher.fetch(get(denied)).await.unwrap_err().code, Code::Denied, "{denied}");
    }
    assert_eq!(proxy.counts().now().requests, 1);
}

#[tokio::test]
async fn without_a_proxy_a_server_is_asked_directly() {
    let server =
        HttpServer::start(|request: Request| async move { Reply::ok(request.target) }).await;
    let response = fetcher(|_| {}).fetch(get(server.url("/direct"))).await.unwrap();
    assert_eq!(&response.body[..], b"/direct");
}

/// Runs the test above in a process whose environment names a proxy at which nothing listens.
#[test]
fn proxies_of_the_environment_are_not_used() {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "tests::proxy::without_a_proxy_a_server_is_asked_directly"]);
    for name in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"] {
        child.env(name, "http://127.0.0.1:1");
    }
    let output = child.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}
