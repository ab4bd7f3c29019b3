//! Which tasks of a source are taken: glob patterns over their paths.

use glob::{MatchOptions, Pattern};
use ratchet_plugin_api::{Code, Error, Result};

/// Stars stay within one part of a path, and `**` stands for any number of parts.
const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// Paths to take and paths to leave out. A pattern that matches a folder means all below it.
#[derive(Clone, Debug, Default)]
pub struct Patterns {
    include: Vec<Pattern>,
    exclude: Vec<Pattern>,
}

impl Patterns {
    /// Takes what one of `include` matches (everything, if there is none) and none of `exclude`.
    /// `key` is where the patterns are in the configuration, for the error.
    ///
    /// # Errors
    /// `Configuration`, naming the pattern that is none.
    pub fn new(include: &[String], exclude: &[String], key: &str) -> Result<Self> {
        let read = |patterns: &[String], name: &str| {
            let read = |text: &String| {
                Pattern::new(text.trim_end_matches('/')).map_err(|error| {
                    let message = format!(
                        "{key}.{name} has `{text}`, which is no pattern: {} at character {}; \
                         `billing/**` and `*-draft` are patterns",
                        error.msg,
                        error.pos + 1,
                    );
                    Error::new(Code::Configuration, message)
                })
            };
            patterns.iter().map(read).collect::<Result<Vec<_>>>()
        };
        Ok(Self {
            include: read(include, "include_patterns")?,
            exclude: read(exclude, "exclude_patterns")?,
        })
    }

    /// Whether the task at `path` is taken.
    pub fn takes(&self, path: &str) -> bool {
        !self.leaves_out(path) && (self.include.is_empty() || matches(&self.include, path))
    }

    /// Whether `path` and all below it are left out.
    pub(crate) fn leaves_out(&self, path: &str) -> bool {
        matches(&self.exclude, path)
    }
}

/// Whether a pattern matches the path or a folder it is in.
fn matches(patterns: &[Pattern], path: &str) -> bool {
    let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
    let mut above = ends.map(|end| &path[..end]);
    above.any(|path| patterns.iter().any(|pattern| pattern.matches_with(path, OPTIONS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(include: &[&str], exclude: &[&str]) -> Patterns {
        let owned =
            |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        Patterns::new(&owned(include), &owned(exclude), "registry").unwrap()
    }

    #[test]
    fn everything_is_taken_without_patterns() {
        assert!(patterns(&[], &[]).takes("a/b"));
    }

    #[test]
    fn a_folder_stands_for_all_below_it_and_leaving_out_wins() {
        let patterns = patterns(&["billing", "tools/*"], &["**/draft-*"]);
        for (path, taken) in [
            ("billing/invoice", true),
            ("billing", true),
            ("tools/a", true),
            ("tools/a/b", true),
            ("tools", false),
            ("other/billing", false),
            ("billing/draft-1", false),
            ("draft-2/billing", false),
        ] {
            assert_eq!(patterns.takes(path), taken, "{path}");
        }
    }

    #[test]
    fn a_pattern_that_is_none_is_named() {
        let error = Patterns::new(&[], &["a[".to_owned()], "registry.sources[0]").unwrap_err();
        assert_eq!(error.code, Code::Configuration);
        let expected = "registry.sources[0].exclude_patterns has `a[`";
        assert!(error.message.starts_with(expected), "{error}");
    }
}
