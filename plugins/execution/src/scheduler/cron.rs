//! Cron expressions, and when they are due in a time zone that changes its clocks.

use croner::Cron;
use croner::parser::CronParser;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use ratchet_plugin_api::{Error, Result, did_you_mean, nearest};

use super::field::{DAY, Field, HOUR, MINUTE, MONTH, SECOND, WEEKDAY, YEAR};

/// Names for whole expressions.
const NICKNAMES: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

/// An expression that was read.
///
/// What happens when clocks are changed is as in Debian's cron. An expression whose minute or hour
/// begins with `*` is due whenever the clock on the wall shows one of its times: never at times
/// that are skipped, twice at times that come twice, so its intervals stay what they are. Any other
/// is due once for each of its times: right after a gap for those in it, and at the first of two.
#[derive(Clone, Debug)]
pub(super) struct CronExpression {
    /// Only ever asked about clocks that are not changed.
    cron: Cron,
    fixed: bool,
}

impl CronExpression {
    /// Reads 5 fields (minute hour day month weekday), 6 (with seconds first), 7 (with the year
    /// last), or a name such as `@daily`.
    ///
    /// # Errors
    /// `Invalid`, naming the field that is wrong and what it allows.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let named = expand(text.trim())?;
        let mut given: Vec<&str> = named.split_whitespace().collect();
        let fields: &[&Field] = match given.len() {
            5 => {
                given.insert(0, "0");
                &[&SECOND, &MINUTE, &HOUR, &DAY, &MONTH, &WEEKDAY]
            }
            6 => &[&SECOND, &MINUTE, &HOUR, &DAY, &MONTH, &WEEKDAY],
            7 => &[&SECOND, &MINUTE, &HOUR, &DAY, &MONTH, &WEEKDAY, &YEAR],
            count => {
                return Err(Error::invalid(format!(
                    "the cron expression `{text}` has {count} fields; it has 5 (minute hour \
                     day-of-month month weekday), 6 (with seconds first) or 7 (with the year last)"
                )));
            }
        };
        let normal: Result<Vec<String>> =
            fields.iter().zip(&given).map(|(field, text)| field.normal(text)).collect();
        let normal = normal.map_err(|error| {
            let message = format!("the cron expression `{text}` makes no sense: {}", error.message);
            Error::invalid(message)
        })?;
        let cron = CronParser::new().parse(&normal.join(" ")).map_err(|error| {
            Error::invalid(format!("the cron expression `{text}` makes no sense: {error}"))
        })?;
        let wild = |field: &str| field.split(',').any(|part| part.starts_with('*'));
        Ok(Self { cron, fixed: !wild(given[1]) && !wild(given[2]) })
    }

    /// The first time after `after` at which it is due; none if there is none.
    pub(super) fn next(&self, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
        if self.fixed { self.next_fixed(zone, after) } else { self.next_wild(zone, after) }
    }

    /// Goes through the times on the wall, each of which stands for one instant.
    fn next_fixed(&self, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
        let mut wall = zone.to_datetime(after);
        loop {
            wall = self.cron.find_next_occurrence(&wall, false).ok()?;
            let instant = the_instant(zone, wall)?;
            if instant > after {
                return Some(instant);
            }
        }
    }

    /// Goes through the spans between changes of the clock, within which it simply runs.
    fn next_wild(&self, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
        let (mut from, mut inclusive) = (after, false);
        loop {
            let offset = zone.to_offset(from);
            let wall = self.cron.find_next_occurrence(&offset.to_datetime(from), inclusive).ok()?;
            let instant = offset.to_timestamp(wall).ok()?;
            match zone.following(from).next() {
                Some(change) if change.timestamp() <= instant => {
                    (from, inclusive) = (change.timestamp(), true);
                }
                _ => return Some(instant),
            }
        }
    }
}

/// The instant at which a time on the wall counts: the first of two, or the end of the gap it is
/// in.
fn the_instant(zone: &TimeZone, wall: DateTime) -> Option<Timestamp> {
    let instant = zone.to_ambiguous_timestamp(wall);
    if !matches!(instant.offset(), AmbiguousOffset::Gap { .. }) {
        return instant.earlier().ok();
    }
    // By the clock that applies after the gap, a time in it is before the change.
    let before = instant.earlier().ok()?;
    zone.following(before).next().map(|change| change.timestamp())
}

fn expand(text: &str) -> Result<&str> {
    if !text.starts_with('@') {
        return Ok(text);
    }
    let lower = text.to_ascii_lowercase();
    let found = NICKNAMES.iter().find(|(name, _)| *name == lower);
    found.map(|(_, expression)| *expression).ok_or_else(|| {
        let names = NICKNAMES.map(|(name, _)| name);
        let hint = did_you_mean(nearest(&lower, names));
        Error::invalid(format!(
            "`{text}` is no cron expression; the names there are: {}{hint}",
            names.join(", ")
        ))
    })
}

#[cfg(test)]
mod tests;
