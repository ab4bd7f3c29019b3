//! The frozen waist: the only types whose memory layout two compilers must agree on.
//!
//! Everything here is private to the crate but [`HostHandle`], [`ServiceHandle`], [`RawStream`],
//! [`PluginHandle`] and [`PluginModuleRef`], which the host needs and which show plain Rust types
//! on their faces. `abi_stable` is named nowhere else in this crate, so a change of mechanism is
//! a change of this folder.
//!
//! Rules (the layout check and the golden-artifact test enforce them): a struct passed by value
//! never changes; a trait grows only at its end, by methods with default bodies; everything that
//! may grow in another way travels as encoded bytes.
//!
//! The feature `next-minor` rehearses growth: it adds a method to every trait and a field to the
//! root module, for tests in which both versions meet. It is never enabled in a build that is
//! shipped.

// `sabi_trait` expands to unsafe code; what is written here by hand is marked one by one.
#![allow(unsafe_code, missing_docs, unreachable_pub, non_local_definitions)]

mod frame;
mod future;
mod growth;
mod host;
mod module;
mod service;
mod stream;

pub use host::{Alive, Binding, Host, HostHandle, LogRecord};
pub use module::{PluginHandle, PluginModuleRef, RawPlugin};
pub use service::{RawService, ServiceHandle};
pub use stream::RawStream;

#[doc(hidden)]
pub use module::{Header, Make, export};

use abi_stable::std_types::{RResult, RVec};

use crate::{Result, wire};

/// What crosses in place of `Result<Vec<u8>>`: a failure is an encoded [`Error`](crate::Error).
pub type Reply<T> = RResult<T, RVec<u8>>;

fn reply<T, U: From<T>>(result: Result<T>) -> Reply<U> {
    match result {
        Ok(value) => RResult::ROk(value.into()),
        Err(error) => RResult::RErr(wire::encode_error(&error).into()),
    }
}

fn unreply<T, U: From<T>>(reply: Reply<T>) -> Result<U> {
    match reply {
        RResult::ROk(value) => Ok(value.into()),
        RResult::RErr(bytes) => Err(wire::decode_error(&bytes)),
    }
}

/// Runs `body`, turning a panic into an error of the caller. `sabi_trait` methods would otherwise
/// end the process.
fn guarded<T>(what: &str, body: impl FnOnce() -> Result<T>) -> Result<T> {
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)) {
        Ok(result) => result,
        Err(payload) => Err(crate::guard::panicked(what, payload)),
    }
}
