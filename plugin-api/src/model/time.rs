//! Points in time.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An instant in UTC with microsecond precision. Text form: RFC 3339, such as
/// `2026-11-24T05:30:00.123456Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(jiff::Timestamp);

impl Timestamp {
    /// The present instant by the system clock.
    pub fn now() -> Self {
        let now = jiff::Timestamp::now();
        Self(jiff::Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now))
    }

    /// Microseconds since 1970-01-01T00:00:00Z; negative before.
    pub fn as_microseconds(self) -> i64 {
        self.0.as_microsecond()
    }

    /// The instant this many microseconds after 1970-01-01T00:00:00Z, held within the years
    /// -9999 to 9999.
    pub fn from_microseconds(microseconds: i64) -> Self {
        let held = microseconds
            .clamp(jiff::Timestamp::MIN.as_microsecond(), jiff::Timestamp::MAX.as_microsecond());
        Self(jiff::Timestamp::from_microsecond(held).unwrap_or(jiff::Timestamp::UNIX_EPOCH))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
