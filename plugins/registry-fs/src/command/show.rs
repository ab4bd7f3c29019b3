//! Printing what commands found out: as a table, as JSON, or as YAML.

use ratchet_plugin_api::{Context, Error, Result, config};
use serde::Serialize;

/// How something is printed.
#[config]
pub(crate) enum Format {
    /// A table for people.
    Table,
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}

/// Prints `value`, or for people what `table` makes of it.
///
/// # Errors
/// When nobody reads standard output any more.
pub(super) fn print<T: Serialize + ?Sized>(
    context: &Context,
    format: Format,
    value: &T,
    table: impl FnOnce() -> String,
) -> Result<()> {
    let text = match format {
        Format::Table => table(),
        Format::Json => format!("{}\n", serde_json::to_string_pretty(value)?),
        Format::Yaml => serde_yaml_ng::to_string(value)
            .map_err(|error| Error::internal(format!("cannot be written as YAML: {error}")))?,
    };
    context.print(text)
}

/// Aligned columns below headings, each line ended. Nothing in a cell can steer a terminal.
pub(super) fn columns(headings: &[&str], rows: &[Vec<String>]) -> String {
    let cell = |text: &str| printable(text);
    let mut lines: Vec<Vec<String>> = vec![headings.iter().map(|text| cell(text)).collect()];
    lines.extend(rows.iter().map(|row| row.iter().map(|text| cell(text)).collect()));
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells.map(|text| text.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let line = |cells: &Vec<String>| {
        let padded = cells.iter().zip(&widths).map(|(text, width)| format!("{text:<width$}"));
        format!("{}\n", padded.collect::<Vec<_>>().join("  ").trim_end())
    };
    lines.iter().map(line).collect()
}

/// The text with everything escaped that is no visible character or space.
pub(super) fn printable(text: &str) -> String {
    let escaped = text.chars().map(|letter| match letter {
        letter if letter.is_control() => letter.escape_default().to_string(),
        letter => letter.to_string(),
    });
    escaped.collect()
}

/// `1 task`, `2 tasks`.
pub(super) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_cannot_steer_a_terminal() {
        let rows = [vec!["a\u{1b}[2J".to_owned(), "x".to_owned()], vec!["b".into(), "".into()]];
        let text = columns(&["NAME", "URI"], &rows);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines, ["NAME        URI", "a\\u{1b}[2J  x", "b"]);
    }
}
