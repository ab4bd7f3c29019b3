//! One layer of the configuration: values from one source, and how they take the schema's shape.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::yaml::{self, KeyPath};
use super::{Origin, reference, schema};
use crate::diagnostic::Diagnostic;

/// Values from one source.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    pub(crate) values: Value,
    origins: BTreeMap<KeyPath, Origin>,
    base: Origin,
    /// Whether values are text still to be read as their schema says.
    written: bool,
    /// The values that were references such as `${env:NAME}`, as they were given.
    pub(crate) references: BTreeMap<KeyPath, String>,
}

impl Layer {
    pub(crate) fn new(base: Origin) -> Self {
        Self {
            values: Value::Object(Map::new()),
            origins: BTreeMap::new(),
            base,
            written: false,
            references: BTreeMap::new(),
        }
    }

    /// A layer of YAML text, whose lines are counted in `base`.
    pub(crate) fn yaml(text: &str, base: Origin) -> Result<Self, Diagnostic> {
        let at = |line| match &base {
            Origin::File { path, .. } => Origin::File { path: path.clone(), line },
            Origin::Profile { name, .. } => Origin::Profile { name: name.clone(), line },
            other => other.clone(),
        };
        let document = yaml::parse(text).map_err(|(line, reason)| {
            Diagnostic::error(format!("this is not the YAML it should be: {reason}"))
                .at(&at(line), "")
        })?;
        if !document.value.is_object() {
            return Err(Diagnostic::error("a configuration consists of keys with values")
                .at(&at(1), "")
                .help("such as `logging:` and, indented below it, `level: debug`"));
        }
        let origins = document.lines.into_iter().map(|(path, line)| (path, at(line))).collect();
        Ok(Self { values: document.value, origins, ..Self::new(base) })
    }

    /// A layer of texts that are read as the schema says, with none in it yet.
    pub(crate) fn written() -> Self {
        Self { written: true, ..Self::new(Origin::Default) }
    }

    /// Adds one value to a layer of texts.
    pub(crate) fn write(&mut self, path: &[String], text: &str, origin: Origin) {
        let mut place = &mut self.values;
        for key in path {
            if !place.is_object() {
                *place = Value::Object(Map::new());
            }
            place = &mut place[key.as_str()];
        }
        *place = Value::String(text.to_owned());
        for length in 1..path.len() {
            self.origins.entry(path[..length].to_vec()).or_insert_with(|| origin.clone());
        }
        self.origins.insert(path.to_vec(), origin);
    }

    /// Where the value at `path` comes from: its own place, or that of what it is part of.
    pub(crate) fn origin(&self, path: &[String]) -> &Origin {
        let own = (0..=path.len()).rev().find_map(|length| self.origins.get(&path[..length]));
        own.unwrap_or(&self.base)
    }

    /// The same values in the shape of the schema: keys by their present names, plugins by name,
    /// references replaced, texts read.
    pub(crate) fn shaped(
        &self,
        schema: &Value,
        environment: &BTreeMap<String, String>,
        problems: &mut Vec<Diagnostic>,
    ) -> Layer {
        let mut shaper = Shaper {
            from: self,
            environment,
            problems,
            shaped: Layer { written: self.written, ..Layer::new(self.base.clone()) },
        };
        let values = self.values.clone();
        let shaped = shaper.shape(schema, values, &mut Vec::new(), &mut Vec::new());
        let mut layer = shaper.shaped;
        layer.values = shaped.unwrap_or_default();
        layer
    }
}

/// Turns one layer into the shape of the schema.
struct Shaper<'a> {
    from: &'a Layer,
    environment: &'a BTreeMap<String, String>,
    problems: &'a mut Vec<Diagnostic>,
    shaped: Layer,
}

impl Shaper<'_> {
    /// The value at `old`, which will be at `new`; nothing for a section without content.
    fn shape(
        &mut self,
        schema: &Value,
        value: Value,
        old: &mut KeyPath,
        new: &mut KeyPath,
    ) -> Option<Value> {
        if let Some(origin) = self.from.origins.get(old.as_slice()) {
            self.shaped.origins.insert(new.clone(), origin.clone());
        }
        Some(match value {
            // `server:` with every key below it commented out changes nothing.
            Value::Null if schema::is_object(schema) && !schema::is_optional(schema) => {
                return None;
            }
            Value::Array(items) if new.as_slice() == ["plugins"] => {
                self.plugin_list(schema, items, old, new)
            }
            Value::Array(items) => {
                let schema = schema.get("items").unwrap_or(&Value::Null);
                let shaped = items.into_iter().enumerate().filter_map(|(index, item)| {
                    let key = index.to_string();
                    self.member(schema, item, key.clone(), key, old, new)
                });
                Value::Array(shaped.collect())
            }
            Value::Object(map) => {
                let mut shaped = Map::new();
                for (key, item) in map {
                    let name = match new.as_slice() {
                        [section] if section == "plugins" => plugin_name(&key, self.from.written),
                        _ => schema::canonical(schema, &key).to_owned(),
                    };
                    let schema = schema::member(schema, &name).unwrap_or(&Value::Null);
                    if let Some(item) = self.member(schema, item, key, name.clone(), old, new) {
                        shaped.insert(name, item);
                    }
                }
                Value::Object(shaped)
            }
            Value::String(text) if self.from.written && new.as_slice() == ["plugins"] => {
                match yaml::value(&text) {
                    Some(Value::Array(items)) => self.plugin_list(schema, items, old, new),
                    _ => Value::String(text),
                }
            }
            Value::String(text) => self.text(schema, text, old, new),
            other => other,
        })
    }

    fn member(
        &mut self,
        schema: &Value,
        value: Value,
        old_key: String,
        new_key: String,
        old: &mut KeyPath,
        new: &mut KeyPath,
    ) -> Option<Value> {
        old.push(old_key);
        new.push(new_key);
        let shaped = self.shape(schema, value, old, new);
        old.pop();
        new.pop();
        shaped
    }

    /// The list of plugins as an object with a key for each, so that layers meet by name.
    fn plugin_list(
        &mut self,
        schema: &Value,
        items: Vec<Value>,
        old: &mut KeyPath,
        new: &mut KeyPath,
    ) -> Value {
        let mut plugins = Map::new();
        for (index, item) in items.into_iter().enumerate() {
            old.push(index.to_string());
            let (name, settings) = match named_plugin(item) {
                Ok(named) => named,
                Err(reason) => {
                    self.problems.push(
                        Diagnostic::error(reason)
                            .at(self.from.origin(old), format!("plugins[{index}]"))
                            .help("write a name, a path, or an object with `name` or `path`"),
                    );
                    old.pop();
                    continue;
                }
            };
            if plugins.contains_key(&name) {
                let headline = format!("plugin `{name}` is listed twice");
                let at = self.from.origin(old);
                self.problems.push(Diagnostic::error(headline).at(at, format!("plugins[{index}]")));
            }
            new.push(name.clone());
            let schema = schema::member(schema, &name).unwrap_or(&Value::Null);
            if let Some(settings) = self.shape(schema, settings, old, new) {
                plugins.insert(name, settings);
            }
            new.pop();
            old.pop();
        }
        Value::Object(plugins)
    }

    fn text(&mut self, schema: &Value, text: String, old: &KeyPath, new: &KeyPath) -> Value {
        let origin = self.from.origin(old);
        let outcome = reference::replace(&text, self.environment, origin.directory());
        let (text, replaced) = match outcome {
            Ok(None) => (text, false),
            Ok(Some(replaced)) => {
                self.shaped.references.insert(new.clone(), text);
                (replaced, true)
            }
            Err(reason) => {
                self.problems.push(Diagnostic::error(reason).at(origin, new.join(".")));
                (text, false)
            }
        };
        if replaced || self.from.written { schema::read(schema, &text) } else { text.into() }
    }
}

/// An item of the plugin list: its name, and its settings without it.
fn named_plugin(item: Value) -> Result<(String, Value), String> {
    match item {
        Value::String(text) if is_path(&text) => {
            let settings = Map::from_iter([("path".to_owned(), Value::String(text.clone()))]);
            Ok((text, Value::Object(settings)))
        }
        Value::String(text) => Ok((plugin_name(&text, false), Value::Object(Map::new()))),
        Value::Object(mut map) => {
            let name = map.remove("name");
            let named = name.as_ref().or(map.get("path")).and_then(Value::as_str);
            match named {
                Some(name) => Ok((plugin_name(name, false), Value::Object(map))),
                None => Err("this plugin has neither a `name` nor a `path` that is text".into()),
            }
        }
        _ => Err("this is no plugin".into()),
    }
}

/// Whether a plugin is given by its file and not by its name.
fn is_path(text: &str) -> bool {
    text.contains('/') || text.ends_with(std::env::consts::DLL_SUFFIX)
}

/// How a plugin is called in the list: `ratchet.js.boa` is `js-boa` for short. Environment
/// variables cannot contain a hyphen, so an underscore stands for it there.
pub(crate) fn plugin_name(given: &str, written: bool) -> String {
    if is_path(given) {
        return given.to_owned();
    }
    let short = given.strip_prefix("ratchet.").map(|rest| rest.replace('.', "-"));
    let name = short.unwrap_or_else(|| given.to_owned());
    if written { name.replace('_', "-") } else { name }
}
