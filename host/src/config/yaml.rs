//! Reads YAML into JSON values, remembering the line of each key.

use std::collections::BTreeMap;

use saphyr::{LoadableYamlNode as _, MarkedYaml, Scalar, YamlData};
use serde_json::{Map, Value};

/// The keys and list positions that lead to a value.
pub(crate) type KeyPath = Vec<String>;

/// How deep values may be nested; deeper ones are a mistake or an attack on the stack.
const DEPTH_MAX: usize = 64;

/// A document and where its values are.
pub(crate) struct Document {
    pub(crate) value: Value,
    pub(crate) lines: BTreeMap<KeyPath, usize>,
}

/// Reads one document; an empty one is an object without keys.
///
/// # Errors
/// The line of the mistake (0 where it has none) and what it is.
pub(crate) fn parse(text: &str) -> Result<Document, (usize, String)> {
    let documents = MarkedYaml::load_from_str(text)
        .map_err(|error| (error.marker().line(), error.info().to_owned()))?;
    let mut reader = Reader { lines: BTreeMap::new() };
    let value = match documents.as_slice() {
        [] => Value::Object(Map::new()),
        [document] => reader.value(document, &mut Vec::new())?,
        [_, second, ..] => return Err((line(second), "there is more than one document".into())),
    };
    let value = if value.is_null() { Value::Object(Map::new()) } else { value };
    Ok(Document { value, lines: reader.lines })
}

/// Reads a value as it is written on a command line or in an environment variable.
pub(crate) fn value(text: &str) -> Option<Value> {
    parse(&format!("value: {text}")).ok()?.value.as_object_mut()?.remove("value")
}

fn line(node: &MarkedYaml<'_>) -> usize {
    node.span.start.line()
}

struct Reader {
    lines: BTreeMap<KeyPath, usize>,
}

impl Reader {
    fn value(
        &mut self,
        node: &MarkedYaml<'_>,
        path: &mut KeyPath,
    ) -> Result<Value, (usize, String)> {
        if path.len() > DEPTH_MAX {
            return Err((line(node), format!("values are nested deeper than {DEPTH_MAX} levels")));
        }
        match &node.data {
            YamlData::Value(scalar) => Ok(scalar_value(scalar)),
            YamlData::Sequence(items) => {
                let mut list = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    list.push(self.member(item, index.to_string(), line(item), path)?);
                }
                Ok(Value::Array(list))
            }
            YamlData::Mapping(entries) => {
                let mut map = Map::with_capacity(entries.len());
                for (key, item) in entries {
                    let name = key_name(key).ok_or((line(key), "a key must be a word".into()))?;
                    let value = self.member(item, name.clone(), line(key), path)?;
                    map.insert(name, value);
                }
                Ok(Value::Object(map))
            }
            YamlData::Tagged(_, inner) => self.value(inner, path),
            _ => Err((line(node), "this value cannot be understood".into())),
        }
    }

    fn member(
        &mut self,
        node: &MarkedYaml<'_>,
        name: String,
        line: usize,
        path: &mut KeyPath,
    ) -> Result<Value, (usize, String)> {
        path.push(name);
        self.lines.insert(path.clone(), line);
        let value = self.value(node, path);
        path.pop();
        value
    }
}

fn key_name(key: &MarkedYaml<'_>) -> Option<String> {
    match &key.data {
        YamlData::Value(Scalar::String(text)) => Some(text.to_string()),
        YamlData::Value(scalar) => Some(scalar_value(scalar).to_string()),
        _ => None,
    }
}

fn scalar_value(scalar: &Scalar<'_>) -> Value {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(value) => Value::Bool(*value),
        Scalar::Integer(value) => Value::from(*value),
        Scalar::FloatingPoint(value) => match serde_json::Number::from_f64(value.0) {
            Some(number) => Value::Number(number),
            None => Value::String(value.to_string()),
        },
        Scalar::String(text) => Value::String(text.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_lines() {
        let document = parse("a: 1\n\nb:\n  - x\n  - c: true\n").expect("YAML");
        assert_eq!(document.value, serde_json::json!({"a": 1, "b": ["x", {"c": true}]}));
        let line = |path: &[&str]| {
            let path: KeyPath = path.iter().map(|&key| key.to_owned()).collect();
            document.lines[&path]
        };
        assert_eq!(line(&["a"]), 1);
        assert_eq!(line(&["b"]), 3);
        assert_eq!(line(&["b", "1", "c"]), 5);
    }

    #[test]
    fn says_where_the_mistake_is() {
        let mistake = |text: &str| parse(text).map(|_| ()).expect_err("a mistake");
        assert_eq!(mistake("a: 1\nb: [1,\nc: 2\n").0, 3);
        assert!(mistake("a: 1\na: 2\n").1.contains("duplicated key"));
        assert!(mistake("a: 1\n---\nb: 2\n").1.contains("more than one document"));
        let deep = format!("a: {}{}", "[".repeat(100), "]".repeat(100));
        assert!(mistake(&deep).1.contains("nested deeper"));
    }

    #[test]
    fn reads_values_of_command_lines() {
        assert_eq!(value("8080"), Some(8080.into()));
        assert_eq!(value("[a, b]"), Some(serde_json::json!(["a", "b"])));
        assert_eq!(value("plain text"), Some("plain text".into()));
        assert_eq!(value("'007'"), Some("007".into()));
        assert_eq!(value(""), Some(Value::Null));
    }
}
