//! Rust source with its comments and literals blanked, so that a rule sees only code.

/// `source` with the inside of comments, strings and characters replaced by spaces. Lines and
/// columns stay where they are.
pub(super) fn scrub(source: &str) -> String {
    let mut rest = source;
    let mut scrubbed = String::with_capacity(source.len());
    while let Some(first) = rest.chars().next() {
        let token = token_length(rest, scrubbed.chars().last());
        match token {
            Some(length) => {
                let blank = |c: char| if c == '\n' { '\n' } else { ' ' };
                scrubbed.extend(rest[..length].chars().map(blank));
                rest = &rest[length..];
            }
            None => {
                scrubbed.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    scrubbed
}

/// The length of the comment or literal that `rest` starts with, if it does.
fn token_length(rest: &str, before: Option<char>) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(block_comment_length(rest));
    }
    if rest.starts_with('"') {
        return Some(quoted_length(rest, '"'));
    }
    let in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if !in_word && let Some(length) = raw_string_length(rest) {
        return Some(length);
    }
    if rest.starts_with('\'') && is_character(rest) {
        return Some(quoted_length(rest, '\''));
    }
    None
}

fn block_comment_length(rest: &str) -> usize {
    let mut depth = 0;
    let mut index = 0;
    while index < rest.len() {
        let here = &rest.as_bytes()[index..];
        if here.starts_with(b"/*") {
            depth += 1;
            index += 2;
        } else if here.starts_with(b"*/") {
            depth -= 1;
            index += 2;
            if depth == 0 {
                return index;
            }
        } else {
            index += 1;
        }
    }
    rest.len()
}

/// From an opening quote to past the closing one.
fn quoted_length(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (index, c) in rest.char_indices().skip(1) {
        if !escaped && c == quote {
            return index + 1;
        }
        escaped = !escaped && c == '\\';
    }
    rest.len()
}

/// `r"…"`, `r#"…"#`, `br"…"`, `cr"…"`.
fn raw_string_length(rest: &str) -> Option<usize> {
    let after = rest.strip_prefix(['b', 'c']).unwrap_or(rest).strip_prefix('r')?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    let body = after[hashes..].strip_prefix('"')?;
    let opening = rest.len() - body.len();
    let closing = format!("\"{}", "#".repeat(hashes));
    Some(body.find(&closing).map_or(rest.len(), |end| opening + end + closing.len()))
}

/// Whether a `'` begins a character and not a lifetime.
fn is_character(rest: &str) -> bool {
    let mut following = rest.chars().skip(1);
    matches!((following.next(), following.next()), (Some('\\'), _) | (Some(_), Some('\'')))
}

#[cfg(test)]
mod tests {
    use super::scrub;

    #[test]
    fn only_code_is_left() {
        for (source, expected) in [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            (r#"f("x\"y") + 1"#, "f(      ) + 1"),
            (r##"f(r#"a"b"#, c)"##, "f(        , c)"),
            ("let c = '\"'; d", "let c =    ; d"),
            (r"let c = '\''; d", "let c =     ; d"),
            ("fn f<'a>(x: &'a str)", "fn f<'a>(x: &'a str)"),
            ("\"two\nlines\" + x", "    \n       + x"),
            ("number\"s\"", "number   "),
        ] {
            assert_eq!(scrub(source), expected, "{source}");
        }
    }
}
