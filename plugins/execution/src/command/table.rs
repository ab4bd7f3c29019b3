//! Aligned columns.

use super::style::{Style, printable};

/// Characters of a cell that are shown.
const WIDEST: usize = 60;

/// One cell: its text, and the status whose colour it has.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    text: String,
    status: Option<&'static str>,
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.into(), status: None }
    }
}

impl Cell {
    /// A status, coloured as it is good or bad.
    pub(super) fn status(status: &'static str) -> Self {
        Self { text: status.to_owned(), status: Some(status) }
    }
}

/// Rows below headings.
pub(super) struct Table {
    headings: &'static [&'static str],
    rows: Vec<Vec<Cell>>,
}

impl Table {
    pub(super) fn new(headings: &'static [&'static str]) -> Self {
        Self { headings, rows: Vec::new() }
    }

    pub(super) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// The table's text, each line ended; columns that are empty throughout are left out.
    pub(super) fn render(&self, style: Style) -> String {
        let shown: Vec<Vec<String>> = self
            .rows
            .iter()
            .map(|row| row.iter().map(|cell| shorten(&cell.text)).collect())
            .collect();
        let width = |column: usize| {
            let cells = shown.iter().filter_map(|row| row.get(column));
            cells.map(|text| text.chars().count()).max().unwrap_or(0)
        };
        let columns: Vec<(usize, usize)> = (0..self.headings.len())
            .map(|column| (column, width(column)))
            .filter(|(_, width)| *width > 0)
            .map(|(column, width)| (column, width.max(self.headings[column].chars().count())))
            .collect();
        let mut text = line(columns.iter().map(|(column, width)| {
            let heading = self.headings[*column];
            (style.faint(heading), heading.chars().count(), *width)
        }));
        for (row, shown) in self.rows.iter().zip(&shown) {
            text.push_str(&line(columns.iter().map(|(column, width)| {
                let text = shown.get(*column).map_or("", String::as_str);
                let status = row.get(*column).and_then(|cell| cell.status);
                let painted = status.map_or_else(|| text.to_owned(), |it| style.status(it, text));
                (painted, text.chars().count(), *width)
            })));
        }
        text
    }
}

/// Cells side by side: what is written, how wide that looks, and how wide it shall be.
fn line(cells: impl Iterator<Item = (String, usize, usize)>) -> String {
    let mut text = String::new();
    let mut gap = 0;
    for (written, looks, width) in cells {
        text.push_str(&" ".repeat(gap));
        text.push_str(&written);
        gap = width - looks + 2;
        if looks == 0 {
            gap = width + 2;
        }
    }
    let trimmed = text.trim_end().len();
    text.truncate(trimmed);
    text.push('\n');
    text
}

fn shorten(text: &str) -> String {
    let text = printable(text);
    if text.chars().count() <= WIDEST {
        return text;
    }
    let kept: String = text.chars().take(WIDEST - 1).collect();
    format!("{}…", kept.trim_end())
}

/// Names with their values, one to a line.
#[derive(Default)]
pub(super) struct Facts {
    lines: Vec<(String, String)>,
}

impl Facts {
    /// Adds one that is there in any case.
    pub(super) fn add(&mut self, name: &str, value: impl AsRef<str>) {
        self.lines.push((name.to_owned(), printable(value.as_ref())));
    }

    /// Adds one if there is one.
    pub(super) fn option(&mut self, name: &str, value: Option<impl AsRef<str>>) {
        if let Some(value) = value {
            self.add(name, value);
        }
    }

    /// Adds one whose value is painted already.
    pub(super) fn painted(&mut self, name: &str, value: String) {
        self.lines.push((name.to_owned(), value));
    }

    pub(super) fn render(&self, style: Style) -> String {
        let width = self.lines.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        let mut text = String::new();
        for (name, value) in &self.lines {
            let gap = " ".repeat(width - name.chars().count() + 2);
            text.push_str(&format!("{}{gap}{value}\n", style.faint(name)));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_empty_ones_left_out() {
        let mut table = Table::new(&["NUMBER", "NAME", "NOTHING", "STATUS"]);
        table.row(vec!["1".into(), "ä\u{1b}[2J".into(), "".into(), Cell::status("failed")]);
        table.row(vec!["1000000".into(), "x".repeat(80).into(), "".into(), "ok".into()]);
        table.row(vec!["2".into(), "".into(), "".into(), "ok".into()]);
        let text = table.render(Style::PLAIN);
        let cut = format!("{}…", "x".repeat(59));
        let pad = |text: &str| format!("{text:60}");
        let expected = format!(
            "NUMBER   {}  STATUS\n1        {}  failed\n1000000  {cut}  ok\n2        {}  ok\n",
            pad("NAME"),
            pad("ä\\u{1b}[2J"),
            pad("")
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn facts_are_aligned() {
        let mut facts = Facts::default();
        facts.add("id", "1");
        facts.option("error", Some("a\nb"));
        facts.option("none", None::<&str>);
        assert_eq!(facts.render(Style::PLAIN), "id     1\nerror  a\\nb\n");
    }
}
