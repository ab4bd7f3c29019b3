//! `fetch`, awaited and not.

use ratchet_plugin_api::model::LogLevel::Info;
use ratchet_plugin_api::model::{FetchMock, Json, MockReply};

use super::{Case, case, mock_json, mock_text};

const URL: &str = "https://api.example/items";

pub(super) fn cases() -> Vec<Case> {
    let mut cases = reading();
    cases.extend(requests());
    cases.extend(failures());
    cases.extend(at_once());
    cases
}

fn items() -> FetchMock {
    mock_json(None, URL, 200, r#"{"items": [1, 2]}"#)
}

fn reading() -> Vec<Case> {
    let whole = r#"{"ok": true, "status": 200, "statusText": "OK",
                "headers": {"content-type": "application/json"}, "body": {"items": [1, 2]}}"#;
    vec![
        case(
            "awaited: a Response",
            "async () => { const r = await fetch('https://api.example/items'); \
                return [r instanceof Response, r.ok, r.status, r.statusText, \
                r.headers.get('Content-Type'), r.url, r.redirected, await r.json()] }",
        )
        .mock(items())
        .returns(
            r#"[true, true, 200, "OK", "application/json", "https://api.example/items", false,
                {"items": [1, 2]}]"#,
        )
        .exchanges(1),
        case(
            "not awaited: the response itself",
            "() => { const r = fetch('https://api.example/items'); return [r.ok, \
                r.status, r.statusText, r.headers['content-type'], r.body.items[1], \
                r.json().items.length, r.text().length, r.bytes().length, \
                r.arrayBuffer().byteLength, r.url] }",
        )
        .mock(items())
        .returns(
            r#"[true, 200, "OK", "application/json", 2, 2, 17, 17, 17,
                "https://api.example/items"]"#,
        )
        .exchanges(1),
        case(
            "not awaited, serialised",
            "function(input) { const response = fetch('https://api.example/items'); \
                return { success: true, data: { response_body: response } }; }",
        )
        .mock(items())
        .returns(&format!(r#"{{"success": true, "data": {{"response_body": {whole}}}}}"#)),
        case(
            "awaited, serialised",
            "async () => ({ r: await fetch('https://api.example/items') })",
        )
        .mock(items())
        .returns(&format!(r#"{{"r": {whole}}}"#)),
        case("returned as it is", "() => fetch('https://api.example/items')")
            .mock(items())
            .returns(whole),
        case(
            "a promise that is then read",
            "async () => { const p = fetch('https://api.example/items'); const r = \
                await p; return [p.status, p.body === r.body, p instanceof Promise] }",
        )
        .mock(items())
        .returns("[200, true, true]"),
        case(
            "then and finally",
            "() => fetch('https://api.example/items').then(r => r.json()).then(j => \
                j.items[0]).finally(() => {})",
        )
        .mock(items())
        .returns("1"),
        case(
            "a text body",
            "async () => { const r = await fetch('https://t.example/'); return \
                [r.body, await r.text()] }",
        )
        .mock(mock_text(None, "https://t.example/", 200, "plain 123"))
        .returns(r#"["plain 123", "plain 123"]"#),
        case("JSON that is served as text", "() => fetch('https://t.example/').body.a")
            .mock(mock_text(None, "https://t.example/", 200, r#"{"a": 1}"#))
            .returns("1"),
        case("a body that is not the JSON it says it is", "() => fetch('https://t.example/').body")
            .mock(mock_json(None, "*", 200, "<html>"))
            .returns(r#""<html>""#),
        case(
            "json() of what is not JSON",
            "async () => (await fetch('https://t.example/')).json()",
        )
        .mock(mock_text(None, "*", 200, "<html>"))
        .throws("SyntaxError", "not valid JSON"),
        case(
            "an empty body",
            "async () => { const r = await fetch('https://t.example/'); return \
                [r.body, r.status] }",
        )
        .mock(mock_text(None, "*", 204, ""))
        .returns(r#"["", 204]"#),
        case(
            "a response is cloned",
            "async () => { const r = await fetch('https://api.example/items'); const \
                c = r.clone(); return [await r.text() === await c.text(), c.url === \
                r.url] }",
        )
        .mock(items())
        .returns("[true, true]"),
        case(
            "console shows the response",
            "() => { console.log(fetch('https://t.example/')); return null }",
        )
        .mock(mock_text(None, "*", 200, "x"))
        .logs_holding(Info, "Response {\n  ok: true"),
        case(
            "a URL object",
            "async () => (await fetch(new URL('/items', \
                'https://api.example'))).status",
        )
        .mock(items())
        .returns("200"),
        case(
            "a request-like object",
            "async () => (await fetch({ url: 'https://api.example/items', method: \
                'PUT' })).status",
        )
        .mock(mock_json(Some("PUT"), URL, 200, "{}"))
        .returns("200"),
    ]
}

fn requests() -> Vec<Case> {
    let posts = |name, source: &str, body: &str| {
        let mock = FetchMock {
            request_body: Some(Json::from_trusted(body)),
            ..mock_json(Some("POST"), URL, 201, r#"{"made": true}"#)
        };
        case(name, source).mock(mock).returns("201").exchanges(1)
    };
    vec![
        posts(
            "an object as params.body",
            "async () => (await fetch('https://api.example/items', { method: 'post', \
                body: { a: 1 } })).status",
            r#"{"a": 1}"#,
        ),
        posts(
            "an object as third argument",
            "() => fetch('https://api.example/items', { method: 'POST' }, { a: [1] \
                }).status",
            r#"{"a": [1]}"#,
        ),
        posts(
            "text as body",
            "async () => (await fetch('https://api.example/items', { method: 'POST', \
                body: JSON.stringify({ b: 2 }) })).status",
            r#"{"b": 2}"#,
        ),
        posts(
            "bytes as body",
            "async () => (await fetch('https://api.example/items', { method: 'POST', \
                body: new TextEncoder().encode('[1]') })).status",
            "[1]",
        ),
        posts(
            "headers in every form",
            "async () => { const o = { method: 'POST', body: '1' }; return (await \
                fetch('https://api.example/items', { ...o, headers: new \
                Headers([['x-a', '1']]) })).status }",
            "1",
        ),
        case(
            "a GET with a body is refused",
            "async () => { await fetch('https://api.example/items', { body: 'x' }) }",
        )
        .mock(items())
        .throws("TypeError", "cannot have a body")
        .exchanges(0),
        case("a relative URL is refused", "async () => { await fetch('/items') }")
            .mock(items())
            .throws("TypeError", "whole URL"),
        case("another scheme is refused", "async () => { await fetch('file:///etc/passwd') }")
            .mock(items())
            .throws("TypeError", "not http or https"),
        case(
            "a method that is none",
            "async () => { await fetch('https://api.example/items', { method: 'A B' \
                }) }",
        )
        .mock(items())
        .throws("TypeError", "not an HTTP method"),
        case(
            "a redirect mode that is none",
            "async () => { await fetch('https://api.example/items', { redirect: \
                'maybe' }) }",
        )
        .mock(items())
        .throws("TypeError", "redirect"),
        case(
            "a refusal can be read late",
            "() => { const r = fetch('/items'); try { return r.ok } catch (e) { \
                return e.name } }",
        )
        .mock(items())
        .returns(r#""TypeError""#),
    ]
}

fn failures() -> Vec<Case> {
    let failing = FetchMock {
        reply: MockReply::Failure("connection refused".into()),
        ..mock_text(None, URL, 200, "")
    };
    let slow = FetchMock { delay_ms: 30_000, ..mock_text(None, URL, 200, "") };
    vec![
        case(
            "a transport failure rejects",
            "async () => { await fetch('https://api.example/items') }",
        )
        .mock(failing.clone())
        .throws("NetworkError", "connection refused")
        .details(r#"{"code": "unavailable"}"#)
        .at("main.js", 1),
        case(
            "a transport failure is thrown by a read",
            "function main() {\n  const r = fetch('https://api.example/items');\n  \
                return r.status;\n}",
        )
        .mock(failing.clone())
        .throws("NetworkError", "connection refused")
        .at("main.js", 3),
        case(
            "a transport failure in the output is the task's",
            "() => ({ r: fetch('https://api.example/items') })",
        )
        .mock(failing.clone())
        .throws("NetworkError", "connection refused"),
        case(
            "a transport failure is caught",
            "async () => { try { await fetch('https://api.example/items') } catch \
                (e) { return [e.name, e instanceof NetworkError, e instanceof Error, \
                e.code] } }",
        )
        .mock(failing)
        .returns(r#"["NetworkError", true, true, "unavailable"]"#),
        case("no mock answers", "async () => { await fetch('https://api.example/item') }")
            .mock(items())
            .throws(
                "NetworkError",
                "no mock answers GET https://api.example/item; the nearest is * \
                https://api.example/items",
            ),
        case("the network is denied", "async () => { await fetch('https://api.example/items') }")
            .throws("NetworkError", "may not use the network")
            .details(r#"{"code": "denied"}"#)
            .exchanges(1),
        case(
            "a timeout of one's own",
            "async () => { await fetch('https://api.example/items', { timeout: 20 }) \
                }",
        )
        .mock(slow.clone())
        .throws("TimeoutError", "20 ms"),
        case(
            "a timeout by signal",
            "async () => { await fetch('https://api.example/items', { signal: \
                AbortSignal.timeout(20) }) }",
        )
        .mock(slow.clone())
        .throws("TimeoutError", "20 ms"),
        case(
            "an abort",
            "async () => { const c = new AbortController(); setTimeout(() => \
                c.abort(), 5); await fetch('https://api.example/items', { signal: \
                c.signal }) }",
        )
        .mock(slow.clone())
        .throws("AbortError", "aborted")
        .exchanges(1),
        case(
            "aborted before it began",
            "async () => { await fetch('https://api.example/items', { signal: \
                AbortSignal.abort() }) }",
        )
        .mock(slow.clone())
        .throws("AbortError", "")
        .exchanges(0),
        case(
            "a timeout that is none",
            "async () => { await fetch('https://api.example/items', { timeout: -1 }) \
                }",
        )
        .mock(slow)
        .throws("RangeError", "timeout"),
        case(
            "a status is not a failure",
            "async () => { const r = await fetch('https://api.example/items'); \
                return [r.ok, r.status, r.statusText] }",
        )
        .mock(mock_json(None, URL, 404, "{}"))
        .returns(r#"[false, 404, "Not Found"]"#),
        case(
            "throwForStatus after await",
            "async () => { (await \
                fetch('https://api.example/items')).throwForStatus() }",
        )
        .mock(mock_json(None, URL, 503, "{}"))
        .throws("ServiceUnavailableError", "HTTP 503: Service Unavailable")
        .details(r#"{"status": 503, "url": "https://api.example/items"}"#),
        case(
            "throwForStatus without await",
            "() => fetch('https://api.example/items').throwForStatus().body",
        )
        .mock(mock_json(None, URL, 401, "{}"))
        .throws("AuthenticationError", "HTTP 401"),
    ]
}

fn at_once() -> Vec<Case> {
    let after = |url: &str, delay_ms| FetchMock { delay_ms, ..mock_text(None, url, 200, url) };
    vec![
        case(
            "requests overlap",
            "async () => { const start = performance.now(); const all = await \
                Promise.all(['a', 'b', 'c', 'd'].map(x => \
                fetch(`https://${x}.example/`))); return [all.length, performance.now() \
                - start < 390] }",
        )
        .mock(after("*", 100))
        .returns("[4, true]")
        .exchanges(4),
        case(
            "requests that are not awaited overlap too",
            "() => { const start = performance.now(); const all = ['a', 'b', 'c', \
                'd'].map(x => fetch(`https://${x}.example/`)); return [all.map(r => \
                r.status).length, performance.now() - start < 390] }",
        )
        .mock(after("*", 100))
        .returns("[4, true]"),
        case(
            "the quickest wins a race",
            "async () => (await Promise.race([fetch('https://slow.example/'), \
                fetch('https://quick.example/')])).url",
        )
        .mock(after("https://slow.example/", 10_000))
        .mock(after("https://quick.example/", 1))
        .returns(r#""https://quick.example/""#)
        .exchanges(2),
        case(
            "a request nobody reads is made all the same",
            "() => { fetch('https://log.example/', { method: 'POST', body: 'x' }); \
                return 1 }",
        )
        .mock(after("*", 20))
        .returns("1")
        .exchanges(1),
        case(
            "mocks answer as often as they say",
            "async () => { const get = async () => (await \
                fetch('https://api.example/items')).status; return [await get(), await \
                get(), await get()] }",
        )
        .mock(FetchMock { times: Some(2), ..mock_json(None, URL, 503, "{}") })
        .mock(items())
        .returns("[503, 503, 200]"),
        case(
            "timers go on while a request is under way",
            "async () => { let n = 0; const id = setInterval(() => n++, 2); await \
                fetch('https://api.example/x'); clearInterval(id); return n > 3 }",
        )
        .mock(after("*", 60))
        .returns("true"),
    ]
}
