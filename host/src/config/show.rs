//! Prints the configuration in force, without secrets.

use serde_json::{Map, Value, json};

use super::schema;
use super::yaml::KeyPath;
use super::{Origin, Resolved};
use crate::cli::commands::Format;

/// What stands for a secret.
const HIDDEN: &str = "(secret)";

/// The keys of the MCP server, in all spellings.
const MCP_KEYS: [&str; 2] = ["mcp", "mcp_api"];

impl Resolved {
    /// The configuration with all defaults, as text.
    pub(crate) fn show(&self, format: Format, origins: bool, mcp_only: bool) -> String {
        let mut values = self.merged.values.clone();
        schema::fill(&self.schema, &mut values, true);
        let mut values = self.shown(&self.schema, values, &mut Vec::new());
        if let Some(map) = values.as_object_mut() {
            map.retain(|key, _| !mcp_only || MCP_KEYS.contains(&key.as_str()));
        }
        if origins {
            return self.with_origins(&values, format);
        }
        if let Some(Value::Object(mut plugins)) = values.get_mut("plugins").map(Value::take) {
            let named = |name: &String| Some(as_item(name, plugins.remove(name)?));
            values["plugins"] = self.plugins.iter().filter_map(named).collect();
        }
        written(&values, format)
    }

    /// The value in the order of its schema, secrets hidden, references as they were given.
    fn shown(&self, schema: &Value, value: Value, path: &mut KeyPath) -> Value {
        if let Some(reference) = self.merged.reference(path) {
            return Value::String(reference.to_owned());
        }
        if schema::is_secret(schema) && !value.is_null() {
            return Value::String(HIDDEN.into());
        }
        match value {
            Value::Object(mut map) => {
                let mut ordered = Map::new();
                let known = schema::properties(schema).map(|(key, _)| key.clone());
                let others: Vec<_> = map.keys().cloned().collect();
                for key in known.chain(others) {
                    let Some(value) = map.remove(&key) else { continue };
                    let schema = schema::member(schema, &key).unwrap_or(&Value::Null);
                    path.push(key.clone());
                    let value = self.shown(schema, value, path);
                    path.pop();
                    ordered.insert(key, value);
                }
                Value::Object(ordered)
            }
            Value::Array(items) => {
                let schema = schema.get("items").unwrap_or(&Value::Null);
                let shown = items.into_iter().enumerate().map(|(index, item)| {
                    path.push(index.to_string());
                    let item = self.shown(schema, item, path);
                    path.pop();
                    item
                });
                Value::Array(shown.collect())
            }
            other => other,
        }
    }

    fn with_origins(&self, values: &Value, format: Format) -> String {
        let mut lines = Vec::new();
        self.leaves(values, &mut Vec::new(), &mut lines);
        match format {
            Format::Json => {
                let entry = |(key, value, origin): (String, Value, Origin)| {
                    (key, json!({"value": value, "origin": origin.to_string()}))
                };
                written(&Value::Object(lines.into_iter().map(entry).collect()), format)
            }
            Format::Yaml => {
                let texts: Vec<(String, String)> = lines
                    .into_iter()
                    .map(|(key, value, origin)| (format!("{key}: {value}"), origin.to_string()))
                    .collect();
                let longest = texts.iter().map(|(text, _)| text.chars().count()).max();
                let width = longest.unwrap_or(0).min(60);
                let line = |(text, origin)| format!("{text:width$}  # {origin}\n");
                texts.into_iter().map(line).collect()
            }
        }
    }

    fn leaves(&self, value: &Value, path: &mut KeyPath, lines: &mut Vec<(String, Value, Origin)>) {
        match value {
            Value::Object(map) if !map.is_empty() => {
                for (key, value) in map {
                    path.push(key.clone());
                    self.leaves(value, path, lines);
                    path.pop();
                }
            }
            other => {
                let parent = path.split_last().map_or(&[][..], |(_, parent)| parent);
                // A value that only its schema knows has no place of its own.
                let given = path.is_empty() || self.given(path, parent);
                let origin = if given { self.merged.origin(path) } else { Origin::Default };
                lines.push((path.join("."), other.clone(), origin));
            }
        }
    }

    /// Whether some layer gives this value, and not just a neighbour of it.
    fn given(&self, path: &[String], parent: &[String]) -> bool {
        let keys: Vec<&str> = parent.iter().map(String::as_str).collect();
        let parent = self.merged.get(&keys);
        parent.zip(path.last()).is_some_and(|(parent, key)| parent.get(key).is_some())
    }
}

/// A plugin as an item of the list.
fn as_item(name: &str, settings: Value) -> Value {
    let mut item = Map::from_iter([("name".to_owned(), Value::from(name))]);
    if let Value::Object(settings) = settings {
        item.extend(settings.into_iter().filter(|(_, value)| {
            !value.is_null() && !value.as_object().is_some_and(Map::is_empty)
        }));
    }
    Value::Object(item)
}

pub(crate) fn written(value: &Value, format: Format) -> String {
    match format {
        Format::Json => format!("{value:#}\n"),
        Format::Yaml => serde_yaml_ng::to_string(value).unwrap_or_default(),
    }
}
