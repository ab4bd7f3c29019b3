//! What a failed request is to the task that made it.

use std::error::Error as StdError;

use ratchet_plugin_api::{Code, Error};
use reqwest::Url;

/// Scheme, host and port: enough to tell a person where, without the path and query, which may
/// hold secrets.
pub(crate) fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// Why there is no answer.
pub(crate) fn of_request(url: &Url, error: reqwest::Error) -> Error {
    let origin = origin(url);
    let error = error.without_url();
    // The resolver's own errors say best what happened.
    let mut cause: Option<&(dyn StdError + 'static)> = Some(&error);
    while let Some(present) = cause {
        if let Some(ours) = present.downcast_ref::<Error>() {
            return ours.clone();
        }
        cause = present.source();
    }
    let (code, what) = if error.is_timeout() {
        (Code::Timeout, format!("no connection to {origin} in time"))
    } else if error.is_builder() {
        (Code::Invalid, format!("the request to {origin} cannot be made"))
    } else if error.is_connect() {
        (Code::Unavailable, format!("no connection to {origin}"))
    } else {
        (Code::Unavailable, format!("the request to {origin} failed"))
    };
    Error::wrap(code, what, &error)
}

/// Why the body ends before its end.
pub(crate) fn of_body(origin: &str, error: reqwest::Error) -> Error {
    let what = if error.is_decode() {
        format!("the body of the answer of {origin} cannot be decoded")
    } else {
        format!("the answer of {origin} broke off")
    };
    Error::wrap(Code::Unavailable, what, &error.without_url())
}
