//! Something wrong with a file of a task: where it is and what it is.

use std::fmt;
use std::path::Path;

use ratchet_plugin_api::Error;
use serde::Serialize;

/// Whether a [`Diagnostic`] keeps a task from working.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Severity {
    /// The task does not work like this.
    Error,
    /// It works, but should be put right.
    Warning,
}

/// One thing wrong with one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Diagnostic {
    pub(crate) severity: Severity,
    /// The file, as a path the user can open.
    pub(crate) file: String,
    /// Line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) line: Option<usize>,
    /// Column, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) column: Option<usize>,
    pub(crate) message: String,
}

impl Diagnostic {
    pub(crate) fn error(file: &Path, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, file, message.into())
    }

    pub(crate) fn warning(file: &Path, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, file, message.into())
    }

    fn new(severity: Severity, file: &Path, message: String) -> Self {
        let file = file.display().to_string();
        Self { severity, file, line: None, column: None, message }
    }

    /// The same at this line and column, each counted from 1; a line of 0 is unknown.
    #[must_use]
    pub(crate) fn at(mut self, line: usize, column: usize) -> Self {
        self.line = (line > 0).then_some(line);
        self.column = (line > 0 && column > 0).then_some(column);
        self
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

/// The one of `known` that `word` is most likely a misspelling of.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.chars().count().max(3) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `; did you mean …?` or nothing.
pub(crate) fn did_you_mean(suggestion: Option<impl fmt::Display>) -> String {
    suggestion.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
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

    #[test]
    fn suggests_what_is_near_and_nothing_else() {
        assert_eq!(nearest("expcted", ["expected", "input"]), Some("expected"));
        assert_eq!(nearest("colour", ["expected", "input"]), None);
    }
}
