//! What a redirect makes of a request, after the Fetch standard's HTTP-redirect fetch
//! (<https://fetch.spec.whatwg.org/#http-redirect-fetch>).

use ratchet_plugin_api::{Code, Error, Result};
use reqwest::header::{self, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode, Url};

use crate::request::{Outgoing, check_scheme};

/// Headers that describe a body, and go with it.
const BODY_HEADERS: [HeaderName; 4] = [
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_LOCATION,
    header::CONTENT_TYPE,
];

/// Headers that say who is asking, which is nobody else's business.
const CREDENTIALS: [HeaderName; 2] = [header::AUTHORIZATION, header::COOKIE];

/// Whether a response of this status sends its reader elsewhere.
pub(crate) fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Turns `request` into the one that asks at `location`.
///
/// # Errors
/// `Denied` when nothing can be asked there.
pub(crate) fn follow(
    request: &mut Outgoing,
    status: StatusCode,
    location: &HeaderValue,
) -> Result<()> {
    let target = read_location(&request.url, location)?;
    let becomes_get = match status.as_u16() {
        301 | 302 => request.method == Method::POST,
        303 => request.method != Method::GET && request.method != Method::HEAD,
        _ => false,
    };
    if becomes_get {
        request.method = Method::GET;
        request.body = None;
        for name in BODY_HEADERS {
            request.headers.remove(name);
        }
    }
    if target.origin() != request.url.origin() {
        for name in CREDENTIALS {
            request.headers.remove(name);
        }
    }
    request.url = target;
    Ok(())
}

fn read_location(from: &Url, location: &HeaderValue) -> Result<Url> {
    let text = String::from_utf8_lossy(location.as_bytes());
    let refuse = |why: &str| {
        let host = from.host_str().unwrap_or_default();
        let message = format!("{host} redirects to where no task may go: {why}");
        Error::new(Code::Denied, message).with_reason("http.redirect")
    };
    let mut target = from.join(&text).map_err(|error| refuse(&format!("`{text}` ({error})")))?;
    check_scheme(&target).map_err(|why| refuse(&why))?;
    if target.fragment().is_none() {
        target.set_fragment(from.fragment());
    }
    Ok(target)
}
