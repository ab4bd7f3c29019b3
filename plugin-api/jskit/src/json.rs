//! What is asked of JSON text before an engine's recursive parser sees it.

/// How deep the arrays and objects of a document may be nested.
const DEEPEST_NESTING: usize = 1_000;

/// Refuses text that is nested too deep.
///
/// # Errors
/// A sentence that says so.
pub(crate) fn check_nesting(text: &str) -> Result<(), String> {
    if nesting(text) > DEEPEST_NESTING {
        return Err(format!(
            "the text is not valid JSON here: it is nested deeper than {DEEPEST_NESTING} levels"
        ));
    }
    Ok(())
}

/// How deep arrays and objects are nested in `text`, or less where that cannot be too deep.
fn nesting(text: &str) -> usize {
    // So many opening brackets alone cannot be nested too deep; counting them is far faster.
    let opening = text.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count();
    if opening <= DEEPEST_NESTING {
        return opening;
    }
    let (mut depth, mut deepest, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nesting_counts_brackets_outside_of_text() {
        let wide = format!("[{}1]", r#"{"a": [1, {"b": "[[[\"[["}]},"#.repeat(1_000));
        assert_eq!(nesting(&wide), 4);
        assert!(check_nesting(&wide).is_ok());
    }

    #[test]
    fn what_is_nested_too_deep_is_refused() {
        let nested = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(check_nesting(&nested(DEEPEST_NESTING)).is_ok());
        assert!(check_nesting(&nested(DEEPEST_NESTING + 1)).is_err());
    }
}
