//! What every HTTP fetcher must do.

mod limits;
mod redirects;
mod requests;
mod streams;

use std::sync::Arc;

use bytes::Bytes;
use ratchet_plugin_api::model::{FetchPart, FetchRequest, FetchResponse, Redirect};
use ratchet_plugin_api::services::HttpFetcher;
use ratchet_plugin_api::{Error, Result, Stream};

use super::{Report, expect, fails, succeeds, through_waist};
use crate::http_server::{HttpServer, Reply, Request};

/// Checks a fetcher against servers on loopback ports, to which its policy has to let it. Its
/// configured limits have to allow 2 MiB of body, 5 redirects and 10 seconds.
///
/// # Panics
/// Outside of a tokio runtime.
pub async fn http_fetcher(fetcher: Arc<dyn HttpFetcher>) -> Report {
    let fetcher = through_waist::<dyn HttpFetcher>(fetcher);
    let mut report = Report::new("ratchet.http-fetcher");
    requests::check(&fetcher, &mut report).await;
    redirects::check(&fetcher, &mut report).await;
    limits::check(&fetcher, &mut report).await;
    streams::check(&fetcher, &mut report).await;
    report
}

fn get(url: impl Into<String>) -> FetchRequest {
    request("GET", url)
}

fn request(method: &str, url: impl Into<String>) -> FetchRequest {
    FetchRequest {
        method: method.to_owned(),
        url: url.into(),
        headers: Vec::new(),
        body: None,
        redirect: Redirect::Follow,
        timeout_ms: None,
        max_body_bytes: None,
    }
}

/// The first value of a response's header.
fn header<'a>(response: &'a FetchResponse, name: &str) -> Option<&'a str> {
    let mut headers = response.headers.iter();
    headers.find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// A server that answers with what it was asked: the method and the named header in headers, the
/// body as the body.
async fn echo() -> HttpServer {
    HttpServer::start(|request: Request| async move {
        let seen = request.headers.iter().filter(|(name, _)| name.starts_with("x-"));
        let seen: Vec<_> = seen.map(|(name, value)| format!("{name}={value}")).collect();
        Reply::ok(request.body.clone())
            .with("x-method", request.method.clone())
            .with("x-target", request.target.clone())
            .with("x-seen", seen.join(" "))
            .with("x-credentials", request.header("authorization").unwrap_or("none"))
            .with("x-cookie", request.header("cookie").unwrap_or("none"))
            .with("x-content-type", request.header("content-type").unwrap_or("none"))
    })
    .await
}

/// The head of a streamed response.
async fn head(stream: &mut Stream<FetchPart>) -> Result<FetchResponse, String> {
    match stream.next().await {
        Some(Ok(FetchPart::Head(head))) => Ok(head),
        Some(Ok(FetchPart::Chunk(_))) => Err("a chunk came before the head".to_owned()),
        Some(Err(error)) => Err(format!("the stream began with {error}")),
        None => Err("the stream ended before its head".to_owned()),
    }
}

/// The next piece of a streamed body; none at its end.
async fn chunk(stream: &mut Stream<FetchPart>) -> Result<Option<Bytes>> {
    match stream.next().await {
        None => Ok(None),
        Some(Ok(FetchPart::Chunk(bytes))) => Ok(Some(bytes)),
        Some(Ok(FetchPart::Head(_))) => Err(Error::internal("a second head")),
        Some(Err(error)) => Err(error),
    }
}

/// The rest of a streamed body.
async fn rest(stream: &mut Stream<FetchPart>) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(bytes) = chunk(stream).await? {
        body.extend_from_slice(&bytes);
    }
    Ok(body)
}
