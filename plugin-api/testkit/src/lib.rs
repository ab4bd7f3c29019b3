//! What a plugin's tests need: a host in the test's own process, an HTTP server, contract tests.
//!
//! [`TestHost`] stands in for the host, so a plugin is started, called and stopped without a host
//! binary and without being built as a shared library. [`contract`] holds the checks that every
//! provider of a contract must pass, ours and third parties' alike. [`http_server`] is an origin
//! server that does what it is told, for plugins that speak HTTP.
//!
//! ```
//! use std::sync::Arc;
//!
//! use ratchet_plugin_api::model::{FetchPart, FetchRequest, FetchResponse};
//! use ratchet_plugin_api::services::HttpFetcher;
//! use ratchet_plugin_api::{Context, Error, Plugin, Result, Slot, Stream, config, service};
//! use ratchet_testkit::TestHost;
//!
//! // The plugin under test: asks an HTTP service for the weather.
//! struct Weather { fetcher: Slot<dyn HttpFetcher>, url: String }
//!
//! #[config]
//! struct Config {
//!     /// Where to ask.
//!     url: String,
//! }
//!
//! impl Plugin for Weather {
//!     type Config = Config;
//!
//!     async fn start(context: Context, config: Config) -> Result<Self> {
//!         Ok(Self { fetcher: context.slot(), url: config.url })
//!     }
//! }
//!
//! impl Weather {
//!     async fn status(&self) -> Result<u16> {
//!         let request = FetchRequest {
//!             method: "GET".into(),
//!             url: self.url.clone(),
//!             headers: Vec::new(),
//!             body: None,
//!             redirect: Default::default(),
//!             timeout_ms: None,
//!             max_body_bytes: None,
//!         };
//!         Ok(self.fetcher.get()?.fetch(request).await?.status)
//!     }
//! }
//!
//! // What it depends on, as the test wants it.
//! struct Teapot;
//!
//! #[service]
//! impl HttpFetcher for Teapot {
//!     async fn fetch(&self, request: FetchRequest) -> Result<FetchResponse> {
//!         Ok(FetchResponse {
//!             status: 418,
//!             status_text: "I'm a teapot".into(),
//!             url: request.url,
//!             redirected: false,
//!             headers: Vec::new(),
//!             body: Default::default(),
//!         })
//!     }
//!
//!     async fn open(&self, _: FetchRequest) -> Result<Stream<FetchPart>> {
//!         Err(Error::unavailable("this one does not stream"))
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let host = TestHost::new().with::<dyn HttpFetcher>("", Arc::new(Teapot));
//! let weather = host.start::<Weather>(serde_json::json!({"url": "https://example.com/"})).await?;
//! assert_eq!(weather.status().await?, 418);
//! # Result::<()>::Ok(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

pub mod contract;
mod fake_host;
pub mod history;
pub mod http_server;
pub mod memory;
mod test_host;

pub use fake_host::FakeHost;
pub use test_host::TestHost;
