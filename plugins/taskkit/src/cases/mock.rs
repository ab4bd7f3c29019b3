//! Mocks for `fetch`, in the forms they are written in.
//!
//! A map has `"METHOD:URL"` as its keys and, as its values, either a response
//! (`{status, headers, body, delay_ms, times, error}`) or, in the older form, just the body. A list
//! has objects with `method` and `url` beside those. A URL is matched exactly, with `*` for any
//! run of characters.

use bytes::Bytes;
use http::StatusCode;
use ratchet_plugin_api::model::{FetchMock, FetchResponse, Json, MockReply};
use serde_json::{Map, Value};

use super::check_keys;

/// The keys of a response.
const RESPONSE_KEYS: [&str; 7] =
    ["status", "status_text", "headers", "body", "delay_ms", "times", "error"];

/// The methods a mock may name.
const METHODS: [&str; 7] = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"];

/// Reads the `mocks` of a test case.
///
/// # Errors
/// What is wrong with the first that is.
pub(super) fn read(mocks: &Value) -> Result<Vec<FetchMock>, String> {
    match mocks {
        Value::Object(map) => read_map(map),
        Value::Array(list) => list
            .iter()
            .enumerate()
            .map(|(index, mock)| read_listed(mock).map_err(|e| format!("mock {}: {e}", index + 1)))
            .collect(),
        _ => Err("`mocks` is a map from \"METHOD:URL\" to a response, or a list".to_owned()),
    }
}

fn read_map(map: &Map<String, Value>) -> Result<Vec<FetchMock>, String> {
    let mut mocks = Vec::new();
    let mut loose = Vec::new();
    for (key, value) in map {
        let wrong = |message: String| format!("mock `{key}`: {message}");
        let (method, url) = read_key(key).map_err(wrong)?;
        match value {
            Value::Object(fields) if is_response(fields) => {
                mocks.push(response(method, url, fields).map_err(wrong)?);
            }
            body => {
                let mut fields = Map::new();
                fields.insert("body".to_owned(), body.clone());
                let mock = response(method, url, &fields).map_err(wrong)?;
                // A bare body also answers URLs that its own is a part of, after all exact ones.
                if !mock.url.contains('*') {
                    loose.push(FetchMock { url: format!("*{}*", mock.url), ..mock.clone() });
                }
                mocks.push(mock);
            }
        }
    }
    mocks.extend(loose);
    Ok(mocks)
}

/// `GET:https://…`, `GET https://…`, or a URL alone for any method.
fn read_key(key: &str) -> Result<(Option<String>, String), String> {
    let parts = key.split_once([':', ' ']).filter(|(method, rest)| {
        !rest.starts_with("//") && method.chars().all(|letter| letter.is_ascii_alphabetic())
    });
    match parts {
        Some((method, url)) => Ok((Some(read_method(method)?), url.trim().to_owned())),
        None => Ok((None, key.to_owned())),
    }
}

fn read_method(method: &str) -> Result<String, String> {
    let upper = method.to_ascii_uppercase();
    if METHODS.contains(&upper.as_str()) {
        Ok(upper)
    } else {
        Err(format!("`{method}` is not a method; the methods are {}", METHODS.join(", ")))
    }
}

/// Whether an object is a response and not a body: it has nothing but a response's keys, in a
/// response's types.
fn is_response(fields: &Map<String, Value>) -> bool {
    let all_known = fields.keys().all(|key| RESPONSE_KEYS.contains(&key.as_str()));
    let says_something = ["status", "body", "error"].iter().any(|key| fields.contains_key(*key));
    let status_fits = fields.get("status").is_none_or(Value::is_u64);
    let error_fits = fields.get("error").is_none_or(Value::is_string);
    all_known && says_something && status_fits && error_fits
}

fn read_listed(mock: &Value) -> Result<FetchMock, String> {
    let Value::Object(fields) = mock else {
        return Err("it is an object with a `url`".to_owned());
    };
    let known: Vec<&str> =
        ["method", "url", "request_body"].into_iter().chain(RESPONSE_KEYS).collect();
    check_keys(fields, &known)?;
    let url = text(fields, "url")?.ok_or("it has no `url`")?;
    let method = match text(fields, "method")? {
        None => None,
        Some(any) if any == "*" => None,
        Some(method) => Some(read_method(&method)?),
    };
    let request_body = fields.get("request_body").map(|body| Json::from(body.clone()));
    Ok(FetchMock { request_body, ..response(method, url, fields)? })
}

fn response(
    method: Option<String>,
    url: String,
    fields: &Map<String, Value>,
) -> Result<FetchMock, String> {
    if url.is_empty() {
        return Err("its URL is empty".to_owned());
    }
    let delay_ms = whole(fields, "delay_ms")?.unwrap_or(0);
    let times = match whole(fields, "times")? {
        None => None,
        Some(0) => return Err("`times` is 0; it is at least 1".to_owned()),
        Some(times) => Some(u32::try_from(times).map_err(|_| "`times` is too large")?),
    };
    let reply = match text(fields, "error")? {
        Some(_) if fields.contains_key("status") || fields.contains_key("body") => {
            return Err("it has an `error` and a response; keep one".to_owned());
        }
        Some(message) => MockReply::Failure(message),
        None => MockReply::Response(read_response(fields)?),
    };
    Ok(FetchMock { method, url, request_body: None, delay_ms, times, reply })
}

fn read_response(fields: &Map<String, Value>) -> Result<FetchResponse, String> {
    let status = whole(fields, "status")?.unwrap_or(200);
    let status = u16::try_from(status)
        .ok()
        .and_then(|status| StatusCode::from_u16(status).ok())
        .filter(|status| status.as_u16() < 600)
        .ok_or_else(|| format!("`status` is {status}; a status is from 100 to 599"))?;
    let status_text = text(fields, "status_text")?
        .or_else(|| status.canonical_reason().map(str::to_owned))
        .unwrap_or_default();
    let mut headers = read_headers(fields.get("headers"))?;
    let (body, content_type) = match fields.get("body") {
        None => (String::new(), None),
        Some(Value::String(text)) => (text.clone(), Some("text/plain; charset=utf-8")),
        Some(json) => (json.to_string(), Some("application/json")),
    };
    if let Some(content_type) = content_type
        && !headers.iter().any(|(name, _)| name == "content-type")
    {
        headers.push(("content-type".to_owned(), content_type.to_owned()));
    }
    Ok(FetchResponse {
        status: status.as_u16(),
        status_text,
        // That of the request: a mock's own may stand for many.
        url: String::new(),
        redirected: false,
        headers,
        body: Bytes::from(body),
    })
}

/// `{"name": "value"}`, with a list of values where a header is repeated.
fn read_headers(headers: Option<&Value>) -> Result<Vec<(String, String)>, String> {
    let fields = match headers {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Object(fields)) => fields,
        Some(_) => return Err("`headers` is an object from names to values".to_owned()),
    };
    let mut headers = Vec::new();
    for (name, value) in fields {
        let values = match value {
            Value::Array(values) => values.as_slice(),
            one => std::slice::from_ref(one),
        };
        for value in values {
            let value = match value {
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                _ => return Err(format!("the header `{name}` is text or a list of texts")),
            };
            headers.push((name.to_ascii_lowercase(), value));
        }
    }
    Ok(headers)
}

fn text(fields: &Map<String, Value>, key: &str) -> Result<Option<String>, String> {
    match fields.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(other) => Err(format!("`{key}` is {other}; it is text")),
    }
}

fn whole(fields: &Map<String, Value>, key: &str) -> Result<Option<u64>, String> {
    match fields.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_u64() {
            Some(number) => Ok(Some(number)),
            None => Err(format!("`{key}` is {value}; it is a whole number")),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reply(mock: &FetchMock) -> &FetchResponse {
        match &mock.reply {
            MockReply::Response(response) => response,
            MockReply::Failure(message) => panic!("a failure: {message}"),
        }
    }

    #[test]
    fn a_bare_body_answers_exactly_first_and_then_parts() {
        let mocks = read(&json!({
            "GET:https://a.test/x": {"temperature": 20},
            "POST:https://a.test/y": "text",
        }))
        .unwrap();
        let urls: Vec<_> = mocks.iter().map(|mock| mock.url.as_str()).collect();
        assert_eq!(
            urls,
            ["https://a.test/x", "https://a.test/y", "*https://a.test/x*", "*https://a.test/y*"]
        );
        assert_eq!(mocks[0].method.as_deref(), Some("GET"));
        assert_eq!(reply(&mocks[0]).body, r#"{"temperature":20}"#);
        assert_eq!(reply(&mocks[0]).status_text, "OK");
        assert_eq!(reply(&mocks[1]).body, "text");
    }

    #[test]
    fn a_response_has_status_headers_and_body() {
        let mocks = read(&json!({
            "GET https://a.test/*": {
                "status": 503, "headers": {"Retry-After": 2}, "body": {"a": 1}, "delay_ms": 5,
            },
        }))
        .unwrap();
        assert_eq!(mocks.len(), 1);
        assert_eq!(mocks[0].delay_ms, 5);
        let response = reply(&mocks[0]);
        assert_eq!((response.status, response.status_text.as_str()), (503, "Service Unavailable"));
        assert!(response.headers.contains(&("retry-after".into(), "2".into())));
        assert!(response.headers.contains(&("content-type".into(), "application/json".into())));
    }

    #[test]
    fn a_body_that_looks_a_little_like_a_response_is_a_body() {
        for body in [json!({"status": "ok"}), json!({"status": 1, "id": 2}), json!({"times": 3})] {
            let mocks = read(&json!({"https://a.test/": body.clone()})).unwrap();
            assert_eq!(reply(&mocks[0]).body, body.to_string());
            assert_eq!(mocks[0].method, None);
        }
    }

    #[test]
    fn a_list_says_everything() {
        let mocks = read(&json!([
            {"method": "post", "url": "https://a.test/", "request_body": {"a": 1}, "times": 2,
             "error": "connection refused"},
            {"url": "https://a.test/", "status": 204},
        ]))
        .unwrap();
        assert_eq!(mocks[0].method.as_deref(), Some("POST"));
        assert_eq!(mocks[0].times, Some(2));
        assert_eq!(mocks[0].request_body.as_ref().unwrap().as_str(), r#"{"a":1}"#);
        assert_eq!(mocks[0].reply, MockReply::Failure("connection refused".into()));
        assert_eq!(reply(&mocks[1]).status, 204);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (mocks, expected) in [
            (json!(5), "`mocks` is a map"),
            (json!({"FETCH:https://a.test/": 1}), "`FETCH` is not a method"),
            (json!([{"url": "https://a.test/", "stauts": 1}]), "did you mean `status`?"),
            (json!([{"status": 200}]), "mock 1: it has no `url`"),
            (json!([{"url": "u", "status": 1000}]), "a status is from 100 to 599"),
            (json!([{"url": "u", "times": 0}]), "at least 1"),
            (json!([{"url": "u", "error": "e", "status": 500}]), "keep one"),
            (json!([{"url": "u", "headers": []}]), "`headers` is an object"),
        ] {
            let error = read(&mocks).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
