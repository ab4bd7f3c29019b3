//! When a schedule is due: cron expressions and intervals behind one face.

use std::time::Duration;

use jiff::tz::TimeZone;
use ratchet_plugin_api::model::{Timestamp, Timing};
use ratchet_plugin_api::{Error, Result, did_you_mean, nearest};

use super::cron::CronExpression;

/// The shortest interval there is, in milliseconds.
const SHORTEST_MS: u64 = 1_000;

/// The longest interval there is, in milliseconds: 3650 days.
const LONGEST_MS: u64 = 3_650 * 86_400_000;

/// A timing that was read.
#[derive(Clone, Debug)]
pub(crate) enum Clockwork {
    /// As an expression says, by the clocks of a time zone.
    Cron(Box<CronExpression>, TimeZone),
    /// Again and again after the same time.
    Every(Duration),
}

impl Clockwork {
    /// Reads a timing with its time zone, which has to make sense for intervals too.
    ///
    /// # Errors
    /// `Invalid`, saying which part makes no sense and what would.
    pub(crate) fn new(timing: &Timing, timezone: &str) -> Result<Self> {
        let zone = find_zone(timezone)?;
        match timing {
            Timing::Cron(text) => Ok(Self::Cron(Box::new(CronExpression::parse(text)?), zone)),
            Timing::EveryMs(every @ SHORTEST_MS..=LONGEST_MS) => {
                Ok(Self::Every(Duration::from_millis(*every)))
            }
            Timing::EveryMs(every) => Err(Error::invalid(format!(
                "an interval of {every} ms is out of bounds; it is 1 second to 3650 days"
            ))),
        }
    }

    /// The first time after `after` at which it is due; none if there is none. Intervals keep the
    /// step of `anchor`, a time at which it was, is or could have been due.
    pub(crate) fn next(&self, anchor: Timestamp, after: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Cron(expression, zone) => expression.next(zone, inner(after)).map(outer),
            Self::Every(every) => {
                let step = i64::try_from(every.as_micros()).unwrap_or(i64::MAX);
                let (anchor, after) = (anchor.as_microseconds(), after.as_microseconds());
                let steps = after.saturating_sub(anchor).div_euclid(step) + 1;
                Some(Timestamp::from_microseconds(
                    anchor.saturating_add(step.saturating_mul(steps)),
                ))
            }
        }
    }

    /// The next `count` times after `after`.
    pub(crate) fn next_many(
        &self,
        anchor: Timestamp,
        after: Timestamp,
        count: usize,
    ) -> Vec<Timestamp> {
        let first = self.next(anchor, after);
        std::iter::successors(first, |last| self.next(anchor, *last)).take(count).collect()
    }

    /// The last time at which it is due from `due`, at which it is, up to `now`.
    pub(crate) fn last(&self, due: Timestamp, now: Timestamp) -> Timestamp {
        let (mut last, mut end) = (due, now);
        // Halves the time in which it is sought, so that a second's interval over a year of
        // absence costs nothing.
        while let Some(next) = self.next(due, last).filter(|next| *next <= now) {
            last = next;
            let middle = last.after(end.since(last) / 2);
            match self.next(due, middle).filter(|next| *next <= now) {
                Some(later) => last = later,
                None => end = middle,
            }
        }
        last
    }
}

/// The time zone of this name.
///
/// # Errors
/// `Invalid`, with the nearest name.
pub(crate) fn find_zone(name: &str) -> Result<TimeZone> {
    jiff::tz::db().get(name).map_err(|_| {
        let known: Vec<String> =
            jiff::tz::db().available().map(|zone| zone.as_str().to_owned()).collect();
        let hint = did_you_mean(nearest(name, known.iter().map(String::as_str)));
        Error::invalid(format!(
            "there is no time zone `{name}`; one is named as in the IANA database, such as \
             `Europe/Berlin` or `UTC`{hint}"
        ))
    })
}

/// The time as jiff has it.
pub(crate) fn inner(time: Timestamp) -> jiff::Timestamp {
    // Both hold the same years.
    jiff::Timestamp::from_microsecond(time.as_microseconds()).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}

fn outer(time: jiff::Timestamp) -> Timestamp {
    Timestamp::from_microseconds(time.as_microsecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn intervals_keep_their_step() {
        let every = Clockwork::new(&Timing::EveryMs(300_000), "UTC").unwrap();
        let anchor = at("2026-11-24T10:01:00Z");
        let next = |after| every.next(anchor, at(after)).unwrap();
        assert_eq!(next("2026-11-24T10:01:00Z"), at("2026-11-24T10:06:00Z"));
        assert_eq!(next("2026-11-24T10:05:59.999999Z"), at("2026-11-24T10:06:00Z"));
        assert_eq!(next("2026-11-24T12:00:30Z"), at("2026-11-24T12:01:00Z"));
        assert_eq!(next("2026-11-24T09:59:00Z"), at("2026-11-24T10:01:00Z"));
    }

    #[test]
    fn the_last_time_is_found_without_going_through_all() {
        let (due, now) = (at("2020-01-01T00:00:00Z"), at("2026-11-24T10:17:42.5Z"));
        for (timing, expected) in [
            (Timing::EveryMs(1_000), "2026-11-24T10:17:42Z"),
            (Timing::Cron("*/5 * * * * *".into()), "2026-11-24T10:17:40Z"),
            (Timing::Cron("0 0 29 2 *".into()), "2024-02-29T00:00:00Z"),
            (Timing::Cron("0 0 1 1 *".into()), "2026-01-01T00:00:00Z"),
            (Timing::Cron("0 0 0 1 1 * 2020".into()), "2020-01-01T00:00:00Z"),
        ] {
            let clockwork = Clockwork::new(&timing, "UTC").unwrap();
            assert_eq!(clockwork.last(due, now), at(expected), "{timing:?}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_said() {
        let error = Clockwork::new(&Timing::EveryMs(10), "UTC").unwrap_err();
        assert!(error.message.contains("1 second"), "{error}");
        let error = find_zone("Europe/Berln").unwrap_err();
        assert!(error.message.ends_with("did you mean `Europe/Berlin`?"), "{error}");
    }
}
