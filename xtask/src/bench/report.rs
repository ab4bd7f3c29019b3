//! Figures as Markdown: the median of all runs and their range, for docs/benchmarks.md.

use std::io::Write as _;

use serde_json::Value;

use crate::failure::{Result, While};

/// One figure of a measurement.
pub(super) struct Column {
    title: &'static str,
    key: &'static str,
    unit: Unit,
}

impl Column {
    pub(super) const fn new(title: &'static str, key: &'static str, unit: Unit) -> Self {
        Self { title, key, unit }
    }
}

/// What a figure counts.
#[derive(Clone, Copy)]
pub(super) enum Unit {
    PerSecond,
    Microseconds,
}

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            Self::PerSecond if value < 100.0 => format!("{value:.1}"),
            Self::PerSecond => grouped(value),
            Self::Microseconds if value.abs() < 10_000.0 => format!("{} us", grouped(value)),
            Self::Microseconds if value < 1e6 => format!("{:.0} ms", value / 1e3),
            Self::Microseconds => format!("{:.2} s", value / 1e6),
        }
    }
}

/// All runs of one contestant.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) runs: Vec<Value>,
    pub(super) failures: Vec<String>,
}

impl Row {
    pub(super) fn new(name: String) -> Self {
        Self { name, runs: Vec::new(), failures: Vec::new() }
    }

    /// The median of a figure over all runs, and its range where there are several.
    fn cell(&self, column: &Column) -> String {
        let mut values: Vec<f64> =
            self.runs.iter().filter_map(|run| run[column.key].as_f64()).collect();
        values.sort_by(f64::total_cmp);
        let (Some(&least), Some(&most)) = (values.first(), values.last()) else {
            return String::new();
        };
        let show = |value| column.unit.show(value);
        let middle = show((values[(values.len() - 1) / 2] + values[values.len() / 2]) / 2.0);
        if values.len() == 1 {
            middle
        } else {
            format!("{middle} ({} to {})", show(least), show(most))
        }
    }

    fn note(&self) -> String {
        let mut notes = Vec::new();
        if self.runs.iter().any(|run| run["partial"] == true) {
            notes.push("not all in the time there was".to_owned());
        }
        if let Some(failure) = self.failures.first() {
            let line = failure.lines().next().unwrap_or_default().replace('|', "/");
            notes.push(format!("{} runs without a number: {line}", self.failures.len()));
        }
        notes.join("; ")
    }
}

/// A table of one rung.
pub(super) fn table(title: &str, columns: &[Column], rows: &[Row]) -> String {
    let titles: Vec<_> = columns.iter().map(|column| column.title).collect();
    let mut text = format!("## {title}\n\n| | {} | |\n", titles.join(" | "));
    text.push_str(&format!("|---{}|---|\n", "|---".repeat(columns.len())));
    for row in rows {
        let cells: Vec<_> = columns.iter().map(|column| row.cell(column)).collect();
        text.push_str(&format!("| {} | {} | {} |\n", row.name, cells.join(" | "), row.note()));
    }
    text
}

/// Writes a part of the report to standard output.
///
/// # Errors
/// When nobody reads it.
pub(super) fn print(text: &str) -> Result {
    writeln!(std::io::stdout().lock(), "{text}").while_doing("writing the report")
}

/// A whole number in groups of three digits.
fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = if value < 0.0 { "-".to_owned() } else { String::new() };
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_row_has_medians_ranges_and_what_went_wrong() {
        let columns = [Column::new("a second", "per_second", Unit::PerSecond)];
        let mut row = Row::new("bullmq".into());
        row.runs =
            [30_000.0, 10_000.0, 20_000.0].map(|value| json!({ "per_second": value })).into();
        row.failures.push("Redis | is\nnot there".into());
        let text = table("Jobs", &columns, &[row, Row::new("nobody".into())]);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines[4],
            "| bullmq | 20 000 (10 000 to 30 000) | 1 runs without a number: Redis / is |"
        );
        assert_eq!(lines[5], "| nobody |  |  |");
    }

    #[test]
    fn figures_are_readable() {
        let show = |unit: Unit, value| unit.show(value);
        assert_eq!(show(Unit::PerSecond, 1_234_567.0), "1 234 567");
        assert_eq!(show(Unit::PerSecond, 3.96), "4.0");
        assert_eq!(show(Unit::Microseconds, -853.0), "-853 us");
        assert_eq!(show(Unit::Microseconds, 49_587.0), "50 ms");
        assert_eq!(show(Unit::Microseconds, 1_985_694.0), "1.99 s");
    }
}
