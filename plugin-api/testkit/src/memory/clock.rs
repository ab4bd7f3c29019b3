//! The clock of a store under test.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use ratchet_plugin_api::model::Timestamp;

/// Tells a store the time: that of the system, or one that only a test moves.
#[derive(Debug)]
pub struct Clock {
    /// Whether time passes by itself.
    runs: bool,
    /// Microseconds added to the system's time, or the time itself when it does not run.
    offset: AtomicI64,
}

impl Clock {
    /// The time of the system, plus what [`Clock::advance`] adds.
    pub fn system() -> Self {
        Self { runs: true, offset: AtomicI64::new(0) }
    }

    /// A time that stands still until it is advanced.
    pub fn stopped_at(start: Timestamp) -> Self {
        Self { runs: false, offset: AtomicI64::new(start.as_microseconds()) }
    }

    /// The present time.
    pub fn now(&self) -> Timestamp {
        let offset = self.offset.load(Ordering::SeqCst);
        let base = if self.runs { Timestamp::now().as_microseconds() } else { 0 };
        Timestamp::from_microseconds(base.saturating_add(offset))
    }

    /// Sets it back, as an operator may.
    pub fn set_back(&self, by: Duration) {
        let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        self.offset.fetch_sub(by, Ordering::SeqCst);
    }

    /// Lets so much time pass at once.
    pub fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        self.offset.fetch_add(by, Ordering::SeqCst);
    }
}
