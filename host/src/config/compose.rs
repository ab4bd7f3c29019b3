//! Puts the schema of the whole configuration together from what host and plugins declare.

use ratchet_plugin_api::manifest::Manifest;
use serde_json::{Map, Value, json};

use super::schema;

/// The schema of the configuration as it is checked: the host's keys, every plugin's sections, and
/// each plugin's own configuration under `plugins`.
pub(crate) fn compose<'a>(
    host: &Manifest,
    plugins: impl Iterator<Item = (&'a str, &'a Manifest)>,
) -> Value {
    let mut whole = host.config.clone();
    let entry = whole["properties"]["plugins"]["additionalProperties"].clone();
    let mut entries = Map::new();
    for (name, manifest) in plugins {
        for (path, section) in manifest.sections() {
            merge(&mut whole, &nested(&path, section));
        }
        let mut entry = entry.clone();
        entry["properties"]["config"] = private(manifest);
        entries.insert(name.to_owned(), entry);
    }
    whole["properties"]["plugins"]["properties"] = Value::Object(entries);
    whole
}

/// The part of a plugin's configuration that is not a section of the whole. Whether a required key
/// is there is checked when the plugin is planned, so that one that is not needed may lack it.
fn private(manifest: &Manifest) -> Value {
    let mut own = relaxed(&manifest.config);
    if let Some(properties) = own.get_mut("properties").and_then(Value::as_object_mut) {
        properties.retain(|_, schema| schema.get("x-section").is_none());
    }
    own
}

/// The section as part of the whole, under the keys of its path.
fn nested(path: &str, section: &Value) -> Value {
    let mut schema = relaxed(section);
    if let Some(keywords) = schema.as_object_mut() {
        keywords.remove("x-section");
    }
    for key in path.rsplit('.') {
        schema = json!({
            "type": "object", "additionalProperties": false, "properties": {key: schema},
        });
    }
    schema
}

fn relaxed(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(keywords) = schema.as_object_mut() {
        keywords.remove("required");
    }
    schema
}

/// Adds what `added` knows. Where both know a key that is no object and differ, a value has to
/// please both.
pub(crate) fn merge(whole: &mut Value, added: &Value) {
    if whole == added {
        return;
    }
    if !(schema::is_object(whole) && schema::is_object(added)) {
        let first = std::mem::take(whole);
        let mut both = json!({"allOf": [first, added]});
        for keyword in ["description", "default"] {
            if let Some(value) = first_of(&both, keyword) {
                both[keyword] = value;
            }
        }
        *whole = both;
        return;
    }
    let Some(keywords) = whole.as_object_mut() else { return };
    for keyword in ["description", "x-optional"] {
        if let (None, Some(value)) = (keywords.get(keyword), added.get(keyword)) {
            keywords.insert(keyword.to_owned(), value.clone());
        }
    }
    let properties = keywords.entry("properties").or_insert_with(|| json!({}));
    for (key, schema) in schema::properties(added) {
        match properties.get_mut(key) {
            Some(present) => merge(present, schema),
            None => properties[key] = schema.clone(),
        }
    }
}

fn first_of(both: &Value, keyword: &str) -> Option<Value> {
    both["allOf"].as_array()?.iter().find_map(|schema| schema.get(keyword)).cloned()
}

/// The schema as editors want it, where `plugins` is a list.
pub(crate) fn published(mut whole: Value) -> Value {
    let plugins = whole["properties"]["plugins"].take();
    let named =
        json!({"type": "string", "description": "A plugin's name or the path of its file."});
    let mut entry = plugins["additionalProperties"].clone();
    entry["properties"]["name"] = json!({
        "type": "string",
        "description": "The plugin's name: that of its id, or one chosen for `path`.",
    });
    let mut cases = Vec::new();
    for (name, schema) in schema::properties(&plugins) {
        cases.push(json!({
            "if": {"properties": {"name": {"const": name}}, "required": ["name"]},
            "then": {"properties": {"config": schema["properties"]["config"]}},
        }));
    }
    if !cases.is_empty() {
        entry["allOf"] = Value::Array(cases);
    }
    whole["properties"]["plugins"] = json!({
        "description": plugins["description"],
        "type": "array",
        "items": {"anyOf": [named, entry]},
    });
    let mut published = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Ratchet configuration",
    });
    if let (Some(to), Value::Object(from)) = (published.as_object_mut(), whole) {
        to.extend(from);
    }
    published
}

/// What the schema built into the host knows: sections of plugins that are not installed here.
pub(crate) fn built_in() -> Value {
    let mut whole: Value = serde_json::from_str(include_str!("../../../config/schema.json"))
        .expect("the generated schema is JSON");
    if let Some(properties) = whole["properties"].as_object_mut() {
        properties.remove("plugins");
    }
    whole
}
