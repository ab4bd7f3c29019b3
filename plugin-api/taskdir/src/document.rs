//! Reading text, JSON and YAML with errors that name file, line and column.

use std::path::Path;

use serde_json::Value;

use crate::{Diagnostic, Disk, Loaded, Tree};

/// The text of a file, without a byte order mark.
pub(crate) fn read_text(tree: &dyn Tree, name: &str) -> Loaded<String> {
    let text = String::from_utf8(tree.read(name)?).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        Diagnostic::error(&tree.shown(name), "is not UTF-8 text").at(line, 0)
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// The JSON document in `file`.
///
/// # Errors
/// When the file cannot be read or is no JSON.
pub fn read_json(file: &Path) -> Loaded<Value> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let folder = file.parent().unwrap_or(Path::new(""));
    json_in(&Disk::new(folder), &name)
}

/// The JSON document in a file of a tree.
pub(crate) fn json_in(tree: &dyn Tree, name: &str) -> Loaded<Value> {
    parse_json(&tree.shown(name), &read_text(tree, name)?)
}

/// `text` as JSON; `file` is named in the error.
fn parse_json(file: &Path, text: &str) -> Loaded<Value> {
    serde_json::from_str(text).map_err(|error| {
        let message = error.to_string();
        // The place is in front of the message already.
        let message = message.split(" at line ").next().unwrap_or_default();
        Diagnostic::error(file, format!("not valid JSON: {message}"))
            .at(error.line(), error.column())
    })
}

/// The YAML document in a file of a tree, as JSON.
pub(crate) fn yaml_in(tree: &dyn Tree, name: &str) -> Loaded<Value> {
    serde_yaml_ng::from_str(&read_text(tree, name)?).map_err(|error| {
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or_default();
        let diagnostic = Diagnostic::error(&tree.shown(name), format!("not valid YAML: {message}"));
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
pub fn value_at(document: &Value, pointer: &str) -> Option<String> {
    const LONGEST: usize = 60;
    let text = document.pointer(pointer)?.to_string();
    if text.chars().count() <= LONGEST {
        return Some(text);
    }
    Some(text.chars().take(LONGEST).chain(['…']).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_folder::folder;

    #[test]
    fn errors_name_line_and_column() {
        let folder = folder(&[("a.json", "{\n  \"a\": 1,\n}"), ("a.yaml", "a: 1\nb: [")]);
        let error = read_json(&folder.path().join("a.json")).unwrap_err();
        assert_eq!((error.line, error.column), (Some(3), Some(1)));
        assert_eq!(error.message, "not valid JSON: trailing comma");
        let error = yaml_in(&Disk::new(folder.path()), "a.yaml").unwrap_err();
        assert!(error.line >= Some(2) && error.message.starts_with("not valid YAML: "), "{error}");
    }

    #[test]
    fn takes_a_byte_order_mark_off_and_refuses_other_encodings() {
        let folder = folder(&[("bom.json", "\u{feff}{}")]);
        let tree = Disk::new(folder.path());
        assert_eq!(read_text(&tree, "bom.json").unwrap(), "{}");
        std::fs::write(folder.path().join("latin1.js"), b"// ok\n// caf\xe9").unwrap();
        assert_eq!(read_text(&tree, "latin1.js").unwrap_err().line, Some(2));
    }
}
