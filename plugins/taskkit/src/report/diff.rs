//! The difference between two JSON documents, line by line.

use std::fmt::Write as _;

use serde_json::{Map, Number, Value};
use similar::{ChangeTag, TextDiff};

use super::style::{Style, printable};

/// Unchanged lines shown around a change.
const CONTEXT: usize = 3;

/// Integers beyond this are not exact as a JavaScript number.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// Lines of `expected` that are missing (`-`) and of `actual` that are too many (`+`). Keys are
/// sorted and equal numbers written alike, so that nothing but a real difference shows.
pub(crate) fn diff(expected: &Value, actual: &Value, style: Style) -> String {
    let (expected, actual) = (pretty(expected), pretty(actual));
    let diff = TextDiff::from_lines(&expected, &actual);
    let mut out = String::new();
    for (index, group) in diff.grouped_ops(CONTEXT).iter().enumerate() {
        if index > 0 {
            out.push_str(&style.faint("  …"));
            out.push('\n');
        }
        for change in group.iter().flat_map(|operation| diff.iter_changes(operation)) {
            let line = printable(change.value().trim_end_matches('\n'));
            let painted = match change.tag() {
                ChangeTag::Equal => format!("  {line}"),
                ChangeTag::Delete => style.bad(&format!("- {line}")),
                ChangeTag::Insert => style.good(&format!("+ {line}")),
            };
            // Writing to a string cannot fail.
            let _ = writeln!(out, "{painted}");
        }
    }
    out
}

fn pretty(value: &Value) -> String {
    format!("{:#}\n", normalised(value))
}

fn normalised(value: &Value) -> Value {
    match value {
        Value::Number(number) => Value::Number(as_integer(number)),
        Value::Array(items) => items.iter().map(normalised).collect(),
        Value::Object(fields) => {
            let mut keys: Vec<&String> = fields.keys().collect();
            keys.sort();
            let sorted = keys.into_iter().map(|key| (key.clone(), normalised(&fields[key])));
            Value::Object(sorted.collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

/// `1.0` as `1`.
fn as_integer(number: &Number) -> Number {
    match number.as_f64() {
        Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < MAX_EXACT => {
            Number::from(float as i64)
        }
        _ => number.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn shows_only_what_differs() {
        let expected = json!({"sum": 15, "product": 50, "list": [1, 2]});
        let actual = json!({"product": 51, "list": [1.0, 2], "sum": 15.0});
        assert_eq!(
            diff(&expected, &actual, Style::PLAIN),
            "      1,\n      2\n    ],\n-   \"product\": 50,\n+   \"product\": 51,\n    \
             \"sum\": 15\n  }\n"
        );
    }

    #[test]
    fn distant_changes_are_separated() {
        let numbers = |first: u32, last: u32| {
            let mut list: Vec<u32> = (0..30).collect();
            (list[0], list[29]) = (first, last);
            json!(list)
        };
        let text = diff(&numbers(0, 29), &numbers(100, 129), Style::PLAIN);
        assert!(text.contains("-   0,\n+   100,\n"), "{text}");
        assert!(text.contains("\n  …\n"), "{text}");
        assert!(text.contains("-   29\n+   129\n"), "{text}");
    }

    #[test]
    fn equal_documents_have_no_difference() {
        assert_eq!(diff(&json!({"a": 1, "b": 2}), &json!({"b": 2.0, "a": 1}), Style::PLAIN), "");
    }
}
