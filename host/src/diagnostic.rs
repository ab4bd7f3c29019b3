//! What the host says when it refuses: one type for every mistake in files, keys and flags.
//!
//! A diagnostic is at most [`LINES`] lines: what is wrong, in which file and which line of the
//! configuration, what is known about it, and what to do. Several are reported at once.

use std::fmt;
use std::path::PathBuf;

use crate::config::Origin;

/// The most lines one diagnostic takes.
pub const LINES: usize = 8;

/// The exit code for a command line that cannot be understood.
pub const EXIT_USAGE: u8 = 2;

/// The exit code for a configuration that is wrong, or a plugin that is refused (`EX_CONFIG`).
pub const EXIT_CONFIGURATION: u8 = 78;

/// How serious a diagnostic is, and which exit code follows from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Nothing starts; the configuration or a plugin has to change.
    #[default]
    Error,
    /// Nothing starts; the command line has to change.
    Usage,
    /// Worth knowing; nothing stops.
    Warning,
}

/// One thing that is wrong.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diagnostic {
    /// How serious it is.
    pub kind: Kind,
    /// What is wrong, in one sentence without a full stop.
    pub headline: String,
    /// The file it is about, such as a plugin's.
    pub file: Option<PathBuf>,
    /// Where the configuration says so.
    pub origin: Option<Origin>,
    /// The key that says so, such as `plugins.archive`.
    pub key: String,
    /// What else is known.
    pub notes: Vec<String>,
    /// What to do about it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error that reads `headline`.
    pub fn error(headline: impl Into<String>) -> Self {
        Self { headline: headline.into(), ..Self::default() }
    }

    /// A mistake on the command line.
    pub fn usage(headline: impl Into<String>) -> Self {
        Self { kind: Kind::Usage, ..Self::error(headline) }
    }

    /// Something worth knowing that stops nothing.
    pub fn warning(headline: impl Into<String>) -> Self {
        Self { kind: Kind::Warning, ..Self::error(headline) }
    }

    /// Names the file it is about.
    #[must_use]
    pub fn file(mut self, file: impl Into<PathBuf>) -> Self {
        self.file = Some(file.into());
        self
    }

    /// Names the place in the configuration, and the key found there.
    #[must_use]
    pub fn at(mut self, origin: &Origin, key: impl Into<String>) -> Self {
        self.origin = Some(origin.clone());
        self.key = key.into();
        self
    }

    /// Adds something else that is known.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    fn place(&self) -> Option<String> {
        let origin = self.origin.as_ref().map(ToString::to_string);
        // An option names the key already.
        let named = self.key.is_empty() || matches!(self.origin, Some(Origin::Flag(_)));
        let said = match (origin, named) {
            (Some(origin), true) => Some(origin),
            (Some(origin), false) => Some(format!("{origin}, {}", self.key)),
            (None, _) if self.key.is_empty() => None,
            (None, _) => Some(self.key.clone()),
        };
        match (&self.file, said) {
            (Some(file), Some(said)) => Some(format!("{}   ({said})", file.display())),
            (Some(file), None) => Some(file.display().to_string()),
            (None, said) => said,
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.kind == Kind::Warning { "warning" } else { "error" };
        let place = self.place().map(|place| format!("  --> {place}"));
        let help = self.help.as_ref().map(|help| format!("  help: {help}"));
        let mut notes: Vec<_> = self.notes.iter().flat_map(|note| note.lines()).collect();
        let room = LINES - 1 - usize::from(place.is_some()) - usize::from(help.is_some());
        let left_out = notes.len().saturating_sub(room);
        if left_out > 0 {
            notes.truncate(room - 1);
        }
        write!(f, "{word}: {}", one_line(&self.headline))?;
        for line in place.iter() {
            write!(f, "\n{}", one_line(line))?;
        }
        for note in notes {
            write!(f, "\n  {note}")?;
        }
        if left_out > 0 {
            write!(f, "\n  … and {} more lines", left_out + 1)?;
        }
        for line in help.iter() {
            write!(f, "\n{}", one_line(line))?;
        }
        Ok(())
    }
}

fn one_line(text: &str) -> String {
    text.replace('\n', " ")
}

/// The text of several diagnostics, an empty line between them and a line feed at the end.
pub fn render(diagnostics: &[Diagnostic]) -> String {
    let texts: Vec<_> = diagnostics.iter().map(ToString::to_string).collect();
    texts.join("\n\n") + "\n"
}

/// The exit code of a process that ends with these.
pub fn exit_code(diagnostics: &[Diagnostic]) -> u8 {
    let usage = |diagnostic: &Diagnostic| diagnostic.kind == Kind::Usage;
    if diagnostics.iter().any(usage) { EXIT_USAGE } else { EXIT_CONFIGURATION }
}
