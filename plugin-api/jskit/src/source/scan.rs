//! A JavaScript tokeniser that only knows where tokens begin and how deep they are nested.
//!
//! It follows ECMA-262 section 12, but decides whether `/` divides or begins a regular expression
//! by the token before it alone. Where that is wrong, a form may be misjudged; the engine's own
//! parser has the last word on what is valid.

/// A token and where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token<'s> {
    pub(crate) kind: TokenKind,
    /// Its text; for templates only their first character.
    pub(crate) text: &'s str,
    /// The byte at which it begins.
    pub(crate) at: usize,
    /// Whether a line ended between it and the token before.
    pub(crate) begins_line: bool,
    /// How many brackets are open around it; a bracket counts as outside of itself.
    pub(crate) depth: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// An identifier or keyword.
    Word,
    Number,
    Text,
    Regex,
    /// A piece of punctuation: one character, except `=>`.
    Mark,
}

/// Words after which `/` begins a regular expression.
const BEFORE_EXPRESSION: &[&str] = &[
    "return",
    "typeof",
    "case",
    "do",
    "else",
    "in",
    "instanceof",
    "new",
    "void",
    "delete",
    "throw",
    "await",
    "yield",
    "of",
];

pub(crate) struct Scanner<'s> {
    source: &'s str,
    bytes: &'s [u8],
    at: usize,
    /// Open brackets; a `` ` `` stands for a `${`.
    open: Vec<u8>,
    deepest: usize,
    begins_line: bool,
    previous: Option<(TokenKind, &'s str)>,
}

impl<'s> Scanner<'s> {
    pub(crate) fn new(source: &'s str) -> Self {
        let bytes = source.as_bytes();
        let mut scanner = Self {
            source,
            bytes,
            at: 0,
            open: Vec::new(),
            deepest: 0,
            begins_line: true,
            previous: None,
        };
        if source.starts_with('\u{feff}') {
            scanner.at = '\u{feff}'.len_utf8();
        }
        if source[scanner.at..].starts_with("#!") {
            scanner.skip_line();
        }
        scanner
    }

    /// The most brackets that were open at once so far.
    pub(crate) fn deepest(&self) -> usize {
        self.deepest
    }

    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn skip_line(&mut self) {
        while self.at < self.bytes.len() && !matches!(self.bytes[self.at], b'\n' | b'\r') {
            self.at += 1;
        }
    }

    /// Skips white space and comments.
    fn skip_trivia(&mut self) {
        while self.at < self.bytes.len() {
            match (self.bytes[self.at], self.peek(1)) {
                (b'\n' | b'\r', _) => {
                    self.begins_line = true;
                    self.at += 1;
                }
                (b' ' | b'\t' | 0x0b | 0x0c, _) => self.at += 1,
                (b'/', b'/') => self.skip_line(),
                (b'/', b'*') => {
                    let rest = &self.source[self.at + 2..];
                    let length = rest.find("*/").map_or(rest.len(), |end| end + 2);
                    self.begins_line |= rest[..length].contains('\n');
                    self.at += 2 + length;
                }
                (0x80.., _) => match self.source[self.at..].chars().next() {
                    Some(space) if space.is_whitespace() || space == '\u{feff}' => {
                        self.begins_line |= matches!(space, '\u{2028}' | '\u{2029}');
                        self.at += space.len_utf8();
                    }
                    _ => return,
                },
                _ => return,
            }
        }
    }

    fn skip_text(&mut self, quote: u8) {
        self.at += 1;
        while self.at < self.bytes.len() {
            match self.bytes[self.at] {
                b'\\' => self.at += 2,
                b'\n' => return,
                byte => {
                    self.at += 1;
                    if byte == quote {
                        return;
                    }
                }
            }
        }
    }

    /// Skips the rest of a template up to its end or to the next `${`, which is left open.
    fn skip_template(&mut self) {
        while self.at < self.bytes.len() {
            match (self.bytes[self.at], self.peek(1)) {
                (b'\\', _) => self.at += 2,
                (b'`', _) => {
                    self.at += 1;
                    return;
                }
                (b'$', b'{') => {
                    self.at += 2;
                    self.push(b'`');
                    return;
                }
                _ => self.at += 1,
            }
        }
    }

    fn skip_regex(&mut self) {
        self.at += 1;
        let mut in_class = false;
        while self.at < self.bytes.len() {
            match self.bytes[self.at] {
                b'\\' => self.at += 1,
                b'\n' => return,
                b'[' => in_class = true,
                b']' => in_class = false,
                b'/' if !in_class => {
                    self.at += 1;
                    while is_word(self.peek(0)) {
                        self.at += 1;
                    }
                    return;
                }
                _ => {}
            }
            self.at += 1;
        }
    }

    fn push(&mut self, bracket: u8) {
        self.open.push(bracket);
        self.deepest = self.deepest.max(self.open.len());
    }

    fn regex_may_begin(&self) -> bool {
        match self.previous {
            None => true,
            Some((TokenKind::Word, word)) => BEFORE_EXPRESSION.contains(&word),
            Some((TokenKind::Mark, mark)) => !matches!(mark, ")" | "]" | "}"),
            Some(_) => false,
        }
    }

    fn next_kind(&mut self) -> TokenKind {
        let byte = self.bytes[self.at];
        match byte {
            b'"' | b'\'' => {
                self.skip_text(byte);
                TokenKind::Text
            }
            b'`' => {
                self.at += 1;
                self.skip_template();
                TokenKind::Text
            }
            b'0'..=b'9' => {
                while is_word(self.peek(0)) || self.peek(0) == b'.' {
                    self.at += 1;
                }
                TokenKind::Number
            }
            b'/' if self.regex_may_begin() => {
                self.skip_regex();
                TokenKind::Regex
            }
            _ if is_word(byte) || byte == b'#' || byte == b'\\' => {
                self.at += 1;
                while is_word(self.peek(0)) {
                    self.at += 1;
                }
                TokenKind::Word
            }
            b'(' | b'[' | b'{' => {
                self.at += 1;
                self.push(byte);
                TokenKind::Mark
            }
            b')' | b']' | b'}' => {
                self.at += 1;
                if self.open.pop() == Some(b'`') {
                    self.skip_template();
                    return TokenKind::Text;
                }
                TokenKind::Mark
            }
            b'=' if self.peek(1) == b'>' => {
                self.at += 2;
                TokenKind::Mark
            }
            _ => {
                self.at += 1;
                TokenKind::Mark
            }
        }
    }
}

impl<'s> Iterator for Scanner<'s> {
    type Item = Token<'s>;

    fn next(&mut self) -> Option<Token<'s>> {
        self.skip_trivia();
        if self.at >= self.bytes.len() {
            return None;
        }
        let start = self.at;
        let opened = self.open.len();
        let kind = self.next_kind();
        self.at = self.at.min(self.bytes.len());
        let text = match kind {
            // A template may have stopped in the middle of anything; one character is enough.
            TokenKind::Text => &self.source[start..=start],
            _ => self.source.get(start..self.at).unwrap_or_default(),
        };
        let begins_line = std::mem::replace(&mut self.begins_line, false);
        self.previous = Some((kind, text));
        Some(Token { kind, text, at: start, begins_line, depth: opened.min(self.open.len()) })
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | 0x80..)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(source: &str) -> Vec<(&str, usize)> {
        Scanner::new(source)
            .filter(|token| token.kind == TokenKind::Word)
            .map(|token| (token.text, token.depth))
            .collect()
    }

    #[test]
    fn comments_text_templates_and_regular_expressions_hide_what_is_in_them() {
        assert_eq!(words("a /* b */ // c\n d"), [("a", 0), ("d", 0)]);
        assert_eq!(words(r#"a "b\" c" 'd' e"#), [("a", 0), ("e", 0)]);
        assert_eq!(words("a `b ${c + `d ${e}`} f` g"), [("a", 0), ("c", 1), ("e", 2), ("g", 0)]);
        assert_eq!(words("a = /[/{]b/g; c"), [("a", 0), ("c", 0)]);
        assert_eq!(words("a / b / c"), [("a", 0), ("b", 0), ("c", 0)]);
        assert_eq!(words("return /b/.test(c)"), [("return", 0), ("test", 0), ("c", 1)]);
    }

    #[test]
    fn depth_and_line_starts_are_known() {
        let mut scanner = Scanner::new("f({[x]})\n\u{a0}über");
        let tokens: Vec<_> = scanner.by_ref().collect();
        assert_eq!(scanner.deepest(), 3);
        let last = tokens.last().unwrap();
        assert_eq!((last.text, last.begins_line, last.depth), ("über", true, 0));
        assert!(!tokens[1].begins_line);
    }

    #[test]
    fn unfinished_sources_end_the_scan() {
        for source in ["\"abc", "`abc ${", "/* abc", "a = /abc", "((((", "))))", "\\", "'\\", "`\\"]
        {
            assert!(Scanner::new(source).count() <= 5, "{source}");
        }
    }
}
