//! The web APIs: URL, text coding, base64, crypto, structuredClone, abort signals.

use super::{Case, case};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = urls();
    cases.extend(bytes());
    cases.extend(others());
    cases
}

fn urls() -> Vec<Case> {
    vec![
        case(
            "a URL's parts",
            "() => { const u = new URL('https://me:pw@example.com:8443/a/b?x=1#h'); \
                return [u.protocol, u.username, u.password, u.host, u.hostname, u.port, \
                u.pathname, u.search, u.hash, u.origin, `${u}`] }",
        )
        .returns(
            r##"["https:", "me", "pw", "example.com:8443", "example.com", "8443", "/a/b",
                "?x=1", "#h", "https://example.com:8443",
                "https://me:pw@example.com:8443/a/b?x=1#h"]"##,
        ),
        case(
            "a URL relative to another",
            "() => [new URL('../c?d', 'http://h/a/b/').href, JSON.stringify({ u: new \
                URL('http://h') })]",
        )
        .returns(r#"["http://h/a/c?d", "{\"u\":\"http://h/\"}"]"#),
        case("an invalid URL", "() => { new URL('not a url') }").throws("TypeError", "Invalid URL"),
        case(
            "URL.canParse and URL.parse",
            "() => [URL.canParse('http://h'), URL.canParse('nope'), \
                URL.parse('nope'), URL.parse('/x', 'http://h').href]",
        )
        .returns(r#"[true, false, null, "http://h/x"]"#),
        case(
            "a URL's parts can be set",
            "() => { const u = new URL('http://h/'); u.pathname = '/a b'; u.search = \
                'q=1'; u.hash = 'z'; u.port = '81'; u.protocol = 'https'; return u.href \
                }",
        )
        .returns(r#""https://h:81/a%20b?q=1#z""#),
        case(
            "searchParams and its URL follow each other",
            "() => { const u = new URL('http://h/?a=1'); u.searchParams.append('b', \
                'x y'); const one = u.href; u.search = '?c=3'; return [one, \
                u.searchParams.get('c'), u.searchParams.has('a')] }",
        )
        .returns(r#"["http://h/?a=1&b=x+y", "3", false]"#),
        case(
            "URLSearchParams",
            "() => { const p = new URLSearchParams('?a=1&b=2&a=3'); p.delete('b'); \
                p.set('c', 'ä&'); p.append('a', 4); p.sort(); return [`${p}`, \
                p.getAll('a'), p.get('z'), p.size, [...p.keys()]] }",
        )
        .returns(r#"["a=1&a=3&a=4&c=%C3%A4%26", ["1", "3", "4"], null, 4, ["a", "a", "a", "c"]]"#),
        case(
            "URLSearchParams of objects and pairs",
            "() => [`${new URLSearchParams({ a: 1, b: 'x' })}`, `${new \
                URLSearchParams([['k', 'v']])}`, Object.fromEntries(new \
                URLSearchParams('%zz=1+2'))]",
        )
        .returns(r#"["a=1&b=x", "k=v", {"%zz": "1 2"}]"#),
    ]
}

fn bytes() -> Vec<Case> {
    vec![
        case(
            "TextEncoder and TextDecoder",
            "() => { const b = new TextEncoder().encode('é😀'); return [b instanceof \
                Uint8Array, [...b], new TextDecoder().decode(b), new \
                TextDecoder('utf8').decode(b.buffer)] }",
        )
        .returns(r#"[true, [195, 169, 240, 159, 152, 128], "é😀", "é😀"]"#),
        case(
            "decoding in pieces",
            "() => { const d = new TextDecoder(); const b = new \
                TextEncoder().encode('a😀b'); return d.decode(b.slice(0, 3), { stream: \
                true }) + d.decode(b.slice(3), { stream: true }) + d.decode() }",
        )
        .returns(r#""a😀b""#),
        case(
            "decoding what is not UTF-8",
            "() => [new TextDecoder().decode(new Uint8Array([97, 255])), (() => { \
                try { new TextDecoder('utf-8', { fatal: true }).decode(new \
                Uint8Array([255])) } catch (e) { return e.name } })()]",
        )
        .returns(r#"["a\ufffd", "TypeError"]"#),
        case(
            "encodeInto",
            "() => { const t = new Uint8Array(4); return [new \
                TextEncoder().encodeInto('aé😀', t), [...t]] }",
        )
        .returns(r#"[{"read": 2, "written": 3}, [97, 195, 169, 0]]"#),
        case("another encoding is refused", "() => new TextDecoder('shift_jis')")
            .throws("RangeError", "shift_jis"),
        case("atob and btoa", "() => [btoa('hello'), atob('aGVsbG8='), atob(' aGVs bG8 ')]")
            .returns(r#"["aGVsbG8=", "hello", "hello"]"#),
        case(
            "atob of what is not base64",
            "() => { try { atob('*') } catch (e) { return [e.name, e instanceof \
                DOMException, e.code] } }",
        )
        .returns(r#"["InvalidCharacterError", true, 5]"#),
        case("btoa of wide text", "() => btoa('€')").throws("InvalidCharacterError", "U+00FF"),
        case(
            "crypto.randomUUID",
            "() => { const a = crypto.randomUUID(); return \
                /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(a) \
                && a !== crypto.randomUUID() }",
        )
        .returns("true"),
        case(
            "crypto.getRandomValues",
            "() => { const a = crypto.getRandomValues(new Uint32Array(8)); return \
                a.length === 8 && a.some(x => x > 0) && new Set(a).size > 4 }",
        )
        .returns("true"),
        case(
            "crypto.getRandomValues has a limit",
            "() => crypto.getRandomValues(new Uint8Array(65537))",
        )
        .throws("QuotaExceededError", "65536"),
        case(
            "crypto.subtle.digest",
            "async () => { const hex = b => [...new Uint8Array(b)].map(x => \
                x.toString(16).padStart(2, '0')).join(''); const d = new \
                TextEncoder().encode('abc'); return [hex(await \
                crypto.subtle.digest('SHA-256', d)), hex(await crypto.subtle.digest({ \
                name: 'SHA-1' }, d.buffer)), (await crypto.subtle.digest('SHA-512', \
                d)).byteLength] }",
        )
        .returns(
            r#"["ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                "a9993e364706816aba3e25717850c26c9cd0d89d", 64]"#,
        ),
        case("an unknown digest", "() => crypto.subtle.digest('MD5', new Uint8Array(1))")
            .throws("NotSupportedError", "MD5"),
    ]
}

fn others() -> Vec<Case> {
    vec![
        case(
            "structuredClone copies",
            "() => { const a = { d: new Date(5), m: new Map([[1, { x: 1 }]]), s: new \
                Set([2]), r: /a/gi, n: [1, , 3], b: new Uint8Array([9]), u: undefined, \
                e: new RangeError('r'), big: 1n }; a.self = a; const b = \
                structuredClone(a); return [b !== a, b.self === b, b.d.getTime(), b.d \
                !== a.d, b.m.get(1).x, b.s.has(2), `${b.r}`, 1 in b.n, b.b[0], \
                b.b.buffer !== a.b.buffer, 'u' in b, b.e instanceof RangeError, \
                b.e.message, b.big === 1n] }",
        )
        .returns(
            r#"[true, true, 5, true, 1, true, "/a/gi", false, 9, true, true, true, "r", true]"#,
        ),
        case("structuredClone refuses functions", "() => structuredClone({ f() {} })")
            .throws("DataCloneError", "cannot be cloned"),
        case(
            "AbortController",
            "() => { const c = new AbortController(); const seen = []; \
                c.signal.addEventListener('abort', e => seen.push(e.type), { once: true \
                }); c.signal.onabort = () => seen.push('on'); c.abort(); c.abort(); \
                return [c.signal.aborted, c.signal.reason.name, seen, c.signal \
                instanceof AbortSignal] }",
        )
        .returns(r#"[true, "AbortError", ["on", "abort"], true]"#),
        case(
            "AbortSignal.abort and throwIfAborted",
            "() => { AbortSignal.abort(new DataError('stop')).throwIfAborted() }",
        )
        .throws("DataError", "stop"),
        case(
            "AbortSignal.timeout",
            "() => new Promise(done => { const s = AbortSignal.timeout(5); \
                s.addEventListener('abort', () => done([s.aborted, s.reason.name, \
                s.reason instanceof TimeoutError])) })",
        )
        .returns(r#"[true, "TimeoutError", true]"#),
        case(
            "AbortSignal.any",
            "() => { const a = new AbortController(); const s = \
                AbortSignal.any([a.signal, new AbortController().signal]); \
                a.abort('why'); return [s.aborted, s.reason] }",
        )
        .returns(r#"[true, "why"]"#),
        case("an AbortSignal is not made by hand", "() => new AbortSignal()")
            .throws("TypeError", "AbortController"),
        case(
            "events",
            "() => { const t = new EventTarget(); let n = 0; const f = () => n++; \
                t.addEventListener('x', f); t.addEventListener('x', f); \
                t.dispatchEvent(new Event('x')); t.removeEventListener('x', f); \
                t.dispatchEvent(new Event('x')); return n }",
        )
        .returns("1"),
        case(
            "Headers",
            "() => { const h = new Headers({ 'X-A': ' 1 ' }); h.append('x-a', 2); \
                h.set('B', 'x'); h.append('Set-Cookie', 'a=1'); h.append('set-cookie', \
                'b=2'); return [h.get('X-a'), h.has('b'), h['x-a'], h.getSetCookie(), \
                [...h], JSON.stringify(new Headers([['q', 'r']])), h.get('none')] }",
        )
        .returns(
            r#"["1, 2", true, "1, 2", ["a=1", "b=2"], [["b", "x"], ["set-cookie", "a=1"],
                ["set-cookie", "b=2"], ["x-a", "1, 2"]], "{\"q\":\"r\"}", null]"#,
        ),
        case("a header name that is none", "() => new Headers({ 'a b': 1 })")
            .throws("TypeError", "header name"),
        case("a header value with a line end", "() => new Headers({ a: 'x\\ny' })")
            .throws("TypeError", "not valid"),
        case(
            "a Response of one's own",
            "async () => { const r = Response.json({ a: 1 }, { status: 201, headers: \
                { 'X-Y': 'z' } }); const c = r.clone(); return [r.ok, r.status, \
                r.headers.get('content-type'), await r.json(), await c.text(), r.body, \
                [...(await c.bytes())].length, r.bodyUsed] }",
        )
        .returns(r#"[true, 201, "application/json", {"a": 1}, "{\"a\":1}", {"a": 1}, 7, true]"#),
        case(
            "throwForStatus chooses the class",
            "() => [200, 302, 401, 403, 404, 418, 429, 500, 503].map(s => { try { \
                return new Response('', { status: s, statusText: 'T' \
                }).throwForStatus().status } catch (e) { return `${e.name} ${e.status}` \
                } })",
        )
        .returns(
            r#"[200, "NetworkError 302", "AuthenticationError 401", "AuthorizationError 403",
                "HttpError 404", "HttpError 418", "RateLimitError 429",
                "ServiceUnavailableError 500", "ServiceUnavailableError 503"]"#,
        ),
        case(
            "globals can be replaced",
            "globalThis.fetch = () => 'mine';\nvar console = { log: () => 'quiet' \
                };\nfunction main() { return [fetch('x'), console.log('y'), typeof URL] \
                }",
        )
        .returns(r#"["mine", "quiet", "function"]"#),
        case(
            "globals can be shadowed",
            "const fetch = 1;\nlet URL = 2;\nclass Headers {}\n() => [fetch, URL, \
                new Headers().get]",
        )
        .returns("[1, 2, null]"),
        case(
            "every global is there",
            "() => ['console', 'fetch', 'Headers', 'Response', 'URL', \
                'URLSearchParams', 'TextEncoder', 'TextDecoder', 'structuredClone', \
                'crypto', 'atob', 'btoa', 'AbortController', 'AbortSignal', \
                'setTimeout', 'setInterval', 'clearTimeout', 'clearInterval', \
                'queueMicrotask', 'performance', 'DOMException', 'HttpError'].filter(n \
                => !(n in globalThis) || typeof globalThis[n] === 'undefined')",
        )
        .returns("[]"),
        case(
            "nothing of the host is in reach",
            "() => [typeof __host, typeof host, typeof load, typeof require, typeof \
                process, Object.getOwnPropertyNames(globalThis).filter(n => \
                /host|ratchet/i.test(n))]",
        )
        .returns(r#"["undefined", "undefined", "undefined", "undefined", "undefined", []]"#),
        case(
            "times are UTC",
            "() => [new Date(0).getTimezoneOffset(), new Date(2020, 6, \
                1).toISOString()]",
        )
        .returns(r#"[0, "2020-07-01T00:00:00.000Z"]"#),
        case(
            "the language is up to date",
            "() => [[3, 1].toSorted(), Object.groupBy([1, 2], x => x % 2 ? 'odd' : \
                'even').odd, [1, 2].at(-1), 'ab'.replaceAll('a', 'c'), (1, 2) ?? 3, \
                Object.hasOwn({ a: 1 }, 'a'), 'x'.isWellFormed(), 'abc'.substr(1)]",
        )
        .returns(r#"[[1, 3], [1], 2, "cb", 2, true, true, "bc"]"#),
    ]
}
