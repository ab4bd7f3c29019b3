//! Requests into an HTTP archive, which any browser's tools can show, and responses out of one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use ratchet_plugin_api::model::{FetchMock, FetchResponse, HttpExchange, MockReply};
use serde_json::json;
use url::Url;

use super::har::{Content, Entry, Har, Log, Pair, PostData, Request, Response};

/// Request headers whose values are secrets; a recording is passed around.
const SECRET_HEADERS: [&str; 4] = ["authorization", "proxy-authorization", "cookie", "x-api-key"];

/// What stands for a secret.
const REDACTED: &str = "[redacted]";

/// What the format wants where a size is not known.
const UNKNOWN: i64 = -1;

impl Har {
    /// The archive of these exchanges.
    pub(crate) fn of(exchanges: &[HttpExchange]) -> Self {
        let creator = json!({"name": "Ratchet", "version": env!("CARGO_PKG_VERSION")});
        let entries = exchanges.iter().map(Entry::of).collect();
        Self { log: Log { version: "1.2".to_owned(), creator, entries } }
    }

    /// The recorded responses as answers for `fetch`, each given once, in the recorded order.
    ///
    /// # Errors
    /// The entry whose body cannot be decoded.
    pub(crate) fn mocks(self) -> Result<Vec<FetchMock>, String> {
        let numbered = self.log.entries.into_iter().enumerate();
        numbered
            .map(|(index, entry)| {
                entry.mock().map_err(|error| format!("entry {}: {error}", index + 1))
            })
            .collect()
    }
}

impl Entry {
    fn of(exchange: &HttpExchange) -> Self {
        let milliseconds = exchange.elapsed_us as f64 / 1_000.0;
        let asked = &exchange.request.url;
        let answered = exchange.response.as_ref().map(|response| &response.url);
        let final_url = answered.filter(|url| !url.is_empty() && *url != asked).cloned();
        let error = match (&exchange.response, &exchange.error) {
            (Some(_), _) => None,
            (None, Some(error)) => Some(error.clone()),
            (None, None) => Some("the request was given up".to_owned()),
        };
        Self {
            started_date_time: exchange.started.to_string(),
            time: milliseconds,
            request: Request::of(exchange),
            response: Response::of(exchange.response.as_ref()),
            cache: json!({}),
            timings: json!({"send": 0, "wait": milliseconds, "receive": 0}),
            error,
            final_url,
        }
    }

    fn mock(self) -> Result<FetchMock, String> {
        let Self { request, response, error, final_url, .. } = self;
        let reply = match error {
            Some(error) => MockReply::Failure(error),
            None if response.status == 0 => {
                MockReply::Failure("the recorded request has no response".to_owned())
            }
            None => MockReply::Response(response.read(&request.url, final_url)?),
        };
        Ok(FetchMock {
            method: Some(request.method.to_ascii_uppercase()),
            url: request.url,
            request_body: None,
            delay_ms: 0,
            times: Some(1),
            reply,
        })
    }
}

impl Request {
    fn of(exchange: &HttpExchange) -> Self {
        let request = &exchange.request;
        let query = Url::parse(&request.url).ok();
        let query = query.iter().flat_map(|url| url.query_pairs());
        let headers = request.headers.iter().map(|(name, value)| {
            let secret = SECRET_HEADERS.contains(&name.to_ascii_lowercase().as_str());
            Pair { name: name.clone(), value: if secret { REDACTED.into() } else { value.clone() } }
        });
        let post_data = request.body.as_ref().map(|body| {
            let (text, encoding) = text_of(body);
            PostData { mime_type: content_type(&request.headers), text, encoding }
        });
        Self {
            method: request.method.clone(),
            url: request.url.clone(),
            http_version: String::new(),
            cookies: Vec::new(),
            headers: headers.collect(),
            query_string: query
                .map(|(name, value)| Pair { name: name.into_owned(), value: value.into_owned() })
                .collect(),
            post_data,
            headers_size: UNKNOWN,
            body_size: size(request.body.as_ref()),
        }
    }
}

impl Response {
    fn of(response: Option<&FetchResponse>) -> Self {
        let headers = response.map(|response| response.headers.as_slice()).unwrap_or_default();
        let header = |name: &str| {
            headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, v)| v)
        };
        let body = response.map(|response| &response.body);
        let (text, encoding) = body.map(text_of).unzip();
        Self {
            status: response.map_or(0, |response| response.status),
            status_text: response.map(|r| r.status_text.clone()).unwrap_or_default(),
            http_version: String::new(),
            cookies: Vec::new(),
            headers: headers
                .iter()
                .map(|(name, value)| Pair { name: name.clone(), value: value.clone() })
                .collect(),
            content: Content {
                size: size(body),
                mime_type: content_type(headers),
                text,
                encoding: encoding.flatten(),
            },
            redirect_url: header("location").cloned().unwrap_or_default(),
            headers_size: UNKNOWN,
            body_size: UNKNOWN,
        }
    }

    fn read(self, asked: &str, final_url: Option<String>) -> Result<FetchResponse, String> {
        let Content { text, encoding, .. } = self.content;
        let text = text.unwrap_or_default();
        let body = match encoding.as_deref() {
            None | Some("") => text.into_bytes(),
            Some("base64") => {
                BASE64.decode(text).map_err(|error| format!("its body is not base64: {error}"))?
            }
            Some(other) => return Err(format!("its body has the unknown encoding `{other}`")),
        };
        Ok(FetchResponse {
            status: self.status,
            status_text: self.status_text,
            redirected: final_url.is_some(),
            url: final_url.unwrap_or_else(|| asked.to_owned()),
            headers: self
                .headers
                .into_iter()
                .map(|pair| (pair.name.to_ascii_lowercase(), pair.value))
                .collect(),
            body: Bytes::from(body),
        })
    }
}

/// A body as text, and the encoding where it is none.
fn text_of(body: &Bytes) -> (String, Option<String>) {
    match std::str::from_utf8(body) {
        Ok(text) => (text.to_owned(), None),
        Err(_) => (BASE64.encode(body), Some("base64".to_owned())),
    }
}

fn size(body: Option<&Bytes>) -> i64 {
    body.map_or(0, |body| i64::try_from(body.len()).unwrap_or(UNKNOWN))
}

fn content_type(headers: &[(String, String)]) -> String {
    let found = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    found.map_or_else(|| "application/octet-stream".to_owned(), |(_, value)| value.clone())
}

#[cfg(test)]
mod tests {
    use ratchet_plugin_api::model::{FetchRequest, Redirect, Timestamp};

    use super::*;

    fn exchange(url: &str) -> HttpExchange {
        HttpExchange {
            started: Timestamp::from_microseconds(1_000_000),
            elapsed_us: 12_500,
            request: FetchRequest {
                method: "POST".into(),
                url: url.into(),
                headers: vec![
                    ("Content-Type".into(), "application/json".into()),
                    ("Authorization".into(), "Bearer secret".into()),
                ],
                body: Some(Bytes::from_static(b"{}")),
                redirect: Redirect::Follow,
                timeout_ms: None,
                max_body_bytes: None,
            },
            response: Some(FetchResponse {
                status: 201,
                status_text: "Created".into(),
                url: url.into(),
                redirected: false,
                headers: vec![("content-type".into(), "text/plain".into())],
                body: Bytes::from_static(b"hello"),
            }),
            error: None,
            mocked: false,
        }
    }

    fn round_trip(exchange: &HttpExchange) -> FetchMock {
        let text = serde_json::to_string(&Har::of(std::slice::from_ref(exchange))).unwrap();
        let har: Har = serde_json::from_str(&text).unwrap();
        har.mocks().unwrap().remove(0)
    }

    #[test]
    fn has_what_the_format_wants() {
        let har =
            serde_json::to_value(Har::of(&[exchange("https://a.test/p?q=a%20b&q=c")])).unwrap();
        assert_eq!(har["log"]["version"], "1.2");
        assert_eq!(har["log"]["creator"]["name"], "Ratchet");
        let entry = &har["log"]["entries"][0];
        assert_eq!(entry["startedDateTime"], "1970-01-01T00:00:01Z");
        assert_eq!(entry["time"], 12.5);
        assert_eq!(entry["timings"], json!({"send": 0, "wait": 12.5, "receive": 0}));
        assert_eq!(entry["cache"], json!({}));
        let request = &entry["request"];
        assert_eq!(request["queryString"][0], json!({"name": "q", "value": "a b"}));
        assert_eq!(request["postData"], json!({"mimeType": "application/json", "text": "{}"}));
        assert_eq!(request["bodySize"], 2);
        for (side, keys) in [
            ("request", "method url httpVersion cookies headers queryString headersSize bodySize"),
            (
                "response",
                "status statusText httpVersion cookies headers content redirectURL \
                          headersSize bodySize",
            ),
        ] {
            for key in keys.split_whitespace() {
                assert!(entry[side].get(key).is_some(), "{side} has no {key}");
            }
        }
        assert_eq!(entry["response"]["content"]["text"], "hello");
    }

    #[test]
    fn keeps_secrets_out() {
        let text = serde_json::to_string(&Har::of(&[exchange("https://a.test/")])).unwrap();
        assert!(!text.contains("Bearer secret") && text.contains(REDACTED), "{text}");
    }

    #[test]
    fn a_response_survives_the_round_trip() {
        let exchange = exchange("https://a.test/");
        let mock = round_trip(&exchange);
        assert_eq!((mock.method.as_deref(), mock.times), (Some("POST"), Some(1)));
        assert_eq!(mock.url, "https://a.test/");
        assert_eq!(mock.reply, MockReply::Response(exchange.response.unwrap()));
    }

    #[test]
    fn bytes_and_redirects_survive_the_round_trip() {
        let mut exchange = exchange("https://a.test/");
        let response = exchange.response.as_mut().unwrap();
        response.body = Bytes::from_static(&[0xff, 0x00, 0xfe]);
        response.url = "https://b.test/".into();
        response.redirected = true;
        let mock = round_trip(&exchange);
        assert_eq!(mock.url, "https://a.test/");
        assert_eq!(mock.reply, MockReply::Response(exchange.response.unwrap()));
    }

    #[test]
    fn a_failure_survives_the_round_trip() {
        let mut exchange = exchange("https://a.test/");
        exchange.response = None;
        exchange.error = Some("connection refused".into());
        assert_eq!(round_trip(&exchange).reply, MockReply::Failure("connection refused".into()));
    }

    #[test]
    fn reads_what_other_tools_write() {
        let har: Har = serde_json::from_value(json!({"log": {"version": "1.2", "entries": [{
            "request": {"method": "get", "url": "https://a.test/"},
            "response": {"status": 200, "content": {"text": "aGk=", "encoding": "base64"}},
        }]}}))
        .unwrap();
        let mock = har.mocks().unwrap().remove(0);
        assert_eq!(mock.method.as_deref(), Some("GET"));
        assert!(matches!(mock.reply, MockReply::Response(response) if response.body == "hi"));
    }
}
