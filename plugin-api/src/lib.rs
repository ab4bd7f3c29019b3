//! All that a Ratchet plugin depends on.
//!
//! Who should read this: authors of plugins. A plugin is a shared library (`crate-type =
//! ["cdylib"]`) with one type that implements [`Plugin`], a [`#[config]`](config) struct for its
//! configuration, and one [`plugin!`] that says what it is called and which [`services`] it
//! provides and needs. [`Plugin`] shows a whole one.
//!
//! A plugin meets others only through services: [`#[service]`](service) on an `impl` provides one,
//! [`Context::slot`] finds one. Both ends may be in one process or in two, built by different
//! compilers against different 1.x versions of this crate: a contract only ever grows.
//!
//! What a service promises on every call: the caller's deadline bounds it ([`Call`]); dropping the
//! future cancels it; a panic becomes an [`Error`] of that call alone; and what is logged with
//! `tracing` reaches the host's log with the caller's trace.
//!
//! Nothing here does I/O. [`abi`] and the hidden modules are for the host and the macros.

#![cfg_attr(not(test), warn(clippy::unwrap_used))]

extern crate self as ratchet_plugin_api;

pub mod abi;
mod bridge;
mod call;
mod context;
mod error;
mod guard;
mod instance;
pub mod manifest;
pub mod model;
mod plugin;
#[doc(hidden)]
pub mod render;
pub mod schema;
mod service;
pub mod services;
pub mod shell;
mod stream;
mod suggest;
pub mod wire;

pub use call::Call;
pub use context::{Context, Provided, Slot};
pub use error::{Code, Error, Result};
pub use plugin::Plugin;
pub use schema::{NoConfig, Secret};
pub use service::Service;
pub use stream::{Stream, StreamSender};
pub use suggest::{did_you_mean, nearest};

/// What hosts, tests and the macros use below the types an author meets: services as handles,
/// executors, and the layer that carries events to a log.
pub mod raw {
    pub use crate::bridge::LogBridge;
    pub use crate::guard::{BoxFuture, Executor};
    pub use crate::service::{Cardinality, Declaration, Remote, export};
}

/// Declares a shell command's arguments: a struct whose fields are its options.
///
/// The documentation comment of each field is its help. An `Option` may be left out, a `bool` is a
/// switch, a `Vec` may be repeated. `#[default(…)]` gives a default, `#[arg(positional)]` makes it
/// a positional argument, `#[arg(short = 'f', value_name = "PATH")]` adjusts its look.
pub use ratchet_plugin_api_macros::command;

/// Declares configuration: a struct whose fields are its keys, or an enum of words.
///
/// The documentation comment of each field is its description in the configuration's schema.
/// `#[default(…)]` gives the value used when the key is absent, a literal or nothing for the type's
/// own default; an `Option` may be absent; anything else is required. `#[section("http")]` takes a
/// field from that section of the whole configuration instead of from the plugin's own.
pub use ratchet_plugin_api_macros::config;

/// Makes a type a plugin: its id, what it provides and needs, its commands.
///
/// `provides: [Contract as "name", inline Contract]`: the name tells providers of a contract with
/// many apart; `inline` polls its futures on the caller's thread, which is quicker and right for
/// code that never blocks. `later Contract` says that the plugin will provide it under names that
/// are known only when it runs, with [`Context::provide`].
pub use ratchet_plugin_api_macros::plugin;

/// On a trait of `async fn`s, declares a contract; on an `impl` of one, provides it.
pub use ratchet_plugin_api_macros::service;

/// For the macros. Not part of the api.
#[doc(hidden)]
pub mod __private {
    pub use crate::abi::{Header, HostHandle, Make, RawPlugin, RawStream, export as export_module};
    pub use crate::context::Provided;
    pub use crate::instance::{Provides, make};
    pub use crate::schema::{Argument, Choice, Configuration, Described, Field, Schema};
    pub use crate::shell::{CommandArguments, CommandRouter, Runner, run_command};
    pub use async_trait::async_trait;
    pub use serde;
    pub use serde_json;

    use std::sync::Arc;

    use crate::raw::Executor;
    use crate::{Context, Result, Service};

    pub fn provide<S: Service + ?Sized>(
        context: &Context,
        instance: &str,
        provider: Arc<S>,
        inline: bool,
    ) -> Result<Provided> {
        let runtime = context.runtime().clone();
        let executor = if inline { Executor::inline(runtime) } else { Executor::spawned(runtime) };
        context.provide_on(instance, provider, executor)
    }
}

/// The author's guide: its code is compiled and run with the other examples.
#[cfg(doctest)]
#[doc = include_str!("../../docs/plugin-authors.md")]
struct AuthorsGuide;
