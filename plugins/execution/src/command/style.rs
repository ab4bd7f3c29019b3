//! Colours, where they are wanted.

use ratchet_plugin_api::shell::Shell;

/// Paints text for a terminal, or leaves it as it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    colour: bool,
}

impl Style {
    /// No colours.
    #[cfg(test)]
    pub(super) const PLAIN: Style = Style { colour: false };

    /// For what goes to standard output: what `--color` says, else colours on a terminal unless
    /// `NO_COLOR` asks for none (<https://no-color.org>).
    pub(super) fn of_output(shell: &Shell) -> Self {
        let refused = || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colour = match shell.global("color").as_deref() {
            Some("always") => true,
            Some("never") => false,
            _ => shell.stdout_is_terminal && !refused(),
        };
        Self { colour }
    }

    pub(super) fn faint(self, text: &str) -> String {
        self.paint("2", text)
    }

    /// A status in the colour that says whether it is good.
    pub(super) fn status(self, status: &str, text: &str) -> String {
        match status {
            "completed" | "enabled" | "delivered" => self.paint("32", text),
            "failed" | "error" => self.paint("31", text),
            "cancelled" | "retrying" | "paused" | "disabled" | "warn" => self.paint("33", text),
            "processing" | "running" => self.paint("36", text),
            _ => text.to_owned(),
        }
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// `text` on one line and without characters that would move a terminal's cursor or change its
/// state: what a task writes is not trusted.
pub(super) fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() {
            out.extend(letter.escape_default());
        } else {
            out.push(letter);
        }
    }
    out
}
