//! Streamed answers and cancellation.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use ratchet_plugin_api::services::HttpFetcher;
use ratchet_plugin_api::{Stream, StreamSender};

use super::{Reply, Report, chunk, expect, get, head, header, rest, succeeds};
use crate::http_server::HttpServer;

pub(super) async fn check(fetcher: &Arc<dyn HttpFetcher>, report: &mut Report) {
    report
        .check("streams the head and then the body", async {
            let server = HttpServer::start(|_| async { Reply::ok("body").with("x-a", "b") }).await;
            let mut stream = succeeds(fetcher.open(get(server.url("/path"))).await)?;
            let head = head(&mut stream).await?;
            expect("the status", head.status, 200)?;
            expect("the URL", head.url.as_str(), server.url("/path").as_str())?;
            expect("the header", header(&head, "x-a"), Some("b"))?;
            expect("the body in the head", head.body.len(), 0)?;
            expect("the body", &succeeds(rest(&mut stream).await)?[..], b"body")
        })
        .await;

    report
        .check("hands a body over as it arrives", async {
            let (server, feed) = fed_server().await;
            let mut stream = succeeds(fetcher.open(get(server.url("/"))).await)?;
            head(&mut stream).await?;
            for piece in ["one", "two", "three"] {
                let _ = feed.send(Ok(piece.into())).await;
                let arrived = succeeds(chunk(&mut stream).await)?;
                expect("the piece", arrived.as_deref(), Some(piece.as_bytes()))?;
            }
            drop(feed);
            expect("what follows the last piece", succeeds(chunk(&mut stream).await)?, None)
        })
        .await;

    report
        .check("hangs up when a stream is dropped", async {
            let (server, feed) = fed_server().await;
            let mut stream = succeeds(fetcher.open(get(server.url("/"))).await)?;
            let _ = feed.send(Ok("begun".into())).await;
            head(&mut stream).await?;
            expect("connections made", server.counts().now().connections, 1)?;
            drop(stream);
            server.counts().until(|counts| counts.closed == 1).await;
            Ok(())
        })
        .await;

    report
        .check("hangs up when a call is dropped", async {
            let server = HttpServer::start(|_| std::future::pending()).await;
            let fetching = fetcher.fetch(get(server.url("/")));
            tokio::select! {
                fetched = fetching => return Err(format!("it gave {fetched:?}")),
                _ = server.counts().until(|counts| counts.requests == 1) => {}
            }
            server.counts().until(|counts| counts.closed == 1).await;
            Ok(())
        })
        .await;
}

/// A server whose one answer is fed by the check.
async fn fed_server() -> (HttpServer, StreamSender<Bytes>) {
    let (feed, pieces) = Stream::channel(1);
    let pieces = Mutex::new(Some(pieces));
    let server = HttpServer::start(move |_| {
        let pieces = pieces.lock().unwrap_or_else(PoisonError::into_inner).take();
        async move {
            match pieces {
                Some(pieces) => Reply::pieces(pieces),
                None => Reply::status(500, "Asked Twice"),
            }
        }
    })
    .await;
    (server, feed)
}
