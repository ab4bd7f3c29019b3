//! Checks values against the restricted JSON Schema that manifests carry.
//!
//! It has `type`, `properties`, `required`, `additionalProperties`, `items`, `oneOf` of constants,
//! `anyOf`, `allOf`, `minimum`, `maximum` and `default`, and keywords of our own: `x-optional` (may
//! be null), `x-alias` (another name of the key), `x-secret` and `x-section`.

use serde_json::{Map, Value};

use super::yaml::{self, KeyPath};

/// Something wrong with a value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fault {
    /// Where; for a missing key, the object that lacks it.
    pub(crate) path: KeyPath,
    pub(crate) kind: FaultKind,
}

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum FaultKind {
    /// Nothing is called that; these names are known there.
    Unknown { key: String, known: Vec<String> },
    /// A key has to be given; what it is for.
    Missing { key: String, purpose: String },
    /// The value does not fit.
    Wrong { expected: String, found: String, purpose: String },
}

/// Everything that is wrong with `value`.
pub(crate) fn check(schema: &Value, value: &Value, path: &mut KeyPath) -> Vec<Fault> {
    let mut faults = Vec::new();
    if value.is_null() && is_optional(schema) {
        return faults;
    }
    let wrong = |path: &KeyPath| Fault {
        path: path.clone(),
        kind: FaultKind::Wrong {
            expected: describe(schema),
            found: found(value, is_secret(schema)),
            purpose: text(schema, "description"),
        },
    };
    for part in list(schema, "allOf") {
        faults.extend(check(part, value, path));
    }
    let choices = list(schema, "oneOf");
    if !choices.is_empty() && !choices.iter().any(|choice| choice.get("const") == Some(value)) {
        faults.push(wrong(path));
    }
    let shapes = list(schema, "anyOf");
    if !shapes.is_empty() && !shapes.iter().any(|shape| check(shape, value, path).is_empty()) {
        let same_type = |shape: &&Value| shape.get("type") == Some(&type_name(value).into());
        match shapes.iter().find(same_type) {
            Some(shape) => faults.extend(check(shape, value, path)),
            None => faults.push(wrong(path)),
        }
    }
    let fits = match schema.get("type").and_then(Value::as_str) {
        Some("boolean") => value.is_boolean(),
        Some("integer") => in_range(schema, value),
        Some("number") => value.is_number(),
        Some("string") => value.is_string(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        _ => true,
    };
    if !fits {
        faults.push(wrong(path));
    } else if let (Some(items), Value::Array(values)) = (schema.get("items"), value) {
        for (index, item) in values.iter().enumerate() {
            path.push(index.to_string());
            faults.extend(check(items, item, path));
            path.pop();
        }
    } else if let (Some("object"), Value::Object(map)) = (schema["type"].as_str(), value) {
        check_object(schema, map, path, &mut faults);
    }
    faults
}

fn check_object(
    schema: &Value,
    map: &Map<String, Value>,
    path: &mut KeyPath,
    faults: &mut Vec<Fault>,
) {
    for (key, value) in map {
        path.push(key.clone());
        match member(schema, key) {
            Some(schema) => faults.extend(check(schema, value, path)),
            None => {
                let known = properties(schema).map(|(name, _)| name.clone()).collect();
                let kind = FaultKind::Unknown { key: key.clone(), known };
                faults.push(Fault { path: path.clone(), kind });
            }
        }
        path.pop();
    }
    for key in list(schema, "required").iter().filter_map(Value::as_str) {
        if !map.contains_key(key) {
            let purpose = schema["properties"].get(key).map(|key| text(key, "description"));
            let kind =
                FaultKind::Missing { key: key.to_owned(), purpose: purpose.unwrap_or_default() };
            faults.push(Fault { path: path.clone(), kind });
        }
    }
}

fn in_range(schema: &Value, value: &Value) -> bool {
    let above = |minimum: &Value| match (minimum.as_i64(), value.as_i64()) {
        (Some(minimum), Some(value)) => minimum <= value,
        _ => value.is_u64(),
    };
    let below = |maximum: &Value| match (maximum.as_i64(), value.as_i64()) {
        (Some(maximum), Some(value)) => value <= maximum,
        _ => false,
    };
    (value.is_i64() || value.is_u64())
        && schema.get("minimum").is_none_or(above)
        && schema.get("maximum").is_none_or(below)
}

/// Text from an environment variable or a command line as the value that `schema` wants. Text that
/// does not fit comes back as it is, for [`check`] to refuse.
pub(crate) fn read(schema: &Value, written: &str) -> Value {
    let as_text = || Value::String(written.to_owned());
    if is_optional(schema) && matches!(written, "" | "null" | "~") {
        return Value::Null;
    }
    for shape in list(schema, "anyOf") {
        let value = read(shape, written);
        if check(shape, &value, &mut Vec::new()).is_empty() {
            return value;
        }
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("string") => as_text(),
        Some("array") if !written.trim_start().starts_with('[') => {
            let items = &schema["items"];
            let parts = written.split(',').map(str::trim).filter(|part| !part.is_empty());
            Value::Array(parts.map(|part| read(items, part)).collect())
        }
        None if schema.get("oneOf").is_some() => as_text(),
        _ => yaml::value(written).unwrap_or_else(as_text),
    }
}

/// Adds the defaults of keys that are absent. `deep` also makes absent objects of which every key
/// has a default, which is right for showing, where nothing depends on it.
pub(crate) fn fill(schema: &Value, value: &mut Value, deep: bool) {
    match value {
        Value::Object(map) => {
            for (key, schema) in properties(schema) {
                if let Some(value) = map.get_mut(key) {
                    fill(schema, value, deep);
                } else if let Some(default) = schema.get("default") {
                    map.insert(key.clone(), default.clone());
                } else if deep && schema.get("properties").is_some() && !is_optional(schema) {
                    let mut made = Value::Object(Map::new());
                    fill(schema, &mut made, deep);
                    map.insert(key.clone(), made);
                }
            }
            if let Some(schema @ Value::Object(_)) = schema.get("additionalProperties") {
                map.values_mut().for_each(|value| fill(schema, value, deep));
            }
        }
        Value::Array(values) => {
            if let Some(items) = schema.get("items") {
                values.iter_mut().for_each(|value| fill(items, value, deep));
            }
        }
        _ => {}
    }
}

/// What `schema` wants, in words.
pub(crate) fn describe(schema: &Value) -> String {
    let words = describe_required(schema);
    if is_optional(schema) { format!("{words}, or nothing") } else { words }
}

fn describe_required(schema: &Value) -> String {
    let choices = list(schema, "oneOf");
    if !choices.is_empty() {
        let words = choices.iter().filter_map(|choice| choice.get("const")?.as_str());
        return format!("one of {}", quoted(words));
    }
    let shapes = list(schema, "anyOf");
    if !shapes.is_empty() {
        return shapes.iter().map(describe).collect::<Vec<_>>().join(" or ");
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("boolean") => "`true` or `false`".into(),
        Some("number") => "a number".into(),
        Some("string") => "text".into(),
        Some("array") => match schema.get("items") {
            Some(items) if !items.as_object().is_some_and(Map::is_empty) => {
                format!("a list of {}", describe(items))
            }
            _ => "a list".into(),
        },
        Some("object") => match schema.get("properties").and_then(Value::as_object) {
            Some(known) if !known.is_empty() => {
                format!("keys ({})", known.keys().cloned().collect::<Vec<_>>().join(", "))
            }
            _ => "keys with values".into(),
        },
        Some("integer") => match (schema.get("minimum"), schema.get("maximum")) {
            (Some(least), Some(most)) => format!("a whole number from {least} to {most}"),
            (Some(least), None) if least.as_i64() > Some(i64::MIN) => {
                format!("a whole number of at least {least}")
            }
            _ => "a whole number".into(),
        },
        _ => "any value".into(),
    }
}

fn found(value: &Value, secret: bool) -> String {
    match value {
        Value::Null => "nothing".into(),
        Value::Bool(value) => format!("`{value}`"),
        Value::Number(number) if !secret => format!("the number {number}"),
        Value::Number(_) => "a number".into(),
        Value::String(text) if !secret => {
            let shown: String = text.chars().take(40).collect();
            let more = if shown.len() < text.len() { "…" } else { "" };
            format!("the text `{shown}{more}`")
        }
        Value::String(_) => "text".into(),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "keys".into(),
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The schema of a member of an object: a known key's, or that of all others.
pub(crate) fn member<'a>(schema: &'a Value, key: &str) -> Option<&'a Value> {
    static ANY: Value = Value::Bool(true);
    let known = schema.get("properties").and_then(|known| known.get(key));
    known.or_else(|| match schema.get("additionalProperties") {
        Some(Value::Bool(false)) => None,
        Some(others) => Some(others),
        None => Some(&ANY),
    })
}

/// The known keys of an object, with their schemas.
pub(crate) fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema.get("properties").and_then(Value::as_object).into_iter().flatten()
}

/// The present name of a key that may be given by another.
pub(crate) fn canonical<'a>(schema: &'a Value, key: &'a str) -> &'a str {
    let alias = |(_, schema): &(&String, &Value)| schema["x-alias"].as_str() == Some(key);
    match member(schema, key) {
        Some(_) if schema["properties"].get(key).is_some() => key,
        _ => properties(schema).find(alias).map_or(key, |(name, _)| name),
    }
}

pub(crate) fn is_optional(schema: &Value) -> bool {
    schema.get("x-optional") == Some(&Value::Bool(true))
}

pub(crate) fn is_secret(schema: &Value) -> bool {
    schema.get("x-secret") == Some(&Value::Bool(true))
}

pub(crate) fn is_object(schema: &Value) -> bool {
    schema.get("type").and_then(Value::as_str) == Some("object")
}

pub(crate) fn text(schema: &Value, keyword: &str) -> String {
    schema.get(keyword).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn list<'a>(schema: &'a Value, keyword: &str) -> &'a [Value] {
    schema.get(keyword).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

pub(crate) fn quoted<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}
