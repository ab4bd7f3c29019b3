//! Points in time.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

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

    /// The instant this much later, held within the same years.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        let wait = i64::try_from(wait.as_micros()).unwrap_or(i64::MAX);
        Self::from_microseconds(self.as_microseconds().saturating_add(wait))
    }

    /// How long after `earlier` this is; zero if it is not.
    pub fn since(self, earlier: Self) -> Duration {
        let passed = self.as_microseconds().saturating_sub(earlier.as_microseconds());
        Duration::from_micros(u64::try_from(passed).unwrap_or(0))
    }
}

impl FromStr for Timestamp {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let read: jiff::Timestamp = text.parse().map_err(|_| {
            Error::invalid(format!(
                "`{text}` is not a time; a time looks like 2026-11-24T05:30:00Z (RFC 3339)"
            ))
        })?;
        Ok(Self::from_microseconds(read.as_microsecond()))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
