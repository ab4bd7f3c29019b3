//! Limits on size and time, and back-pressure.

use std::io::Write as _;
use std::time::{Duration, Instant};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use ratchet_plugin_api::model::FetchPart;
use ratchet_plugin_api::{Code, Stream};
use ratchet_testkit::http_server::{HttpServer, Reply};

use super::{fetcher, get, header};

const MEBIBYTE: usize = 1 << 20;

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_compression_bomb_is_cut_off_at_the_limit() {
    let bomb: Bytes = gzip(&vec![0; 256 * MEBIBYTE]).into();
    assert!(bomb.len() < 2 * MEBIBYTE, "small enough to pass any check of what is sent");
    let server = HttpServer::start(move |_| {
        let bomb = bomb.clone();
        async move { Reply::ok(bomb).with("content-encoding", "gzip") }
    })
    .await;
    let fetcher = fetcher(|_| {});
    let error = fetcher.fetch(get(server.url("/"))).await.unwrap_err();
    assert_eq!((error.code, error.reason.as_deref()), (Code::LimitExceeded, Some("http.body")));

    let mut stream = fetcher.open(get(server.url("/"))).await.unwrap();
    let mut read = 0;
    let error = loop {
        match stream.next().await.unwrap() {
            Ok(FetchPart::Head(_)) => {}
            Ok(FetchPart::Chunk(bytes)) => read += bytes.len(),
            Err(error) => break error,
        }
    };
    assert_eq!(error.code, Code::LimitExceeded);
    assert!(read <= 10 * MEBIBYTE, "{read} bytes came through");
}

#[tokio::test]
async fn gzip_and_deflate_are_decoded_and_no_longer_mentioned() {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(b"hello").unwrap();
    let deflated = encoder.finish().unwrap();
    for (encoding, body) in [("gzip", gzip(b"hello")), ("deflate", deflated)] {
        let server = HttpServer::start(move |_| {
            let body = body.clone();
            async move { Reply::ok(body).with("content-encoding", encoding) }
        })
        .await;
        let response = fetcher(|_| {}).fetch(get(server.url("/"))).await.unwrap();
        assert_eq!(&response.body[..], b"hello", "{encoding}");
        assert_eq!(header(&response, "content-encoding"), None);
        assert_eq!(header(&response, "content-length"), None);
    }
}

#[tokio::test]
async fn a_body_that_is_not_what_it_says_is_unavailable() {
    let server = HttpServer::start(|_| async {
        Reply::ok("this is not gzip").with("content-encoding", "gzip")
    })
    .await;
    let error = fetcher(|_| {}).fetch(get(server.url("/"))).await.unwrap_err();
    assert_eq!(error.code, Code::Unavailable, "{error}");
}

#[tokio::test]
async fn a_body_announced_as_too_large_is_refused_before_it_is_read() {
    let server = HttpServer::start(|_| async {
        let (_never_fed, pieces) = Stream::channel(1);
        Reply::pieces(pieces).with("content-length", "11")
    })
    .await;
    let fetcher = fetcher(|config| config.http.max_response_bytes = 10);
    let error = fetcher.fetch(get(server.url("/"))).await.unwrap_err();
    assert_eq!(error.code, Code::LimitExceeded, "{error}");
    assert!(error.message.contains("10 bytes"), "{error}");
}

#[tokio::test]
async fn a_task_can_ask_for_less_and_not_for_more() {
    let server = HttpServer::start(|_| async { Reply::ok("x".repeat(1000)) }).await;
    let fetcher = fetcher(|config| config.http.max_response_bytes = 999);
    let mut request = get(server.url("/"));
    request.max_body_bytes = Some(u64::MAX);
    assert_eq!(fetcher.fetch(request).await.unwrap_err().code, Code::LimitExceeded);
}

#[tokio::test]
async fn the_configured_timeout_holds_whatever_a_task_asks_for() {
    let server = HttpServer::start(|_| std::future::pending()).await;
    let fetcher = fetcher(|config| config.http.timeout = 1);
    let mut request = get(server.url("/"));
    request.timeout_ms = Some(3_600_000);
    let began = Instant::now();
    let error = fetcher.fetch(request).await.unwrap_err();
    assert_eq!((error.code, error.reason.as_deref()), (Code::Timeout, Some("http.timeout")));
    assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
    assert!(error.message.contains("1s"), "{error}");
}

#[tokio::test]
async fn durations_beyond_any_clock_mean_for_ever() {
    let server = HttpServer::start(|_| async { Reply::ok("hello") }).await;
    let fetcher = fetcher(|config| {
        config.http.timeout = u64::MAX;
        config.http.connection_pool.connection_timeout = u64::MAX;
        config.http.connection_pool.idle_timeout = u64::MAX;
    });
    for timeout_ms in [None, Some(u64::MAX)] {
        let mut request = get(server.url("/"));
        request.timeout_ms = timeout_ms;
        assert_eq!(fetcher.fetch(request).await.unwrap().status, 200);
    }
    assert_eq!(server.counts().now().connections, 1);
}

#[tokio::test]
async fn one_timeout_covers_all_redirects_together() {
    // Each hop is quick; all of them together never end.
    let server = HttpServer::start(|_| async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Reply::redirect(302, "/again")
    })
    .await;
    let fetcher = fetcher(|config| config.http.max_redirects = u32::MAX);
    let mut request = get(server.url("/"));
    request.timeout_ms = Some(100);
    assert_eq!(fetcher.fetch(request).await.unwrap_err().code, Code::Timeout);
    assert!(server.counts().now().requests >= 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_is_not_read_holds_the_server_back() {
    let piece = Bytes::from(vec![b'x'; 64 * 1024]);
    let server = HttpServer::start(move |_| {
        let piece = piece.clone();
        let endless = futures_util::stream::repeat_with(move || Ok(piece.clone()));
        async move { Reply::pieces(Stream::new(endless)) }
    })
    .await;
    let other = HttpServer::start(|_| async { Reply::ok("") }).await;
    let fetcher = fetcher(|config| config.http.max_response_bytes = u64::MAX);
    let mut stream = fetcher.open(get(server.url("/"))).await.unwrap();
    assert!(matches!(stream.next().await, Some(Ok(FetchPart::Head(_)))));
    // Buffers on the way fill up; then nothing moves any more, while other requests do.
    let mut written = 0;
    loop {
        for _ in 0..50 {
            fetcher.fetch(get(other.url("/"))).await.unwrap();
        }
        let now = server.counts().now().written;
        assert!(now < 256 * MEBIBYTE as u64, "{now} bytes were sent to nobody");
        if now == written {
            break;
        }
        written = now;
    }
    drop(stream);
    server.counts().until(|counts| counts.closed == 1).await;
}
