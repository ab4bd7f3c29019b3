//! Colours, where they are wanted.

use ratchet_plugin_api::shell::Shell;

/// Paints text for a terminal, or leaves it as it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    colour: bool,
}

impl Style {
    /// No colours.
    pub(crate) const PLAIN: Style = Style { colour: false };

    /// For what goes to standard output.
    pub(crate) fn of_output(shell: &Shell) -> Self {
        Self::of(shell, shell.stdout_is_terminal)
    }

    /// For what goes to standard error.
    pub(crate) fn of_messages(shell: &Shell) -> Self {
        Self::of(shell, shell.interactive)
    }

    /// What `--color` says, else colours on a terminal unless `NO_COLOR` asks for none
    /// (<https://no-color.org>).
    fn of(shell: &Shell, terminal: bool) -> Self {
        let refused = || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colour = match shell.global("color").as_deref() {
            Some("always") => true,
            Some("never") => false,
            _ => terminal && !refused(),
        };
        Self { colour }
    }

    pub(crate) fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    pub(crate) fn bad(self, text: &str) -> String {
        self.paint("31", text)
    }

    pub(crate) fn caution(self, text: &str) -> String {
        self.paint("33", text)
    }

    pub(crate) fn strong(self, text: &str) -> String {
        self.paint("1", text)
    }

    pub(crate) fn faint(self, text: &str) -> String {
        self.paint("2", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// `text` without characters that would move a terminal's cursor or change its state: what a task
/// writes is not trusted.
pub(crate) fn printable(text: &str) -> String {
    let escaped = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\t');
    if !text.contains(escaped) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if escaped(letter) {
            out.extend(letter.escape_default());
        } else {
            out.push(letter);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_made_visible() {
        assert_eq!(printable("a\u{1b}[2Jb\r\n"), "a\\u{1b}[2Jb\\r\n");
    }

    #[test]
    fn only_a_terminal_gets_colours() {
        assert_eq!(Style::PLAIN.bad("x"), "x");
        assert_eq!(Style { colour: true }.bad("x"), "\u{1b}[31mx\u{1b}[0m");
    }
}
