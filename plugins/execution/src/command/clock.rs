//! Times and durations as people at a shell write and read them.

use std::time::Duration;

use jiff::tz::TimeZone;
use ratchet_plugin_api::model::Timestamp;
use ratchet_plugin_api::{Error, Result};

use crate::why::span;

/// The present time and the time zone that times are shown in.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    now: Timestamp,
    zone: TimeZone,
}

const UNITS: [(&str, u64); 6] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
    ("w", 604_800_000),
];

impl Clock {
    /// This machine's.
    pub(super) fn local() -> Self {
        Self { now: Timestamp::now(), zone: TimeZone::system() }
    }

    /// One that stands still.
    #[cfg(test)]
    pub(super) fn fixed(now: &str, zone: &str) -> Result<Self> {
        let zone = TimeZone::get(zone).map_err(|error| Error::internal(error.to_string()))?;
        Ok(Self { now: now.parse()?, zone })
    }

    /// A point in time: RFC 3339, or a date and time by the local clock such as `2026-11-24 18:30`.
    ///
    /// # Errors
    /// `Invalid`, naming the option.
    pub(super) fn read_time(&self, option: &str, text: &str) -> Result<Timestamp> {
        if let Ok(time) = text.parse() {
            return Ok(time);
        }
        let civil: Option<jiff::civil::DateTime> = text.trim().replace(' ', "T").parse().ok();
        let zoned = civil.and_then(|civil| civil.to_zoned(self.zone.clone()).ok());
        zoned
            .map(|zoned| Timestamp::from_microseconds(zoned.timestamp().as_microsecond()))
            .ok_or_else(|| {
                Error::invalid(format!(
                    "{option} is `{text}`; it is a time such as 2026-11-24T18:30:00Z, or \
                     `2026-11-24 18:30` by the local clock"
                ))
            })
    }

    /// A point in the past: so long ago (`90s`, `2h`, `7d`), or a time as above.
    ///
    /// # Errors
    /// `Invalid`, naming the option.
    pub(super) fn read_past(&self, option: &str, text: &str) -> Result<Timestamp> {
        match duration(text) {
            Some(ago) => {
                let micros = i64::try_from(ago.as_micros()).unwrap_or(i64::MAX);
                let then = self.now.as_microseconds().saturating_sub(micros);
                Ok(Timestamp::from_microseconds(then))
            }
            None => self.read_time(option, text).map_err(|error| {
                Error::invalid(format!("{}, or so long ago, such as 90s, 2h, 7d", error.message))
            }),
        }
    }

    /// The present time.
    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    /// `2026-11-24 10:05:00 (4 min ago)`, by the local clock.
    pub(super) fn show(&self, time: Timestamp) -> String {
        let relative = if time > self.now {
            format!("in {}", span(time.since(self.now)))
        } else {
            format!("{} ago", span(self.now.since(time)))
        };
        format!("{} ({relative})", self.show_exactly(time))
    }

    /// `2026-11-24 10:05:00` by the local clock.
    pub(super) fn show_exactly(&self, time: Timestamp) -> String {
        let civil = self.civil(time);
        civil.strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// `10:05:00.123` by the local clock, for lines of log.
    pub(super) fn show_of_day(&self, time: Timestamp) -> String {
        self.civil(time).strftime("%H:%M:%S%.3f").to_string()
    }

    fn civil(&self, time: Timestamp) -> jiff::civil::DateTime {
        let instant = jiff::Timestamp::from_microsecond(time.as_microseconds());
        self.zone.to_datetime(instant.unwrap_or(jiff::Timestamp::UNIX_EPOCH))
    }
}

/// A duration such as `250ms`, `90s`, `1h30m`; none for anything else.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let (mut rest, mut total) = (text.trim(), 0_u64);
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        let unit = &rest[digits..];
        let letters = unit.find(|letter: char| letter.is_ascii_digit()).unwrap_or(unit.len());
        let (_, milliseconds) = UNITS.iter().find(|(name, _)| *name == &unit[..letters])?;
        total = total.checked_add(number.checked_mul(*milliseconds)?)?;
        rest = &unit[letters..];
    }
    Some(Duration::from_millis(total))
}

/// A duration in milliseconds.
///
/// # Errors
/// `Invalid`, naming the option.
pub(super) fn read_milliseconds(option: &str, text: &str) -> Result<u64> {
    let read = duration(text).ok_or_else(|| {
        Error::invalid(format!("{option} is `{text}`; it is a duration such as 90s, 5m, 1h30m, 7d"))
    })?;
    Ok(u64::try_from(read.as_millis()).unwrap_or(u64::MAX))
}

/// How long something took, with three digits that count.
pub(super) fn took(microseconds: u64) -> String {
    match microseconds {
        0..=999 => format!("{microseconds} µs"),
        1_000..=999_999 => format!("{:.1} ms", microseconds as f64 / 1_000.0),
        _ => format!("{:.2} s", microseconds as f64 / 1_000_000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock() -> Clock {
        Clock::fixed("2026-11-24T09:05:00Z", "Europe/Berlin").unwrap()
    }

    #[test]
    fn durations_are_read_with_their_units() {
        let seconds = |text| duration(text).map(|duration| duration.as_secs_f64());
        assert_eq!(seconds("90s"), Some(90.0));
        assert_eq!(seconds("1h30m"), Some(5_400.0));
        assert_eq!(seconds("250ms"), Some(0.25));
        assert_eq!(seconds("2w"), Some(1_209_600.0));
        for text in ["", "90", "s", "1x", "1.5h", "-1s", "1h30", "99999999999999999999s"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn times_are_local_unless_they_say_otherwise() {
        let read = |text| clock().read_time("--at", text).unwrap().to_string();
        assert_eq!(read("2026-11-24T18:30:00+01:00"), "2026-11-24T17:30:00Z");
        assert_eq!(read("2026-11-24 18:30"), "2026-11-24T17:30:00Z");
        assert_eq!(read("2026-07-01T12:00:05"), "2026-07-01T10:00:05Z");
        let past = clock().read_past("--since", "1h").unwrap().to_string();
        assert_eq!(past, "2026-11-24T08:05:00Z");
        let error = clock().read_past("--since", "yesterday").unwrap_err();
        assert!(error.message.starts_with("--since is `yesterday`; "), "{error}");
    }

    #[test]
    fn times_are_shown_by_the_local_clock_and_from_now() {
        let show = |text: &str| clock().show(text.parse().unwrap());
        assert_eq!(show("2026-11-24T09:01:00Z"), "2026-11-24 10:01:00 (4 min ago)");
        assert_eq!(show("2026-11-24T12:05:00Z"), "2026-11-24 13:05:00 (in 3 h)");
        assert_eq!(took(35_240), "35.2 ms");
    }
}
