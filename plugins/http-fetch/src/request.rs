//! Reads a task's request, and refuses what cannot or must not be sent.

use bytes::Bytes;
use ratchet_plugin_api::model::{FetchRequest, Redirect};
use ratchet_plugin_api::{Error, Result};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};

/// Headers that belong to the connection, which is the fetcher's.
const CONNECTION_HEADERS: [&str; 10] = [
    "connection",
    "expect",
    "http2-settings",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Methods that make something else of the connection than a request and its answer.
const FORBIDDEN_METHODS: [&str; 3] = ["CONNECT", "TRACE", "TRACK"];

/// A request that can be sent, and sent again after a redirect.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Bytes>,
    pub(crate) redirect: Redirect,
}

impl Outgoing {
    /// # Errors
    /// `Invalid`, saying what about the request is wrong.
    pub(crate) fn read(request: FetchRequest) -> Result<Self> {
        let url = read_url(&request.url)?;
        let method = read_method(&request.method)?;
        let length = request.body.as_ref().map_or(0, Bytes::len);
        let mut headers = HeaderMap::new();
        for (name, value) in request.headers {
            if let Some((name, value)) = read_header(&url, length, &name, value)? {
                headers.append(name, value);
            }
        }
        Ok(Self { method, url, headers, body: request.body, redirect: request.redirect })
    }
}

fn read_url(text: &str) -> Result<Url> {
    let url = Url::parse(text)
        .map_err(|error| Error::invalid(format!("`{text}` is not an absolute URL: {error}")))?;
    check_scheme(&url).map_err(Error::invalid)?;
    Ok(url)
}

/// Says what is wrong with a URL that cannot be requested, whoever named it.
pub(crate) fn check_scheme(url: &Url) -> Result<(), String> {
    if !matches!(url.scheme(), "http" | "https") {
        let scheme = url.scheme();
        return Err(format!("`{scheme}` URLs cannot be fetched; `http` and `https` ones can"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        let host = url.host_str().unwrap_or_default();
        return Err(format!(
            "the URL for {host} carries a user name or password; send an Authorization header"
        ));
    }
    Ok(())
}

fn read_method(text: &str) -> Result<Method> {
    let method = Method::from_bytes(text.as_bytes())
        .map_err(|_| Error::invalid(format!("`{text}` is not an HTTP method")))?;
    if FORBIDDEN_METHODS.iter().any(|name| name.eq_ignore_ascii_case(text)) {
        return Err(Error::invalid(format!("the method {method} cannot be used by tasks")));
    }
    Ok(method)
}

/// The header as it is sent; none where the client sends the same by itself.
fn read_header(
    url: &Url,
    body_length: usize,
    name: &str,
    value: String,
) -> Result<Option<(HeaderName, HeaderValue)>> {
    let name: HeaderName =
        name.parse().map_err(|_| Error::invalid(format!("`{name}` is not a header name")))?;
    let text = value.trim_matches([' ', '\t', '\r', '\n']);
    if CONNECTION_HEADERS.contains(&name.as_str()) {
        return Err(Error::invalid(format!("the header `{name}` is not a task's to set")));
    }
    if name == "content-length" {
        return match text.parse::<usize>() {
            Ok(length) if body_length == length => Ok(None),
            _ => Err(Error::invalid(format!(
                "the header `content-length` says `{text}`, but the body has {body_length} bytes; \
                 leave it out"
            ))),
        };
    }
    if name == "host" {
        // Another name than the URL's would get around rules about hosts.
        return if text.eq_ignore_ascii_case(&authority(url)) {
            Ok(None)
        } else {
            Err(Error::invalid(format!(
                "the header `host` says `{text}`, but the URL says `{}`; leave it out",
                authority(url)
            )))
        };
    }
    match HeaderValue::from_bytes(text.as_bytes()) {
        Ok(value) => Ok(Some((name, value))),
        Err(_) => Err(Error::invalid(format!(
            "the value of the header `{name}` has characters that no header may have"
        ))),
    }
}

fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}
