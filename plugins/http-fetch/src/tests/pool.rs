//! Connections are shared, reused, and made no earlier than they are needed.

use std::sync::Arc;

use futures_util::future::join_all;
use ratchet_plugin_api::services::HttpFetcher;
use ratchet_testkit::TestHost;
use ratchet_testkit::http_server::{HttpServer, Reply};
use tokio::sync::Barrier;

use super::{config, fetcher, get};
use crate::HttpFetch;
use crate::resolver::SystemLookup;

#[tokio::test]
async fn requests_one_after_another_share_a_connection() {
    let server = HttpServer::start(|_| async { Reply::ok("hello") }).await;
    let fetcher = fetcher(|_| {});
    for _ in 0..20 {
        fetcher.fetch(get(server.url("/"))).await.unwrap();
    }
    let counts = server.counts().now();
    assert_eq!((counts.requests, counts.connections), (20, 1));
}

#[tokio::test]
async fn a_pool_of_nothing_keeps_nothing() {
    let server = HttpServer::start(|_| async { Reply::ok("hello") }).await;
    let fetcher = fetcher(|config| config.http.connection_pool.max_idle_per_host = 0);
    for _ in 0..3 {
        fetcher.fetch(get(server.url("/"))).await.unwrap();
    }
    assert_eq!(server.counts().now().connections, 3);
}

#[tokio::test]
async fn requests_at_the_same_time_are_under_way_at_the_same_time() {
    const AT_ONCE: usize = 24;
    // Nobody is answered before all have asked.
    let barrier = Arc::new(Barrier::new(AT_ONCE));
    let server = HttpServer::start(move |_| {
        let barrier = Arc::clone(&barrier);
        async move {
            barrier.wait().await;
            Reply::ok("all here")
        }
    })
    .await;
    let fetcher = fetcher(|_| {});
    let all = join_all((0..AT_ONCE).map(|_| fetcher.fetch(get(server.url("/"))))).await;
    assert!(all.into_iter().all(|response| response.unwrap().status == 200));
}

#[tokio::test]
async fn nothing_is_made_before_the_first_request() {
    let server = HttpServer::start(|_| async { Reply::ok("hello") }).await;
    let plugin = HttpFetch::new(config(|_| {}), Arc::new(SystemLookup)).unwrap();
    assert!(!plugin.client.is_built());
    plugin.fetch(get(server.url("/"))).await.unwrap();
    assert!(plugin.client.is_built());
}

#[test]
fn a_caller_needs_neither_network_nor_clock_of_its_own() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (server, client) = runtime.block_on(async {
        let server = HttpServer::start(|_| async { Reply::ok("hello") }).await;
        let plugin = HttpFetch::new(config(|_| {}), Arc::new(SystemLookup)).unwrap();
        let host = TestHost::new().with::<dyn HttpFetcher>("", Arc::new(plugin));
        (server, host.service::<dyn HttpFetcher>("").unwrap())
    });
    let bare = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let response = bare.block_on(client.fetch(get(server.url("/")))).unwrap();
    assert_eq!(&response.body[..], b"hello");
}
