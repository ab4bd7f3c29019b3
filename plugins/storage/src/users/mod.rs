//! Users, their keys and sessions, and what is on record.

mod key;
mod record;
mod session;
mod store;
mod user;

use ratchet_plugin_api::{Code, Error};

/// How stale the time of the last use may be, in microseconds, so that not every request writes.
const USE_PRECISION: i64 = 60_000_000;

/// The error for something that proves nothing.
fn denied(reason: &str, message: &str) -> Error {
    Error::new(Code::Denied, message).with_reason(reason)
}
