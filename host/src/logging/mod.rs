//! The log: takes records of the host and its plugins to where configuration wants them.

use std::sync::Arc;
use std::sync::atomic::AtomicU8;

use ratchet_plugin_api::abi::LogRecord;

use crate::cli::Color;
use crate::config::settings;
use crate::diagnostic::Diagnostic;

/// The running log. Dropping it writes what is still queued.
pub struct Logging {
    /// Takes a record; never blocks.
    pub sink: Arc<dyn Fn(LogRecord) + Send + Sync>,
    /// The most verbose level (1 error to 5 trace) that anything listens to; 0 for none.
    pub gate: &'static AtomicU8,
}

impl Logging {
    /// Waits until everything logged so far is written.
    pub fn flush(&self) {
        todo!()
    }
}

/// Starts the log and makes it the subscriber of the host's own `tracing`.
///
/// # Errors
/// A file that cannot be opened, a level that cannot be understood.
pub fn start(settings: &settings::Logging, color: Color) -> Result<Logging, Vec<Diagnostic>> {
    let _ = (settings, color);
    todo!()
}
