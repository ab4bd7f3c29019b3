//! What people and programs get to read: failures, differences, test reports, JUnit XML.

pub(crate) mod diff;
pub(crate) mod failure;
pub(crate) mod json;
pub(crate) mod junit;
pub(crate) mod style;
pub(crate) mod suite;
pub(crate) mod text;

use std::time::Duration;

/// `0.4 ms`, `35 ms`, `1.4 s`.
pub(crate) fn human(duration: Duration) -> String {
    let milliseconds = duration.as_secs_f64() * 1e3;
    if milliseconds < 10.0 {
        format!("{milliseconds:.1} ms")
    } else if milliseconds < 1e3 {
        format!("{milliseconds:.0} ms")
    } else {
        format!("{:.1} s", duration.as_secs_f64())
    }
}

/// `1 task`, `2 tasks`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// `text` with `margin` in front of every line.
pub(crate) fn indent(text: &str, margin: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        if !line.is_empty() {
            out.push_str(margin);
            out.push_str(line);
        }
        out.push('\n');
    }
    out
}
