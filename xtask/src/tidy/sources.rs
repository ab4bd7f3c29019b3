//! The form of every Rust file: what it opens with, how long and how wide it is.

use std::path::{Path, PathBuf};

use super::Finding;
use super::scrub::scrub;
use crate::failure::{Result, While};
use crate::project::Project;

/// Where our Rust is.
const FOLDERS: [&str; 5] = ["host", "plugin-api", "plugins", "sample", "xtask"];

/// Longer files have more than one reason to change. Tests may grow with their cases.
const LINES_MAX: usize = 450;

const COLUMNS_MAX: usize = 100;

/// Unfinished work belongs in an issue, and a path of one person's machine nowhere.
const WORDS: [(&str, &str); 5] = [
    ("FIXME", "do it now or file an issue"),
    ("XXX", "do it now or file an issue"),
    ("HACK", "say why it must be so"),
    ("/home/", "a relative or configured path"),
    ("/root/", "a relative or configured path"),
];

/// A Rust file of ours.
pub(super) struct SourceFile {
    /// Relative to the root.
    pub(super) path: PathBuf,
    pub(super) text: String,
    /// The text with comments and literals blanked.
    pub(super) code: String,
}

impl SourceFile {
    pub(super) fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { path: path.into(), code: scrub(&text), text }
    }

    /// Whether none of it is part of what is shipped.
    pub(super) fn is_test(&self) -> bool {
        let apart = |part| ["tests", "benches", "examples"].iter().any(|name| part == *name);
        self.path.iter().any(apart) || self.path.file_stem().is_some_and(|stem| stem == "tests")
    }

    /// The lines of code with their numbers, up to the unit tests, which come last in a file.
    pub(super) fn shipped_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let shipped = if self.is_test() { 0 } else { usize::MAX };
        let ahead = self.code.lines().skip(1).chain([""]);
        // `mod tests;` is a file of its own and ends nothing.
        let begins_tests = |line: &str, next: &str| {
            line.trim().starts_with("#[cfg(test)]") && !next.trim_end().ends_with(';')
        };
        self.lines()
            .zip(ahead)
            .take(shipped)
            .take_while(move |((_, line), next)| !begins_tests(line, next))
            .map(|(line, _)| line)
    }

    /// The lines of code with their numbers.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    pub(super) fn finding(&self, line: usize, message: impl Into<String>) -> Finding {
        Finding { path: self.path.clone(), line, message: message.into() }
    }
}

/// All Rust files of the repository.
///
/// # Errors
/// When one cannot be read.
pub(super) fn read_all(project: &Project) -> Result<Vec<SourceFile>> {
    let mut files = Vec::new();
    for folder in FOLDERS {
        let folder = project.root.join(folder);
        if folder.is_dir() {
            read_folder(project, &folder, &mut files)?;
        }
    }
    Ok(files)
}

fn read_folder(project: &Project, folder: &Path, files: &mut Vec<SourceFile>) -> Result {
    let reading = format!("reading {}", folder.display());
    for entry in std::fs::read_dir(folder).while_doing(&reading)? {
        let path = entry.while_doing(&reading)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            if name != "target" && !name.starts_with('.') {
                read_folder(project, &path, files)?;
            }
        } else if name.ends_with(".rs") {
            let text = std::fs::read_to_string(&path)
                .while_doing(format!("reading {}", path.display()))?;
            files.push(SourceFile::new(project.relative(&path), text));
        }
    }
    Ok(())
}

pub(super) fn check(file: &SourceFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !file.text.starts_with("//!") {
        findings.push(file.finding(1, "a file starts with a `//!` line that says what it is for"));
    }
    let count = file.text.lines().count();
    if count > LINES_MAX && !file.is_test() {
        let message = format!("{count} lines are more than {LINES_MAX}, split the file");
        findings.push(file.finding(0, message));
    }
    for (index, line) in file.text.lines().enumerate() {
        let columns = line.chars().count();
        if columns > COLUMNS_MAX && !line.contains("://") {
            let message = format!("{columns} columns are more than {COLUMNS_MAX}, wrap the line");
            findings.push(file.finding(index + 1, message));
        }
        if file.path.starts_with("xtask/src/tidy") {
            continue;
        }
        for (word, instead) in WORDS {
            if line.contains(word) {
                let message = format!("`{word}` is banned, use: {instead}");
                findings.push(file.finding(index + 1, message));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(path: &str, text: &str) -> Vec<String> {
        let findings = check(&SourceFile::new(path, text));
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_well_formed_file_passes() {
        assert_eq!(messages("host/src/a.rs", "//! Good.\nfn f() {}\n"), [""; 0]);
    }

    #[test]
    fn a_file_without_a_first_sentence_is_found() {
        assert!(messages("host/src/a.rs", "fn f() {}\n")[0].starts_with("host/src/a.rs:1: error:"));
    }

    #[test]
    fn a_long_file_is_found_unless_it_is_a_test() {
        let text = format!("//! Long.\n{}", "\n".repeat(LINES_MAX));
        assert!(messages("host/src/a.rs", &text)[0].contains("451 lines"));
        assert!(messages("host/tests/a.rs", &text).is_empty());
    }

    #[test]
    fn a_wide_line_is_found_unless_it_is_an_address() {
        let wide = "x".repeat(COLUMNS_MAX + 1);
        assert!(messages("a.rs", &format!("//! {wide}"))[0].contains("105 columns"));
        assert!(messages("a.rs", &format!("//! https://{wide}")).is_empty());
    }

    #[test]
    fn unfinished_work_is_found() {
        assert!(messages("a.rs", "//! A.\n// FIXME later\n")[0].contains("file an issue"));
    }

    #[test]
    fn unit_tests_are_not_shipped() {
        let file = SourceFile::new("a.rs", "//! A.\nfn f() {}\n#[cfg(test)]\nmod tests {}\n");
        let shipped: Vec<_> = file.shipped_lines().map(|(number, _)| number).collect();
        assert_eq!(shipped, [1, 2]);
        assert_eq!(SourceFile::new("tests/a.rs", "fn f() {}").shipped_lines().count(), 0);
    }
}
