//! HTTP as tasks see it: requests, responses, mocks and recordings.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Json, Timestamp};

/// One request a task makes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchRequest {
    /// The method, upper case.
    pub method: String,
    /// An absolute `http` or `https` URL.
    pub url: String,
    /// Header names and values, in order, repeated names allowed.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// The body, if the request has one.
    #[serde(default)]
    pub body: Option<Bytes>,
    /// What to do with a redirect.
    #[serde(default)]
    pub redirect: Redirect,
    /// Milliseconds for the whole exchange; absent means the configured limit, which also caps it.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
    /// Bytes of body to accept; absent means the configured limit, which also caps it.
    #[serde(default)]
    pub max_body_bytes: Option<u64>,
}

/// What to do when a response redirects, named as in the Fetch standard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Redirect {
    /// Go where it leads, up to the configured number of times.
    #[default]
    Follow,
    /// Fail.
    Error,
    /// Hand the redirecting response to the task.
    Manual,
}

/// The answer to a [`FetchRequest`], whatever its status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchResponse {
    /// The status code.
    pub status: u16,
    /// The status in words, such as `Not Found`.
    #[serde(default)]
    pub status_text: String,
    /// The URL that answered, after redirects.
    pub url: String,
    /// Whether a redirect was followed.
    #[serde(default)]
    pub redirected: bool,
    /// Header names in lower case and values, in order.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// The body, decoded from its content encoding.
    #[serde(default)]
    pub body: Bytes,
}

/// A piece of a streamed response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FetchPart {
    /// Comes first, once: everything but the body (which is empty in it).
    Head(FetchResponse),
    /// A piece of the body.
    Chunk(Bytes),
}

/// Where a run's `fetch` leads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FetchPolicy {
    /// To the network, through the HTTP fetcher and its egress policy.
    #[default]
    Live,
    /// Nowhere: each `fetch` fails.
    Denied,
    /// To these answers and nowhere else.
    Mocked(Vec<FetchMock>),
}

/// A prepared answer. A request is answered by the first mock that matches it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchMock {
    /// The method it answers, upper case; absent means any.
    #[serde(default)]
    pub method: Option<String>,
    /// The URL it answers: exact, or with `*` for any run of characters.
    pub url: String,
    /// Answer this request only if its body is this JSON document.
    #[serde(default)]
    pub request_body: Option<Json>,
    /// Milliseconds to wait before answering.
    #[serde(default)]
    pub delay_ms: u64,
    /// How many times it answers before the next mock that matches takes over; absent means for
    /// ever.
    #[serde(default)]
    pub times: Option<u32>,
    /// What it answers.
    pub reply: MockReply,
}

/// What a mock answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MockReply {
    /// A response.
    Response(FetchResponse),
    /// A transport failure with this message.
    Failure(String),
}

/// A request and what came of it, as recordings keep it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpExchange {
    /// When the request was started.
    pub started: Timestamp,
    /// Microseconds until it was answered or failed.
    pub elapsed_us: u64,
    /// What was asked.
    pub request: FetchRequest,
    /// What was answered; absent if it failed or was given up.
    #[serde(default)]
    pub response: Option<FetchResponse>,
    /// Why there is no response.
    #[serde(default)]
    pub error: Option<String>,
    /// Whether a mock answered.
    #[serde(default)]
    pub mocked: bool,
}
