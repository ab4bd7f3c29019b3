//! Prepared answers in place of the network.

use ratchet_plugin_api::model::{FetchMock, FetchRequest, MockReply};
use url::Url;

/// The mocks of a run and how often each has answered.
#[derive(Default)]
pub(crate) struct Mocks {
    mocks: Vec<(FetchMock, u32)>,
}

impl Mocks {
    pub(crate) fn new(mocks: Vec<FetchMock>) -> Self {
        Self { mocks: mocks.into_iter().map(|mock| (mock, 0)).collect() }
    }

    /// The answer to `request` and the milliseconds to wait before it.
    ///
    /// # Errors
    /// A sentence naming the request and the mock that comes nearest to it.
    pub(crate) fn answer(&mut self, request: &FetchRequest) -> Result<(MockReply, u64), String> {
        for (mock, used) in &mut self.mocks {
            if mock.times.is_some_and(|times| *used >= times) || !matches(mock, request) {
                continue;
            }
            *used += 1;
            return Ok((mock.reply.clone(), mock.delay_ms));
        }
        Err(self.unanswered(request))
    }

    fn unanswered(&self, request: &FetchRequest) -> String {
        let what = format!("{} {}", request.method, request.url);
        let nearest = self.mocks.iter().map(|(mock, used)| (describe(mock), mock, used)).max_by(
            |(one, ..), (other, ..)| {
                let likeness = |text: &str| strsim::normalized_levenshtein(text, &what);
                likeness(one).total_cmp(&likeness(other))
            },
        );
        match nearest {
            None => format!("no mock answers {what}: the run has no mocks"),
            Some((text, mock, used)) => {
                let why = if mock.times.is_some_and(|times| *used >= times) {
                    format!(", which has answered {used} times already")
                } else if matches_target(mock, request) {
                    ", which expects another body".to_owned()
                } else {
                    String::new()
                };
                format!("no mock answers {what}; the nearest is {text}{why}")
            }
        }
    }
}

fn describe(mock: &FetchMock) -> String {
    format!("{} {}", mock.method.as_deref().unwrap_or("*"), mock.url)
}

fn matches(mock: &FetchMock, request: &FetchRequest) -> bool {
    matches_target(mock, request) && matches_body(mock, request)
}

fn matches_target(mock: &FetchMock, request: &FetchRequest) -> bool {
    mock.method.as_ref().is_none_or(|method| method.eq_ignore_ascii_case(&request.method))
        && matches_url(&mock.url, &request.url)
}

fn matches_url(pattern: &str, url: &str) -> bool {
    if pattern.contains('*') {
        return matches_glob(pattern.as_bytes(), url.as_bytes());
    }
    pattern == url || Url::parse(pattern).is_ok_and(|parsed| parsed.as_str() == url)
}

/// Matches with `*` for any run of characters, without backtracking further than the last `*`.
fn matches_glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            retry = Some((p, t));
            p += 1;
        } else if pattern.get(p) == Some(&text[t]) {
            (p, t) = (p + 1, t + 1);
        } else if let Some((star, from)) = retry {
            retry = Some((star, from + 1));
            (p, t) = (star + 1, from + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

fn matches_body(mock: &FetchMock, request: &FetchRequest) -> bool {
    let Some(expected) = &mock.request_body else { return true };
    let expected: Option<serde_json::Value> = expected.to().ok();
    let actual = request.body.as_ref().and_then(|body| serde_json::from_slice(body).ok());
    expected.is_some() && expected == actual
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use ratchet_plugin_api::model::{Json, Redirect};

    use super::*;

    fn request(method: &str, url: &str, body: Option<&'static str>) -> FetchRequest {
        FetchRequest {
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            body: body.map(|text| Bytes::from_static(text.as_bytes())),
            redirect: Redirect::Follow,
            timeout_ms: None,
            max_body_bytes: None,
        }
    }

    fn mock(method: Option<&str>, url: &str, says: &str) -> FetchMock {
        FetchMock {
            method: method.map(str::to_owned),
            url: url.into(),
            request_body: None,
            delay_ms: 0,
            times: None,
            reply: MockReply::Failure(says.into()),
        }
    }

    fn said(answer: Result<(MockReply, u64), String>) -> String {
        match answer {
            Ok((MockReply::Failure(text), _)) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_first_mock_that_matches_answers() {
        let mut mocks = Mocks::new(vec![
            mock(Some("POST"), "https://a.example/x", "post"),
            mock(None, "https://a.example/*/end", "glob"),
            mock(None, "https://b.example", "host"),
        ]);
        assert_eq!(said(mocks.answer(&request("POST", "https://a.example/x", None))), "post");
        assert_eq!(said(mocks.answer(&request("GET", "https://a.example/1/2/end", None))), "glob");
        assert_eq!(said(mocks.answer(&request("GET", "https://b.example/", None))), "host");
        let missed = mocks.answer(&request("GET", "https://a.example/x", None)).unwrap_err();
        assert!(missed.contains("GET https://a.example/x"), "{missed}");
        assert!(missed.contains("POST https://a.example/x"), "{missed}");
    }

    #[test]
    fn a_mock_gives_way_when_it_has_answered_often_enough() {
        let first = FetchMock { times: Some(1), ..mock(None, "https://a.example/", "first") };
        let mut mocks = Mocks::new(vec![first, mock(None, "*", "then")]);
        let ask = request("GET", "https://a.example/", None);
        assert_eq!(said(mocks.answer(&ask)), "first");
        assert_eq!(said(mocks.answer(&ask)), "then");
    }

    #[test]
    fn bodies_are_compared_as_json() {
        let body = Json::parse(r#"{"a": 1, "b": [2]}"#).unwrap();
        let mut mocks = Mocks::new(vec![FetchMock {
            request_body: Some(body),
            ..mock(None, "https://a.example/", "yes")
        }]);
        let same = request("POST", "https://a.example/", Some(r#"{"b":[2],"a":1}"#));
        assert_eq!(said(mocks.answer(&same)), "yes");
        let other = request("POST", "https://a.example/", Some(r#"{"a":2}"#));
        assert!(mocks.answer(&other).unwrap_err().contains("expects another body"));
    }

    #[test]
    fn globs_match_any_run_of_characters() {
        for (pattern, text, matched) in [
            ("*", "", true),
            ("a*c", "abc", true),
            ("a*c", "acbc", true),
            ("a*c", "acb", false),
            ("*b*", "abc", true),
            ("a**", "a", true),
        ] {
            assert_eq!(matches_glob(pattern.as_bytes(), text.as_bytes()), matched, "{pattern}");
        }
    }
}
