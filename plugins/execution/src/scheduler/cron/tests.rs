//! Expressions against what a person with a calendar and a clock on the wall would say.

use std::collections::BTreeSet;

use jiff::{SignedDuration, ToSpan as _};

use super::*;

/// Zones that change their clocks in every way there is: by an hour, by half of one, by two, by a
/// day, at midnight, twice a year and four times, and not at all.
const ZONES: [&str; 22] = [
    "Europe/Berlin",
    "Europe/London",
    "Europe/Dublin",
    "Atlantic/Azores",
    "America/New_York",
    "America/St_Johns",
    "America/Havana",
    "America/Santiago",
    "America/Asuncion",
    "America/Nuuk",
    "America/Scoresbysund",
    "Africa/Casablanca",
    "Africa/Cairo",
    "Asia/Beirut",
    "Asia/Gaza",
    "Asia/Tehran",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Australia/Adelaide",
    "Pacific/Chatham",
    "Pacific/Apia",
    "Antarctica/Troll",
];

/// An expression and, independently of it, what it means.
struct Case {
    text: &'static str,
    /// Whether it is due once for each of its times rather than whenever the clock shows one.
    fixed: bool,
    matches: fn(hour: i8, minute: i8) -> bool,
}

const CASES: [Case; 12] = [
    Case { text: "30 2 * * *", fixed: true, matches: |h, m| h == 2 && m == 30 },
    Case { text: "0 0 * * *", fixed: true, matches: |h, m| h == 0 && m == 0 },
    Case { text: "@daily", fixed: true, matches: |h, m| h == 0 && m == 0 },
    Case { text: "15 1,2,3 * * *", fixed: true, matches: |h, m| (1..=3).contains(&h) && m == 15 },
    Case {
        text: "10-40/10 0-4 * * *",
        fixed: true,
        matches: |h, m| h <= 4 && matches!(m, 10 | 20 | 30 | 40),
    },
    Case { text: "59 23 * * *", fixed: true, matches: |h, m| h == 23 && m == 59 },
    Case { text: "0/20 1-23/2 * * *", fixed: true, matches: |h, m| h % 2 == 1 && m % 20 == 0 },
    Case { text: "* * * * *", fixed: false, matches: |_, _| true },
    Case { text: "*/15 * * * *", fixed: false, matches: |_, m| m % 15 == 0 },
    Case { text: "0 * * * *", fixed: false, matches: |_, m| m == 0 },
    Case { text: "45 */3 * * *", fixed: false, matches: |h, m| h % 3 == 0 && m == 45 },
    Case { text: "* 2 * * *", fixed: false, matches: |h, _| h == 2 },
];

/// When the case is due from `start` to `end`, found by looking at every minute there is.
fn by_hand(case: &Case, zone: &TimeZone, start: Timestamp, end: Timestamp) -> Vec<Timestamp> {
    let mut due = BTreeSet::new();
    // What the clock has shown so far, to know whether a time comes for the second time.
    let mut shown = BTreeSet::new();
    let mut before: Option<DateTime> = None;
    let mut instant = start - 50.hours();
    while instant <= end {
        let wall = zone.to_datetime(instant);
        let is_time = |wall: DateTime| (case.matches)(wall.hour(), wall.minute());
        if let Some(before) = before.filter(|_| case.fixed) {
            let mut skipped = before + 1.minute();
            while skipped < wall {
                if is_time(skipped) && shown.insert(skipped) {
                    due.insert(instant);
                }
                skipped += 1.minute();
            }
        }
        let first = shown.insert(wall);
        if is_time(wall) && (first || !case.fixed) {
            due.insert(instant);
        }
        before = Some(wall);
        instant += 1.minute();
    }
    due.into_iter().filter(|instant| (start..=end).contains(instant)).collect()
}

fn by_us(text: &str, zone: &TimeZone, start: Timestamp, end: Timestamp) -> Vec<Timestamp> {
    let expression = CronExpression::parse(text).unwrap();
    let first = expression.next(zone, start - SignedDuration::from_micros(1));
    std::iter::successors(first, |last| expression.next(zone, *last))
        .take_while(|instant| *instant <= end)
        .collect()
}

#[test]
fn every_time_is_due_once_however_clocks_are_changed() {
    let (from, to): (Timestamp, Timestamp) =
        ("2023-01-01T00:00:00Z".parse().unwrap(), "2028-01-01T00:00:00Z".parse().unwrap());
    let mut changes = 0;
    for name in ZONES {
        let zone = TimeZone::get(name).unwrap();
        let mut moments: Vec<Timestamp> =
            zone.following(from).map(|c| c.timestamp()).take_while(|t| *t < to).collect();
        changes += moments.len();
        if name == "Pacific/Apia" {
            // The Friday that Samoa left out.
            moments.push("2011-12-30T10:00:00Z".parse().unwrap());
        }
        moments.push("2026-06-15T12:00:00Z".parse().unwrap());
        for moment in moments {
            let (start, end) = (moment - 26.hours(), moment + 26.hours());
            for case in &CASES {
                let (expected, found) =
                    (by_hand(case, &zone, start, end), by_us(case.text, &zone, start, end));
                assert_eq!(found, expected, "{} in {name} around {moment}", case.text);
            }
        }
    }
    assert!(changes > 140, "only {changes} changes were looked at");
}

#[test]
fn it_does_not_matter_where_one_starts_to_ask() {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    // Clocks go back at 01:00 UTC.
    let change: Timestamp = "2026-10-25T01:00:00Z".parse().unwrap();
    for text in ["30 2 * * *", "*/10 * * * *", "*/20 30 2 * * *", "0 3 * * *"] {
        let expression = CronExpression::parse(text).unwrap();
        let all = by_us(text, &zone, change - 30.hours(), change + 30.hours());
        let mut asked = change - 4.hours();
        while asked < change + 4.hours() {
            let expected = all.iter().find(|instant| **instant > asked).copied();
            assert_eq!(expression.next(&zone, asked), expected, "{text} after {asked}");
            asked += SignedDuration::from_micros(97_000_001);
        }
    }
}

/// The first times of an expression in 2026 by UTC, as civil dates.
fn first(text: &str, count: usize) -> Vec<String> {
    let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let expression = CronExpression::parse(text).unwrap();
    let first = expression.next(&TimeZone::UTC, start - SignedDuration::from_micros(1));
    std::iter::successors(first, |last| expression.next(&TimeZone::UTC, *last))
        .take(count)
        .map(|instant| instant.to_string().trim_end_matches('Z').to_owned())
        .collect()
}

#[test]
fn every_form_means_what_it_says() {
    let table: &[(&str, &[&str])] = &[
        ("0 9 * * 1", &["2026-01-05T09:00:00", "2026-01-12T09:00:00"]),
        ("0 9 * * MON", &["2026-01-05T09:00:00", "2026-01-12T09:00:00"]),
        ("0 9 * * 0", &["2026-01-04T09:00:00", "2026-01-11T09:00:00"]),
        ("0 9 * * 7", &["2026-01-04T09:00:00", "2026-01-11T09:00:00"]),
        ("0 9 * * sat-sun", &["2026-01-03T09:00:00", "2026-01-04T09:00:00"]),
        ("0 9 * feb,APR *", &["2026-02-01T09:00:00", "2026-02-02T09:00:00"]),
        ("0 0 1 1/6 *", &["2026-01-01T00:00:00", "2026-07-01T00:00:00"]),
        ("30 15 10 * * *", &["2026-01-01T10:15:30", "2026-01-02T10:15:30"]),
        ("0 0 12 1 1 * 2028", &["2028-01-01T12:00:00"]),
        ("0 0 0 29 2 * 2026-2040/2", &["2028-02-29T00:00:00", "2032-02-29T00:00:00"]),
        ("0 0 L * *", &["2026-01-31T00:00:00", "2026-02-28T00:00:00"]),
        ("0 0 LW * *", &["2026-01-30T00:00:00", "2026-02-27T00:00:00"]),
        ("0 0 15W * *", &["2026-01-15T00:00:00", "2026-02-16T00:00:00"]),
        ("0 0 1W 8 *", &["2026-08-03T00:00:00", "2027-08-02T00:00:00"]),
        ("0 0 * * FRI#2", &["2026-01-09T00:00:00", "2026-02-13T00:00:00"]),
        ("0 0 * * 5L", &["2026-01-30T00:00:00", "2026-02-27T00:00:00"]),
        ("0 0 * * FRI#L", &["2026-01-30T00:00:00", "2026-02-27T00:00:00"]),
        // Either of the two days is enough, unless a plus says both.
        ("0 0 13 * FRI", &["2026-01-02T00:00:00", "2026-01-09T00:00:00"]),
        ("0 0 13 * +FRI", &["2026-02-13T00:00:00", "2026-03-13T00:00:00"]),
        ("0 0 ? * 3", &["2026-01-07T00:00:00", "2026-01-14T00:00:00"]),
        ("@monthly", &["2026-01-01T00:00:00", "2026-02-01T00:00:00"]),
        ("@Weekly", &["2026-01-04T00:00:00", "2026-01-11T00:00:00"]),
        ("  5   4 * * *  ", &["2026-01-01T04:05:00", "2026-01-02T04:05:00"]),
        ("0 0 31 2 *", &[]),
        ("0 0 0 1 1 * 1999", &[]),
    ];
    for (text, expected) in table {
        assert_eq!(first(text, 2), *expected, "{text}");
    }
}

#[test]
fn errors_name_the_field_and_what_it_allows() {
    let texts = [
        "61 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * JANUARY *",
        "* * * * MONDAY",
        "* * * * 8",
        "MON * * * *",
        "*/0 * * * *",
        "*/90 * * * *",
        "1,,2 * * * *",
        "22-2 * * * *",
        "* * * * FRI#6",
        "* * * * L",
        "* * L,LW * *",
        "* * 32W * *",
        "0 0 0 1 1 * 99",
        "* * * *",
        "@dayly",
        "",
        "one two three four five",
        "-5 * * * *",
        "é * * * *",
    ];
    let errors: Vec<String> =
        texts.iter().map(|text| CronExpression::parse(text).unwrap_err().to_string()).collect();
    insta::assert_snapshot!(errors.join("\n"));
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "[-*/,#LW?+0-9a-zA-Z@ é]{0,40}") {
        if let Ok(expression) = CronExpression::parse(&text) {
            let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
            if let Some(next) = expression.next(&TimeZone::get("Europe/Berlin").unwrap(), start) {
                proptest::prop_assert!(next > start);
            }
        }
    }
}
