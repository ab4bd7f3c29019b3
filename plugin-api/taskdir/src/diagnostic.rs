//! Something wrong with a file of a task: where it is and what it is.

use std::fmt;
use std::path::Path;

use ratchet_plugin_api::Error;
use serde::Serialize;

/// Why a file could not be used: the diagnostic is an error.
pub type Loaded<T> = std::result::Result<T, Diagnostic>;

/// Whether a [`Diagnostic`] keeps a task from working.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The task does not work like this.
    Error,
    /// It works, but should be put right.
    Warning,
}

/// One thing wrong with one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// Whether the task works all the same.
    pub severity: Severity,
    /// The file, as a path the user can open.
    pub file: String,
    /// Line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// Column, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl Diagnostic {
    /// Something that keeps the task from working.
    pub fn error(file: &Path, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, file, message.into())
    }

    /// Something that should be put right.
    pub fn warning(file: &Path, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, file, message.into())
    }

    fn new(severity: Severity, file: &Path, message: String) -> Self {
        let file = file.display().to_string();
        Self { severity, file, line: None, column: None, message }
    }

    /// The same at this line and column, each counted from 1; a line of 0 is unknown.
    #[must_use]
    pub fn at(mut self, line: usize, column: usize) -> Self {
        self.line = (line > 0).then_some(line);
        self.column = (line > 0 && column > 0).then_some(column);
        self
    }

    /// Whether it keeps the task from working.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        for place in [self.line, self.column].into_iter().flatten() {
            write!(f, ":{place}")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl From<Diagnostic> for Error {
    fn from(diagnostic: Diagnostic) -> Self {
        Error::invalid(diagnostic.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_place_and_message() {
        let diagnostic = Diagnostic::error(Path::new("a/b.json"), "wrong").at(3, 5);
        assert_eq!(diagnostic.to_string(), "a/b.json:3:5: wrong");
        let diagnostic = Diagnostic::error(Path::new("a/b.json"), "wrong").at(0, 0);
        assert_eq!(diagnostic.to_string(), "a/b.json: wrong");
    }
}
