//! Redirects, as in the Fetch standard (<https://fetch.spec.whatwg.org/#http-redirect-fetch>).

use std::sync::Arc;

use ratchet_plugin_api::Code;
use ratchet_plugin_api::model::Redirect;
use ratchet_plugin_api::services::HttpFetcher;

use super::{Reply, Report, echo, expect, fails, get, header, request, succeeds};
use crate::http_server::{HttpServer, Request};

pub(super) async fn check(fetcher: &Arc<dyn HttpFetcher>, report: &mut Report) {
    let target = echo().await;

    report
        .check("follows a redirect", async {
            let server = HttpServer::start(|request: Request| async move {
                match request.target.as_str() {
                    "/from" => Reply::redirect(302, "/to?a=b"),
                    _ => Reply::ok("there"),
                }
            })
            .await;
            let response = succeeds(fetcher.fetch(get(server.url("/from"))).await)?;
            expect("the body", &response.body[..], b"there")?;
            expect("the URL", response.url, server.url("/to?a=b"))?;
            expect("`redirected`", response.redirected, true)
        })
        .await;

    report
        .check("changes a POST to a GET where the standard says so", async {
            let kept = [(301, "GET"), (302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")];
            for (number, method) in kept {
                let to = target.url("/");
                let server = HttpServer::start(move |_| {
                    let to = to.clone();
                    async move { Reply::redirect(number, to) }
                })
                .await;
                let mut asked = request("POST", server.url("/"));
                asked.body = Some("sent".into());
                let response = succeeds(fetcher.fetch(asked).await)?;
                let what = format!("the method after {number}");
                expect(&what, header(&response, "x-method"), Some(method))?;
                let body: &[u8] = if method == "POST" { b"sent" } else { b"" };
                expect(&format!("the body after {number}"), &response.body[..], body)?;
            }
            Ok(())
        })
        .await;

    report
        .check("takes no credentials along to another origin", async {
            let to = target.url("/");
            let server = HttpServer::start(move |_| {
                let to = to.clone();
                async move { Reply::redirect(307, to) }
            })
            .await;
            let mut asked = get(server.url("/"));
            for name in ["authorization", "cookie"] {
                asked.headers.push((name.to_owned(), "secret".to_owned()));
            }
            let response = succeeds(fetcher.fetch(asked).await)?;
            expect("the credentials sent", header(&response, "x-credentials"), Some("none"))?;
            expect("the cookie sent", header(&response, "x-cookie"), Some("none"))
        })
        .await;

    report
        .check("hands a redirect over when it is asked to", async {
            let server = HttpServer::start(|_| async { Reply::redirect(302, "/to") }).await;
            let mut asked = get(server.url("/from"));
            asked.redirect = Redirect::Manual;
            let response = succeeds(fetcher.fetch(asked).await)?;
            expect("the status", response.status, 302)?;
            expect("the location", header(&response, "location"), Some("/to"))?;
            expect("`redirected`", response.redirected, false)
        })
        .await;

    report
        .check("fails at a redirect when it is asked to", async {
            let server = HttpServer::start(|_| async { Reply::redirect(302, "/to") }).await;
            let mut asked = get(server.url("/from"));
            asked.redirect = Redirect::Error;
            match fetcher.fetch(asked).await {
                Ok(response) => Err(format!("it gave status {}", response.status)),
                Err(_) => expect("requests made", server.counts().now().requests, 1),
            }
        })
        .await;

    report
        .check("ends in a circle of redirects", async {
            let server = HttpServer::start(|_| async { Reply::redirect(302, "/again") }).await;
            fails(fetcher.fetch(get(server.url("/"))).await, Code::LimitExceeded)
        })
        .await;
}
