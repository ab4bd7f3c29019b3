//! The fields of a cron expression: what each allows, and what is wrong with one that it does not.

use std::ops::RangeInclusive;

use ratchet_plugin_api::{Error, Result, did_you_mean, nearest};

/// One field: what it is called and which values it has.
pub(super) struct Field {
    /// What errors call it.
    name: &'static str,
    values: RangeInclusive<u16>,
    /// Names for the values from the first on, in capitals.
    names: &'static [&'static str],
    days: Days,
}

/// What a field may say about days beyond numbers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Days {
    No,
    OfMonth,
    OfWeek,
}

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];

const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

const fn plain(name: &'static str, values: RangeInclusive<u16>) -> Field {
    Field { name, values, names: &[], days: Days::No }
}

pub(super) const SECOND: Field = plain("second", 0..=59);
pub(super) const MINUTE: Field = plain("minute", 0..=59);
pub(super) const HOUR: Field = plain("hour", 0..=23);
pub(super) const DAY: Field = Field { days: Days::OfMonth, ..plain("day of the month", 1..=31) };
pub(super) const MONTH: Field = Field { names: &MONTHS, ..plain("month", 1..=12) };
pub(super) const WEEKDAY: Field =
    Field { names: &WEEKDAYS, days: Days::OfWeek, ..plain("weekday", 0..=7) };
pub(super) const YEAR: Field = plain("year", 1970..=2999);

impl Field {
    /// Checks the field and writes it in numbers, with every step as a range.
    ///
    /// # Errors
    /// `Invalid`, naming the field, the part of it that is wrong, and what is allowed.
    pub(super) fn normal(&self, text: &str) -> Result<String> {
        let (both, rest) = match text.strip_prefix('+') {
            Some(rest) if self.days == Days::OfWeek => ("+", rest),
            _ => ("", text),
        };
        if rest == "?" && self.days != Days::No {
            return Ok("*".to_owned());
        }
        let parts: Vec<&str> = rest.split(',').collect();
        let normal: Result<Vec<String>> = parts.iter().map(|part| self.part(text, part)).collect();
        let normal = normal?;
        let wild = normal.iter().any(|part| part == "*");
        let (last, last_workday) = ("L".to_owned(), "LW".to_owned());
        if normal.contains(&last) && normal.contains(&last_workday) {
            return Err(self.wrong(text, "`L` and `LW` do not go together"));
        }
        Ok(if wild { "*".to_owned() } else { format!("{both}{}", normal.join(",")) })
    }

    fn part(&self, field: &str, part: &str) -> Result<String> {
        if part.is_empty() {
            return Err(self.wrong(field, "there is nothing between two commas or at an end"));
        }
        let upper = part.to_ascii_uppercase();
        match self.days {
            Days::OfMonth if upper == "L" || upper == "LW" || upper == "WL" => {
                return Ok(if upper == "L" { upper } else { "LW".to_owned() });
            }
            Days::OfMonth if upper.ends_with('W') => {
                let day = self.value(field, &upper[..upper.len() - 1])?;
                return Ok(format!("{day}W"));
            }
            Days::OfWeek if upper == "L" => {
                let message = "`L` alone says no weekday; the last Friday of a month is `FRI#L`";
                return Err(self.wrong(field, message));
            }
            Days::OfWeek if upper.contains('#') || upper.ends_with('L') => {
                return self.nth(field, &upper);
            }
            _ => {}
        }
        let Some((range, step)) = upper.split_once('/') else {
            return self.range(field, &upper);
        };
        let span = self.last() - self.values.start() + 1;
        let step: u16 =
            step.parse().ok().filter(|step| (1..=span).contains(step)).ok_or_else(|| {
                self.wrong(field, &format!("the step `{step}` is no number from 1 to {span}"))
            })?;
        let range = match range {
            "*" if step == 1 => return Ok("*".to_owned()),
            "*" => format!("{}-{}", self.values.start(), self.last()),
            range if range.contains('-') => self.range(field, range)?,
            // Quartz's way to say from where on.
            first => format!("{}-{}", self.first(self.value(field, first)?), self.last()),
        };
        Ok(format!("{range}/{step}"))
    }

    /// A weekday of its week in the month: `FRI#2`, `FRI#L`, `5L`.
    fn nth(&self, field: &str, part: &str) -> Result<String> {
        let (days, which) = part.split_once('#').unwrap_or_else(|| (&part[..part.len() - 1], "L"));
        if !matches!(which, "1" | "2" | "3" | "4" | "5" | "L") {
            let message =
                format!("`#{which}` is no week of a month; there is `#1` to `#5` and `#L`");
            return Err(self.wrong(field, &message));
        }
        Ok(format!("{}#{which}", self.range(field, days)?))
    }

    fn range(&self, field: &str, range: &str) -> Result<String> {
        if range == "*" {
            return Ok("*".to_owned());
        }
        let Some((first, last)) = range.split_once('-') else {
            return Ok(self.value(field, range)?.to_string());
        };
        let first = self.value(field, first)?;
        let last = match self.value(field, last)? {
            // Sunday ends a week as well as it begins one.
            0 if self.days == Days::OfWeek && first > 0 => 7,
            last => last,
        };
        if first > last {
            let end = self.last();
            let start = self.values.start();
            let message =
                format!("the range `{range}` goes backwards; write `{first}-{end},{start}-{last}`");
            return Err(self.wrong(field, &message));
        }
        Ok(format!("{first}-{last}"))
    }

    fn value(&self, field: &str, text: &str) -> Result<u16> {
        if let Some(index) = self.names.iter().position(|name| *name == text) {
            return Ok(self.values.start() + index as u16);
        }
        let number: Option<u16> =
            text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
        number.filter(|number| self.values.contains(number)).ok_or_else(|| {
            let hint = did_you_mean(nearest(text, self.names.iter().copied()));
            let what = match text {
                "" => "there is nothing before or after a hyphen".to_owned(),
                text => format!("`{text}` is no {}{hint}", self.name),
            };
            self.wrong(field, &what)
        })
    }

    /// The same value by its first name: Sunday is 0 and 7.
    fn first(&self, value: u16) -> u16 {
        if self.days == Days::OfWeek { value % 7 } else { value }
    }

    /// The last value that is not another name for the first.
    fn last(&self) -> u16 {
        if self.days == Days::OfWeek { 6 } else { *self.values.end() }
    }

    fn wrong(&self, field: &str, what: &str) -> Error {
        let (name, first, last) = (self.name, self.values.start(), self.values.end());
        let names = match (self.names.first(), self.names.last()) {
            (Some(first), Some(last)) => format!(" or {first} to {last}"),
            _ => String::new(),
        };
        let more = match self.days {
            Days::No => "",
            Days::OfMonth => ", `L` (the last), `15W` (the workday nearest the 15th), `LW`",
            Days::OfWeek => ", `FRI#2` (the second Friday), `FRI#L` (the last)",
        };
        let (a, b) = (first, first + 1);
        let article = if name.starts_with('h') { "an" } else { "a" };
        Error::invalid(format!(
            "the {name} `{field}` is wrong: {what}; {article} {name} is {first} to {last}{names}, \
             `*`, a list `{a},{b}`, a range `{a}-{b}`, a step `*/2`{more}"
        ))
    }
}
