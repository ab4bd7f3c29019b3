//! What JavaScript engine plugins share: everything of a run that does not depend on the engine.
//!
//! Who should read this: authors of engine plugins. One implements [`Engine`] and [`Realm`] for an
//! engine, starts a [`JsThread`] with it, and forwards the four methods of
//! [`JsRuntime`](ratchet_plugin_api::services::JsRuntime) to that. Entry forms, web APIs, `fetch`,
//! error classes, captured logs, limits, schema checks and the event loop come from here, so tasks
//! behave alike on every engine; the feature `contract` holds the cases that show it.
//!
//! How a run goes: the input is checked against its schema; the entry form is recognised from the
//! source; the source is evaluated in a fresh context; the entry function is called with the input;
//! timers and requests are served until its promise settles; the output is serialised, measured and
//! checked. What a task sees beyond the language is JavaScript in `src/js`, evaluated when first
//! touched, on top of one native function.

#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

#[cfg(feature = "contract")]
pub mod contract;
mod engine;
mod failure;
mod globals;
mod host;
mod json;
pub mod modules;
mod run;
mod schema;
mod source;
mod thread;

pub use engine::{
    Engine, ErrorClass, Evaluated, Fault, FromJs, Module, Realm, SourceKind, SyntaxFault, ToJs,
    Visit,
};
pub use globals::Native;
pub use host::{FetchPort, Host};
pub use source::unsafe_to_parse;
pub use thread::JsThread;
