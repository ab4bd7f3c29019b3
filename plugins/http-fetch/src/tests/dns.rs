//! Names are judged by the address that is connected to.

use ratchet_plugin_api::Code;
use ratchet_testkit::http_server::{HttpServer, Reply};

use super::{Script, fetcher, fetcher_with, get};

#[tokio::test]
async fn a_name_that_leads_to_a_private_address_is_denied() {
    let server = HttpServer::start(|_| async { Reply::ok("") }).await;
    let port = server.address().port();
    for address in ["127.0.0.2", "10.0.0.1", "169.254.169.254", "::1", "::ffff:10.0.0.1", "fd00::1"]
    {
        let fetcher = fetcher_with(Script::new(&[&[address]]), |_| {});
        let url = format!("http://innocent.example:{port}/");
        let error = fetcher.fetch(get(url)).await.unwrap_err();
        assert_eq!(error.code, Code::Denied, "{error}");
        assert!(error.message.contains("innocent.example"), "{error}");
        assert!(error.message.contains(address), "{error}");
        assert_eq!(error.reason.as_deref(), Some("egress.range"));
    }
    assert_eq!(server.counts().now().connections, 0);
}

#[tokio::test]
async fn a_name_that_changes_its_address_after_a_check_is_checked_again() {
    let server =
        HttpServer::start(|_| async { Reply::ok("hello").with("connection", "close") }).await;
    let script = Script::new(&[&["127.0.0.1"], &["127.0.0.2"], &["127.0.0.1"]]);
    let fetcher = fetcher_with(script.clone(), |_| {});
    let url = format!("http://rebinding.example:{}/", server.address().port());
    assert_eq!(fetcher.fetch(get(&url)).await.unwrap().status, 200);
    assert_eq!(fetcher.fetch(get(&url)).await.unwrap_err().code, Code::Denied);
    assert_eq!(fetcher.fetch(get(&url)).await.unwrap().status, 200);
    assert_eq!(script.questions_left(), 0, "each connection asks once, and uses that answer");
    assert_eq!(server.counts().now().connections, 2);
}

#[tokio::test]
async fn only_the_allowed_addresses_of_a_name_are_tried() {
    let server = HttpServer::start(|_| async { Reply::ok("hello") }).await;
    let script = Script::new(&[&["10.0.0.1", "127.0.0.1", "::1"]]);
    let fetcher = fetcher_with(script, |_| {});
    let url = format!("http://mixed.example:{}/", server.address().port());
    assert_eq!(fetcher.fetch(get(url)).await.unwrap().status, 200);
}

#[tokio::test]
async fn localhost_is_denied_by_its_address() {
    let fetcher = fetcher(|config| config.http.egress.allow_ranges.clear());
    for url in ["http://localhost:1/", "http://LOCALHOST:1/"] {
        let error = fetcher.fetch(get(url)).await.unwrap_err();
        assert_eq!(error.code, Code::Denied, "{url}: {error}");
        assert!(error.message.contains("loopback"), "{error}");
    }
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_unavailable() {
    let fetcher = fetcher_with(Script::default(), |_| {});
    let error = fetcher.fetch(get("http://nobody.example/")).await.unwrap_err();
    assert_eq!(error.code, Code::Unavailable);
    assert!(error.message.contains("nobody.example"), "{error}");
}

#[tokio::test]
async fn a_denied_host_is_not_even_looked_up() {
    let script = Script::new(&[&["127.0.0.1"]]);
    let fetcher = fetcher_with(script.clone(), |config| {
        config.http.egress.deny_hosts = vec!["*.example".to_owned()];
    });
    let error = fetcher.fetch(get("http://secret.example/")).await.unwrap_err();
    assert_eq!(error.code, Code::Denied);
    assert!(error.message.contains("`*.example`"), "{error}");
    assert_eq!(script.questions_left(), 1);
}
