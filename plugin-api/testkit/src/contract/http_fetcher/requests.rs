//! Requests and their answers.

use std::sync::Arc;

use futures_util::future::join_all;
use ratchet_plugin_api::Code;
use ratchet_plugin_api::services::HttpFetcher;

use super::{Reply, Report, echo, expect, fails, get, header, request, succeeds};
use crate::http_server::{HttpServer, Request};

/// Requests made at the same time.
const CONCURRENT: usize = 32;

const PLAIN: &[u8] = b"a body that was compressed, compressed, compressed";

/// `PLAIN`, compressed with gzip.
const GZIPPED: &[u8] =
    b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x4b\x54\x48\xca\x4f\xa9\x54\x28\xc9\x48\
    \x2c\x51\x28\x4f\x2c\x56\x48\xce\xcf\x2d\x28\x4a\x2d\x2e\x4e\x4d\xd1\xc1\xc1\x06\
    \x00\xae\x52\xc0\xcb\x32\x00\x00\x00";

pub(super) async fn check(fetcher: &Arc<dyn HttpFetcher>, report: &mut Report) {
    let server = echo().await;

    report
        .check("answers a GET", async {
            let url = server.url("/path?query=1");
            let response = succeeds(fetcher.fetch(get(&url)).await)?;
            expect("the status", response.status, 200)?;
            expect("the status text", response.status_text.as_str(), "OK")?;
            expect("the URL", response.url.as_str(), url.as_str())?;
            expect("`redirected`", response.redirected, false)?;
            expect("the target asked for", header(&response, "x-target"), Some("/path?query=1"))
        })
        .await;

    report
        .check("answers an error status like any other", async {
            for (number, words) in [(404, "Not Found"), (500, "Internal Server Error")] {
                let server =
                    HttpServer::start(move |_| async move { Reply::status(number, words) }).await;
                let response = succeeds(fetcher.fetch(get(server.url("/"))).await)?;
                expect("the status", response.status, number)?;
                expect("the status text", response.status_text.as_str(), words)?;
            }
            Ok(())
        })
        .await;

    report
        .check("sends every method", async {
            for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "PURGE"] {
                let response = succeeds(fetcher.fetch(request(method, server.url("/"))).await)?;
                expect("the method", header(&response, "x-method"), Some(method))?;
            }
            Ok(())
        })
        .await;

    report
        .check("sends headers, repeated ones too", async {
            let mut asked = get(server.url("/"));
            for (name, value) in [("x-one", "1"), ("X-Two", "2"), ("x-one", "3")] {
                asked.headers.push((name.to_owned(), value.to_owned()));
            }
            let response = succeeds(fetcher.fetch(asked).await)?;
            let mut seen: Vec<_> =
                header(&response, "x-seen").unwrap_or_default().split(' ').collect();
            // Only the order of values of one name means anything.
            seen.sort_by_key(|pair| pair.split('=').next().map(str::to_owned));
            expect("what arrived", seen, vec!["x-one=1", "x-one=3", "x-two=2"])
        })
        .await;

    report
        .check("sends a body byte by byte as it is", async {
            let body: Vec<u8> = (0..1024 * 1024).map(|index: u32| (index % 251) as u8).collect();
            let mut asked = request("POST", server.url("/"));
            asked.headers.push(("content-type".to_owned(), "application/x-test".to_owned()));
            asked.body = Some(body.clone().into());
            let response = succeeds(fetcher.fetch(asked).await)?;
            expect("the type", header(&response, "x-content-type"), Some("application/x-test"))?;
            expect("whether the body is the same", response.body == body, true)
        })
        .await;

    report
        .check("gives header names in lower case, with repeated ones in order", async {
            let server = HttpServer::start(|_| async {
                Reply::ok("").with("X-Part", "one").with("X-Other", "o").with("x-part", "two")
            })
            .await;
            let response = succeeds(fetcher.fetch(get(server.url("/"))).await)?;
            let parts = response.headers.iter().filter(|(name, _)| name == "x-part");
            let parts: Vec<_> = parts.map(|(_, value)| value.as_str()).collect();
            expect("x-part", parts, vec!["one", "two"])
        })
        .await;

    report
        .check("decodes a compressed body", async {
            let server = HttpServer::start(|request: Request| async move {
                if request.header("accept-encoding").is_some_and(|value| value.contains("gzip")) {
                    Reply::ok(GZIPPED).with("content-encoding", "gzip")
                } else {
                    Reply::ok(PLAIN)
                }
            })
            .await;
            let response = succeeds(fetcher.fetch(get(server.url("/"))).await)?;
            expect("the body", String::from_utf8_lossy(&response.body).as_bytes(), PLAIN)
        })
        .await;

    report
        .check("keeps no cookies from one request to the next", async {
            let server = HttpServer::start(|request: Request| async move {
                let seen = request.header("cookie").unwrap_or("none").to_owned();
                Reply::ok(seen).with("set-cookie", "session=1")
            })
            .await;
            succeeds(fetcher.fetch(get(server.url("/"))).await)?;
            let second = succeeds(fetcher.fetch(get(server.url("/"))).await)?;
            expect("the cookie sent", &second.body[..], b"none")
        })
        .await;

    report
        .check("makes many requests at once", async {
            let all = (0..CONCURRENT).map(|number| {
                let server = &server;
                async move {
                    let mut asked = request("POST", server.url("/"));
                    asked.body = Some(number.to_string().into_bytes().into());
                    let response = succeeds(fetcher.fetch(asked).await)?;
                    expect("the body", response.body, number.to_string().into_bytes().into())
                }
            });
            join_all(all).await.into_iter().collect()
        })
        .await;

    report
        .check("refuses what cannot be requested", async {
            for url in ["", "not a url", "/relative", "ftp://127.0.0.1/", "file:///etc/passwd"] {
                let refused = fails(fetcher.fetch(get(url)).await, Code::Invalid);
                refused.map_err(|why| format!("for the URL `{url}` {why}"))?;
            }
            let refused =
                fails(fetcher.fetch(request("GE T", server.url("/"))).await, Code::Invalid);
            refused.map_err(|why| format!("for the method `GE T` {why}"))?;
            for (name, value) in [("x bad", "1"), ("x-bad", "1\r\nx-injected: 1")] {
                let mut asked = get(server.url("/"));
                asked.headers.push((name.to_owned(), value.to_owned()));
                let refused = fails(fetcher.fetch(asked).await, Code::Invalid);
                refused.map_err(|why| format!("for the header `{name}: {value:?}` {why}"))?;
            }
            Ok(())
        })
        .await;

    report
        .check("is unavailable where nothing listens", async {
            let closed = HttpServer::start(|_| async { Reply::ok("") }).await.vacate().await;
            fails(fetcher.fetch(get(closed)).await, Code::Unavailable)
        })
        .await;
}
