//! One request from its first hop to its last, under one deadline.

use std::sync::Arc;
use std::time::Duration;

use ratchet_plugin_api::model::{FetchPart, FetchRequest, FetchResponse, Redirect};
use ratchet_plugin_api::{Code, Error, Result, Stream};
use reqwest::header;
use tokio::time::Instant;

use crate::body::BodyReader;
use crate::client::Client;
use crate::failure;
use crate::redirect;
use crate::request::Outgoing;

/// When a request has to be over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    at: Instant,
    timeout: Duration,
}

impl Deadline {
    fn after(timeout: Duration) -> Self {
        Self { at: Instant::now() + timeout, timeout }
    }

    /// Ends `future` with `Timeout` when the deadline passes.
    pub(crate) async fn limit<T>(
        &self,
        origin: &str,
        future: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        tokio::time::timeout_at(self.at, future).await.unwrap_or_else(|_| {
            let message = format!("no whole answer from {origin} within {:?}", self.timeout);
            Err(Error::new(Code::Timeout, message).with_reason("http.timeout"))
        })
    }
}

/// A request whose answer has begun.
pub(crate) struct Exchange {
    head: FetchResponse,
    body: BodyReader,
}

impl Exchange {
    /// Sends the request, follows redirects as it asks, and waits for the head of the answer.
    ///
    /// # Errors
    /// As [`HttpFetcher`](ratchet_plugin_api::services::HttpFetcher) says.
    pub(crate) async fn begin(client: Arc<Client>, request: FetchRequest) -> Result<Self> {
        let deadline = Deadline::after(client.timeout(request.timeout_ms));
        let most = client.max_body_bytes(request.max_body_bytes);
        let request = Outgoing::read(request)?;
        let origin = failure::origin(&request.url);
        let (response, redirected) = deadline.limit(&origin, answer(&client, request)).await?;
        let head = head(&response, redirected);
        Ok(Self { head, body: BodyReader::new(response, most, deadline)? })
    }

    /// The answer with its whole body.
    ///
    /// # Errors
    /// `Timeout`, `LimitExceeded` and `Unavailable`, as the body arrives.
    pub(crate) async fn collect(mut self) -> Result<FetchResponse> {
        self.head.body = self.body.collect().await?;
        Ok(self.head)
    }

    /// The answer, with its body as it arrives.
    pub(crate) fn stream(self) -> Stream<FetchPart> {
        Stream::new(futures_util::stream::try_unfold(
            (Some(self.head), self.body),
            |(head, mut body)| async move {
                let part = match head {
                    Some(head) => Some(FetchPart::Head(head)),
                    None => body.next().await?.map(FetchPart::Chunk),
                };
                Ok(part.map(|part| (part, (None, body))))
            },
        ))
    }
}

/// The answer that is no redirect, or none to be followed; and whether one was.
async fn answer(client: &Client, mut request: Outgoing) -> Result<(reqwest::Response, bool)> {
    let mut redirects = 0;
    loop {
        client.policy().check_url(&request.url)?;
        let response = send(client, &request).await?;
        let location = response.headers().get(header::LOCATION);
        let (Some(location), true) = (location, redirect::is_redirect(response.status())) else {
            return Ok((response, redirects > 0));
        };
        match request.redirect {
            Redirect::Manual => return Ok((response, redirects > 0)),
            Redirect::Error => {
                let origin = failure::origin(&request.url);
                let message = format!("{origin} redirects, and the request says not to follow");
                return Err(Error::new(Code::Denied, message).with_reason("http.redirect"));
            }
            Redirect::Follow => {}
        }
        let most = client.max_redirects();
        if redirects >= most {
            let origin = failure::origin(&request.url);
            let message = format!("{origin} redirects once more after {most} redirects");
            return Err(Error::new(Code::LimitExceeded, message).with_reason("http.redirects"));
        }
        redirects += 1;
        redirect::follow(&mut request, response.status(), location)?;
    }
}

async fn send(client: &Client, request: &Outgoing) -> Result<reqwest::Response> {
    let began = Instant::now();
    let mut sent = reqwest::Request::new(request.method.clone(), request.url.clone());
    *sent.headers_mut() = request.headers.clone();
    *sent.body_mut() = request.body.clone().map(Into::into);
    let outcome = client.http()?.execute(sent).await;
    let outcome = outcome.map_err(|error| failure::of_request(&request.url, error));
    let elapsed_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
    // Paths and queries may hold what is nobody's business.
    let (method, origin) = (request.method.as_str(), failure::origin(&request.url));
    match &outcome {
        Ok(response) => {
            let status = response.status().as_u16();
            tracing::debug!(method, origin, status, elapsed_us, "answered");
        }
        Err(error) => {
            tracing::debug!(method, origin, code = error.code.as_str(), elapsed_us, "{error}");
        }
    }
    outcome
}

fn head(response: &reqwest::Response, redirected: bool) -> FetchResponse {
    let status = response.status();
    let mut url = response.url().clone();
    url.set_fragment(None);
    let headers = response.headers().iter().map(|(name, value)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    FetchResponse {
        status: status.as_u16(),
        status_text: status.canonical_reason().unwrap_or_default().to_owned(),
        url: url.into(),
        redirected,
        headers: headers.collect(),
        body: bytes::Bytes::new(),
    }
}
