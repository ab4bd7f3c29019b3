//! Redirects pass the policy like first requests, and change requests as the standard says.

use ratchet_plugin_api::Code;
use ratchet_plugin_api::model::Redirect;
use ratchet_testkit::http_server::{HttpServer, Reply, Request};

use super::{Script, fetcher, fetcher_with, get};

async fn redirecting_to(location: &str) -> HttpServer {
    let location = location.to_owned();
    HttpServer::start(move |_| {
        let location = location.clone();
        async move { Reply::redirect(302, location) }
    })
    .await
}

#[tokio::test]
async fn a_redirect_to_a_private_address_is_denied() {
    let fetcher = fetcher(|_| {});
    for location in [
        "http://127.0.0.2/",
        "http://2130706434/",
        "//10.0.0.1/",
        "http://[::1]/",
        "http://[::ffff:169.254.169.254]/latest/meta-data",
        "https://192.168.0.1/",
    ] {
        let server = redirecting_to(location).await;
        let error = fetcher.fetch(get(server.url("/"))).await.unwrap_err();
        assert_eq!(error.code, Code::Denied, "{location}: {error}");
        assert_eq!(error.reason.as_deref(), Some("egress.range"));
        assert_eq!(server.counts().now().requests, 1);
    }
}

#[tokio::test]
async fn a_redirect_to_a_name_with_a_private_address_is_denied() {
    let server = redirecting_to("http://inside.example/").await;
    let fetcher = fetcher_with(Script::new(&[&["10.1.2.3"]]), |_| {});
    let error = fetcher.fetch(get(server.url("/"))).await.unwrap_err();
    assert_eq!(error.code, Code::Denied);
    assert!(error.message.contains("inside.example"), "{error}");
}

#[tokio::test]
async fn a_redirect_to_a_port_or_host_that_is_not_allowed_is_denied() {
    let server = redirecting_to("http://127.0.0.1:1/").await;
    let port = server.address().port();
    let ports = fetcher(|config| config.http.egress.allow_ports = vec![port]);
    let error = ports.fetch(get(server.url("/"))).await.unwrap_err();
    assert_eq!((error.code, error.reason.as_deref()), (Code::Denied, Some("egress.port")));

    let server = redirecting_to("http://other.example/").await;
    let hosts = fetcher(|config| config.http.egress.allow_hosts = vec!["127.0.0.1".to_owned()]);
    let error = hosts.fetch(get(server.url("/"))).await.unwrap_err();
    assert_eq!((error.code, error.reason.as_deref()), (Code::Denied, Some("egress.host")));
}

#[tokio::test]
async fn a_redirect_that_cannot_be_followed_is_denied() {
    let fetcher = fetcher(|_| {});
    for location in ["file:///etc/passwd", "ftp://example.com/", "http://", "http://a:b@127.0.0.1/"]
    {
        let server = redirecting_to(location).await;
        let error = fetcher.fetch(get(server.url("/"))).await.unwrap_err();
        assert_eq!(error.code, Code::Denied, "{location}: {error}");
        assert!(error.message.contains("redirects"), "{error}");
    }
}

#[tokio::test]
async fn the_limit_is_the_number_of_redirects_followed() {
    let server = HttpServer::start(|request: Request| async move {
        match request.target[1..].parse::<u32>() {
            Ok(0) => Reply::ok("arrived"),
            Ok(left) => Reply::redirect(307, format!("/{}", left - 1)),
            Err(_) => Reply::status(404, "Not Found"),
        }
    })
    .await;
    let fetcher = fetcher(|config| config.http.max_redirects = 3);
    assert_eq!(&fetcher.fetch(get(server.url("/3"))).await.unwrap().body[..], b"arrived");
    let error = fetcher.fetch(get(server.url("/4"))).await.unwrap_err();
    assert_eq!(error.code, Code::LimitExceeded);
    assert_eq!(error.reason.as_deref(), Some("http.redirects"));
    assert!(error.message.contains("3 redirects"), "{error}");
}

#[tokio::test]
async fn a_redirecting_status_without_a_location_is_an_answer() {
    let server = HttpServer::start(|_| async { Reply::status(302, "Found") }).await;
    let response = fetcher(|_| {}).fetch(get(server.url("/"))).await.unwrap();
    assert_eq!((response.status, response.redirected), (302, false));
}

#[tokio::test]
async fn not_modified_is_an_answer_whatever_it_says() {
    let server = HttpServer::start(|_| async { Reply::redirect(304, "/elsewhere") }).await;
    assert_eq!(fetcher(|_| {}).fetch(get(server.url("/"))).await.unwrap().status, 304);
}

#[tokio::test]
async fn a_post_that_becomes_a_get_loses_what_described_its_body() {
    let server = HttpServer::start(|request: Request| async move {
        match request.target.as_str() {
            "/from" => Reply::redirect(303, "/to"),
            _ => {
                let seen = request.headers.iter().filter(|(name, _)| name.starts_with("content-"));
                let kept = request.header("x-kept").unwrap_or("lost");
                let credentials = request.header("authorization").unwrap_or("lost");
                Reply::ok(format!("{} {} {kept} {credentials}", request.method, seen.count()))
            }
        }
    })
    .await;
    let mut request = get(server.url("/from"));
    request.method = "PUT".to_owned();
    request.body = Some("{}".into());
    for (name, value) in [
        ("content-type", "application/json"),
        ("content-language", "en"),
        ("x-kept", "kept"),
        ("authorization", "credentials"),
    ] {
        request.headers.push((name.to_owned(), value.to_owned()));
    }
    let response = fetcher(|_| {}).fetch(request).await.unwrap();
    // The origin is the same, so the credentials go along.
    assert_eq!(String::from_utf8_lossy(&response.body), "GET 0 kept credentials");
}

#[tokio::test]
async fn head_stays_head() {
    let server = HttpServer::start(|request: Request| async move {
        match request.target.as_str() {
            "/from" => Reply::redirect(303, "/to"),
            _ => Reply::ok("").with("x-method", request.method.clone()),
        }
    })
    .await;
    let mut request = get(server.url("/from"));
    request.method = "HEAD".to_owned();
    let response = fetcher(|_| {}).fetch(request).await.unwrap();
    assert_eq!(super::header(&response, "x-method"), Some("HEAD"));
}

#[tokio::test]
async fn refusing_to_follow_is_said_so() {
    let server = redirecting_to("/to").await;
    let mut request = get(server.url("/"));
    request.redirect = Redirect::Error;
    let error = fetcher(|_| {}).fetch(request).await.unwrap_err();
    assert_eq!((error.code, error.reason.as_deref()), (Code::Denied, Some("http.redirect")));
}
