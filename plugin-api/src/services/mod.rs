//! The contracts plugins meet through, one file each.
//!
//! A contract grows by adding methods with a default body and optional fields; anything else is a
//! new contract. Implement one with `#[service] impl Contract for MyPlugin`, and use one through
//! [`Context::slot`](crate::Context::slot).

mod command;
mod http_fetcher;
mod js_runtime;
mod output_sink;

pub use command::{Command, Invocation};
pub use http_fetcher::HttpFetcher;
pub use js_runtime::{JsRuntime, RuntimeInfo};
pub use output_sink::OutputSink;
