//! Limits on time and size.

use std::sync::Arc;
use std::time::Duration;

use ratchet_plugin_api::services::HttpFetcher;
use ratchet_plugin_api::{Call, Code, Error, Stream};

use super::{Reply, Report, expect, fails, get, rest, succeeds};
use crate::http_server::HttpServer;

/// The body's size, and a limit just too small for it.
const SIZE: usize = 100_000;

/// A limit that has to be reached for a check to pass.
const SHORT: Duration = Duration::from_millis(50);

pub(super) async fn check(fetcher: &Arc<dyn HttpFetcher>, report: &mut Report) {
    let server = HttpServer::start(|_| async { Reply::ok(vec![b'x'; SIZE]) }).await;
    let silent = HttpServer::start(|_| std::future::pending()).await;

    report
        .check("accepts a body up to the limit", async {
            let mut asked = get(server.url("/"));
            asked.max_body_bytes = Some(SIZE as u64);
            let response = succeeds(fetcher.fetch(asked).await)?;
            expect("the size of the body", response.body.len(), SIZE)
        })
        .await;

    report
        .check("refuses a body over the limit", async {
            let mut asked = get(server.url("/"));
            asked.max_body_bytes = Some(SIZE as u64 - 1);
            fails(fetcher.fetch(asked.clone()).await.map(drop), Code::LimitExceeded)?;
            let streamed = async { rest_of(fetcher.open(asked).await?).await };
            fails(streamed.await.map(drop), Code::LimitExceeded)
                .map_err(|why| format!("when streamed, {why}"))
        })
        .await;

    report
        .check("gives up a server that does not answer", async {
            let mut asked = get(silent.url("/"));
            asked.timeout_ms = Some(SHORT.as_millis() as u64);
            fails(fetcher.fetch(asked).await, Code::Timeout)
        })
        .await;

    report
        .check("gives up a body that does not end", async {
            let server = HttpServer::start(|_| async {
                let (sender, pieces) = Stream::channel(1);
                tokio::spawn(async move {
                    let _ = sender.send(Ok("begun".into())).await;
                    sender.closed().await;
                });
                Reply::pieces(pieces)
            })
            .await;
            let mut asked = get(server.url("/"));
            asked.timeout_ms = Some(SHORT.as_millis() as u64);
            fails(fetcher.fetch(asked.clone()).await, Code::Timeout)?;
            let streamed = async { rest_of(fetcher.open(asked).await?).await };
            fails(streamed.await, Code::Timeout).map_err(|why| format!("when streamed, {why}"))
        })
        .await;

    report
        .check("keeps the caller's deadline", async {
            let fetched = Call::timeout(SHORT, fetcher.fetch(get(silent.url("/")))).await;
            fails(fetched, Code::Timeout)
        })
        .await;

    report
        .check("is unavailable when the body breaks off", async {
            let server = HttpServer::start(|_| async {
                let (sender, pieces) = Stream::channel(2);
                let _ = sender.send(Ok("begun".into())).await;
                let _ = sender.send(Err(Error::internal("broken off"))).await;
                Reply::pieces(pieces)
            })
            .await;
            fails(fetcher.fetch(get(server.url("/"))).await, Code::Unavailable)?;
            let streamed = async { rest_of(fetcher.open(get(server.url("/"))).await?).await };
            fails(streamed.await, Code::Unavailable).map_err(|why| format!("when streamed, {why}"))
        })
        .await;
}

/// The body of a stream whose head may have come or not.
async fn rest_of(
    mut stream: Stream<ratchet_plugin_api::model::FetchPart>,
) -> ratchet_plugin_api::Result<Vec<u8>> {
    match stream.next().await {
        Some(Err(error)) => Err(error),
        _ => rest(&mut stream).await,
    }
}
