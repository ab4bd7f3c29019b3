//! Reading text, JSON and YAML with errors that name file, line and column.

use std::path::Path;

use serde_json::Value;

use super::Loaded;
use crate::diagnostic::Diagnostic;

/// Bytes a single file of a task may have: what is larger is not source but data.
const MAX_FILE_BYTES: u64 = 4 << 20;

/// The text of `file`, without a byte order mark.
pub(crate) fn read_text(file: &Path) -> Loaded<String> {
    let failed = |error: std::io::Error| Diagnostic::error(file, format!("cannot read: {error}"));
    let length = std::fs::metadata(file).map_err(failed)?.len();
    if length > MAX_FILE_BYTES {
        let message = format!("is {length} bytes long; a file of a task has at most 4 MiB");
        return Err(Diagnostic::error(file, message));
    }
    let bytes = std::fs::read(file).map_err(failed)?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        Diagnostic::error(file, "is not UTF-8 text").at(line, 0)
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// The JSON document in `file`.
pub(crate) fn read_json(file: &Path) -> Loaded<Value> {
    parse_json(file, &read_text(file)?)
}

/// `text` as JSON; `file` is named in the error.
pub(crate) fn parse_json(file: &Path, text: &str) -> Loaded<Value> {
    serde_json::from_str(text).map_err(|error| {
        let message = error.to_string();
        // The place is in front of the message already.
        let message = message.split(" at line ").next().unwrap_or_default();
        Diagnostic::error(file, format!("not valid JSON: {message}"))
            .at(error.line(), error.column())
    })
}

/// The YAML document in `file`, as JSON.
pub(crate) fn read_yaml(file: &Path) -> Loaded<Value> {
    serde_yaml_ng::from_str(&read_text(file)?).map_err(|error| {
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or_default();
        let diagnostic = Diagnostic::error(file, format!("not valid YAML: {message}"));
        match error.location() {
            Some(place) => diagnostic.at(place.line(), place.column()),
            None => diagnostic,
        }
    })
}

/// What kind of JSON value this is, with its article.
pub(crate) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The value at a JSON Pointer (RFC 6901), shortened for a message.
pub(crate) fn value_at(document: &Value, pointer: &str) -> Option<String> {
    const LONGEST: usize = 60;
    let text = document.pointer(pointer)?.to_string();
    if text.chars().count() <= LONGEST {
        return Some(text);
    }
    Some(text.chars().take(LONGEST).chain(['…']).collect())
}

#[cfg(test)]
mod tests {
    use super::super::test_folder::folder;
    use super::*;

    #[test]
    fn errors_name_line_and_column() {
        let folder = folder(&[("a.json", "{\n  \"a\": 1,\n}"), ("a.yaml", "a: 1\nb: [")]);
        let error = read_json(&folder.path().join("a.json")).unwrap_err();
        assert_eq!((error.line, error.column), (Some(3), Some(1)));
        assert_eq!(error.message, "not valid JSON: trailing comma");
        let error = read_yaml(&folder.path().join("a.yaml")).unwrap_err();
        assert!(error.line >= Some(2) && error.message.starts_with("not valid YAML: "), "{error}");
    }

    #[test]
    fn takes_a_byte_order_mark_off_and_refuses_other_encodings() {
        let folder = folder(&[("bom.json", "\u{feff}{}")]);
        assert_eq!(read_text(&folder.path().join("bom.json")).unwrap(), "{}");
        let file = folder.path().join("latin1.js");
        std::fs::write(&file, b"// ok\n// caf\xe9").unwrap();
        assert_eq!(read_text(&file).unwrap_err().line, Some(2));
    }
}
