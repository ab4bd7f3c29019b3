//! The configuration: layers laid over one another, checked against what host and plugins declare.
//!
//! [`load`] reads the layers and the host's own keys, which say where the plugins are; [`resolve`]
//! checks the rest once their manifests are known.

mod compose;
mod layer;
mod merged;
mod origin;
mod reference;
pub(crate) mod schema;
pub mod settings;
pub(crate) mod show;
pub(crate) mod sources;
mod taken;
pub(crate) mod yaml;

use std::collections::BTreeMap;
use std::path::Path;

use ratchet_plugin_api::manifest::Manifest;
use ratchet_plugin_api::nearest;
use serde_json::{Map, Value};

use crate::cli::Globals;
use crate::diagnostic::{Diagnostic, Kind};
use crate::discovery::Catalogue;
use layer::Layer;
use merged::Merged;
pub use origin::Origin;
use schema::FaultKind;
pub use settings::{PluginSettings, Settings};
use yaml::KeyPath;

/// The layers, and the host's own keys.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// The host's own keys.
    pub settings: Settings,
    /// The plugin list, in its order.
    pub plugins: Vec<PluginEntry>,
    layers: Layers,
}

/// One plugin of the list.
#[derive(Clone, Debug)]
pub struct PluginEntry {
    /// Its name: what it is called in the list, short for ids that begin with `ratchet.`.
    pub name: String,
    /// Its keys.
    pub settings: PluginSettings,
    /// Where it was last named.
    pub origin: Origin,
    /// Whether the user named it, so that its absence is an error.
    pub users: bool,
}

impl PluginEntry {
    /// The key its settings are under, for messages.
    pub fn key(&self) -> String {
        format!("plugins.{}", self.name)
    }
}

/// All that was read, not yet in the shape of any schema.
#[derive(Clone, Debug)]
struct Layers {
    fixed: Vec<Layer>,
    environment: BTreeMap<String, String>,
    flags: Layer,
}

/// The whole configuration, checked.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The host's own keys.
    pub settings: Settings,
    /// The names of all plugins in the order of the list.
    plugins: Vec<String>,
    merged: Merged,
    schema: Value,
}

/// Reads every layer and the host's own keys.
///
/// # Errors
/// Files that cannot be read, and all mistakes in the host's keys.
pub fn load(globals: &Globals) -> Result<Configuration, Vec<Diagnostic>> {
    let variables = std::env::vars_os();
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    load_with(globals, variables.filter_map(text).collect())
}

/// Does what [`load`] does with these environment variables.
///
/// # Errors
/// Those of [`load`].
pub fn load_with(
    globals: &Globals,
    environment: BTreeMap<String, String>,
) -> Result<Configuration, Vec<Diagnostic>> {
    let fixed = sources::fixed(globals, &environment)?;
    let layers = Layers { fixed, environment, flags: sources::flags(globals)? };
    let mut host = settings::HOST.config.clone();
    if let Some(keywords) = host.as_object_mut() {
        // The keys of plugins are checked when it is known which plugins there are.
        keywords.remove("additionalProperties");
    }
    let (shaped, merged, mut problems) = layers.lay(&host)?;
    problems.extend(faults(&host, &merged));
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut values = Map::new();
    for (key, _) in schema::properties(&host) {
        if let Some(value) = merged.values.get(key) {
            values.insert(key.clone(), value.clone());
        }
    }
    let mut settings: Settings = serde_json::from_value(Value::Object(values))
        .map_err(|error| vec![Diagnostic::error(format!("the configuration is wrong: {error}"))])?;
    settings.complete(&merged)?;
    let plugins = entries(&settings, &shaped, &merged);
    Ok(Configuration { settings, plugins, layers })
}

/// The plugin list in its order: where each was first named.
fn entries(settings: &Settings, layers: &[Layer], merged: &Merged) -> Vec<PluginEntry> {
    let mut entries: Vec<PluginEntry> = Vec::new();
    for layer in layers {
        let Some(named) = layer.values.get("plugins").and_then(Value::as_object) else { continue };
        for name in named.keys() {
            let path = ["plugins".to_owned(), name.clone()];
            let users = layer.origin(&path).is_users();
            if let Some(entry) = entries.iter_mut().find(|entry| entry.name == *name) {
                entry.users |= users;
            } else if let Some(settings) = settings.plugins.get(name) {
                let (name, settings) = (name.clone(), settings.clone());
                entries.push(PluginEntry { name, settings, origin: merged.origin(&path), users });
            }
        }
    }
    entries
}

impl Layers {
    /// The layers in the shape of `schema`, and all in one.
    fn lay(
        &self,
        schema: &Value,
    ) -> Result<(Vec<Layer>, Merged, Vec<Diagnostic>), Vec<Diagnostic>> {
        let mut problems = Vec::new();
        let variables = sources::variables(&self.environment, schema);
        let layers = self.fixed.iter().chain([&variables, &self.flags]);
        let shaped: Vec<Layer> =
            layers.map(|layer| layer.shaped(schema, &self.environment, &mut problems)).collect();
        let merged = Merged::of(&shaped).map_err(|error| vec![error])?;
        Ok((shaped, merged, problems))
    }
}

/// Checks the whole configuration against the manifests, and works out what each plugin gets.
///
/// # Errors
/// Every mistake: unknown keys, values that do not fit.
pub fn resolve(
    configuration: &Configuration,
    catalogue: &Catalogue,
) -> Result<Resolved, Vec<Diagnostic>> {
    let mut schema = whole_schema(catalogue);
    let (_, mut merged, mut problems) = configuration.layers.lay(&schema)?;
    let mut found = schema::check(&schema, &merged.values, &mut Vec::new());
    if found.iter().any(|fault| matches!(fault.kind, FaultKind::Unknown { .. })) {
        // Perhaps a key of a plugin that Ratchet comes with but that is not installed here.
        compose::merge(&mut schema, &compose::built_in());
        (_, merged, problems) = configuration.layers.lay(&schema)?;
        found = schema::check(&schema, &merged.values, &mut Vec::new());
    }
    problems.extend(found.into_iter().map(|fault| diagnostic(fault, &merged, Clone::clone)));
    if !problems.is_empty() {
        return Err(problems);
    }
    let plugins = configuration.plugins.iter().map(|entry| entry.name.clone()).collect();
    Ok(Resolved { settings: configuration.settings.clone(), plugins, merged, schema })
}

/// How a plugin is called in the list: `ratchet.js.boa` is `js-boa` for short.
pub(crate) fn plugin_name(given: &str) -> String {
    layer::plugin_name(given, false)
}

/// The schema of the whole configuration, with all plugins of the catalogue.
fn whole_schema(catalogue: &Catalogue) -> Value {
    let plugins = catalogue.plugins.iter();
    let named = plugins.map(|plugin| (plugin.entry.name.as_str(), &plugin.manifest));
    compose::compose(&settings::HOST, named)
}

/// The schema of the whole configuration as it is published.
pub(crate) fn published_schema(catalogue: &Catalogue) -> Value {
    compose::published(whole_schema(catalogue))
}

fn faults(schema: &Value, merged: &Merged) -> Vec<Diagnostic> {
    let found = schema::check(schema, &merged.values, &mut Vec::new());
    found.into_iter().map(|fault| diagnostic(fault, merged, Clone::clone)).collect()
}

/// A fault in words. `place` turns where it is in the checked value into where it is in the whole.
fn diagnostic(
    fault: schema::Fault,
    merged: &Merged,
    place: impl Fn(&KeyPath) -> KeyPath,
) -> Diagnostic {
    let path = place(&fault.path);
    let origin = merged.origin(&path);
    let (key, whole) = match path.split_last() {
        Some((last, _)) => (last.as_str(), path.join(".")),
        None => ("", String::new()),
    };
    match fault.kind {
        FaultKind::Unknown { key, known } => {
            let found = Diagnostic::error(format!("there is no key `{whole}`")).at(&origin, "");
            let names = || known.iter().map(String::as_str);
            match nearest(&key, names()) {
                Some(nearest) => found.help(format!("did you mean `{nearest}`?")),
                None if known.is_empty() => found.help("there are no keys at this place"),
                None => found.help(format!("known here: {}", known.join(", "))),
            }
        }
        FaultKind::Missing { key, purpose } => {
            let whole = if whole.is_empty() { key } else { format!("{whole}.{key}") };
            let found = Diagnostic::error(format!("`{whole}` has to be set")).at(&origin, "");
            if purpose.is_empty() { found } else { found.note(purpose) }
        }
        FaultKind::Wrong { expected, found, purpose } => {
            // In the checked shape it is an object, so that layers meet by name.
            let expected = if whole == "plugins" { "a list of plugins".into() } else { expected };
            let headline = format!("`{key}` must be {expected}; found {found}");
            let found = Diagnostic::error(headline).at(&origin, whole);
            if purpose.is_empty() { found } else { found.note(purpose) }
        }
    }
}

impl Resolved {
    /// Where the value at `path`, or what it would be part of, comes from.
    pub fn origin(&self, path: &[&str]) -> Origin {
        self.merged.origin(&path.iter().map(|&key| key.to_owned()).collect::<KeyPath>())
    }

    /// What the plugin called `name` in the list is started with: its own configuration, and the
    /// sections of the whole that it declares, with the defaults it declares.
    ///
    /// # Errors
    /// Keys that it needs and that are not set.
    pub fn of_plugin(&self, name: &str, manifest: &Manifest) -> Result<Value, Vec<Diagnostic>> {
        let own = self.merged.get(&["plugins", name, "config"]).cloned();
        let mut config = match own {
            Some(Value::Object(own)) => own,
            _ => Map::new(),
        };
        let mut sections = BTreeMap::new();
        for (field, schema) in schema::properties(&manifest.config) {
            let Some(path) = schema.get("x-section").and_then(Value::as_str) else { continue };
            let keys: Vec<&str> = path.split('.').collect();
            let value = match self.merged.get(&keys) {
                Some(Value::Object(section)) => Value::Object(known_keys(section, schema)),
                Some(other) => other.clone(),
                None if schema::is_optional(schema) || schema.get("default").is_some() => continue,
                None if schema::is_object(schema) => Value::Object(Map::new()),
                None => continue,
            };
            config.insert(field.clone(), value);
            sections.insert(field.clone(), keys.into_iter().map(str::to_owned).collect());
        }
        let mut config = Value::Object(config);
        schema::fill(&manifest.config, &mut config, false);
        let own = ["plugins", name, "config"].map(str::to_owned).to_vec();
        let place = |path: &KeyPath| -> KeyPath {
            let section = path.first().and_then(|field| sections.get(field));
            let (start, rest): (&KeyPath, _) = section.map_or((&own, 0), |keys| (keys, 1));
            start.iter().chain(&path[rest..]).cloned().collect()
        };
        let faults = schema::check(&manifest.config, &config, &mut Vec::new());
        if faults.is_empty() {
            return Ok(config);
        }
        let needed_by = format!("plugin `{}` needs it", manifest.id);
        let found = faults.into_iter().map(|fault| diagnostic(fault, &self.merged, place));
        Err(found.map(|found| found.note(needed_by.clone())).collect())
    }
}

/// A section without the keys that belong to other plugins' parts of it.
fn known_keys(section: &Map<String, Value>, schema: &Value) -> Map<String, Value> {
    let known = section.iter().filter(|(key, _)| schema::member(schema, key).is_some());
    known.map(|(key, value)| (key.clone(), value.clone())).collect()
}

impl Settings {
    /// Makes paths absolute in the way their origins ask for, and checks what a schema cannot say.
    fn complete(&mut self, merged: &Merged) -> Result<(), Vec<Diagnostic>> {
        let mut problems = Vec::new();
        let path_of = |keys: &[&str]| keys.iter().map(|&key| key.to_owned()).collect::<KeyPath>();
        for (name, plugin) in &mut self.plugins {
            let keys = path_of(&["plugins", name, "path"]);
            if let Some(path) = &mut plugin.path {
                *path = absolute(path, &merged.origin(&keys));
            }
            let at = |key: &str| merged.origin(&path_of(&["plugins", name, key]));
            if plugin.replicas > REPLICAS_MAX {
                let headline = format!(
                    "`replicas` must be a whole number from 0 to {REPLICAS_MAX}; \
                     found the number {}",
                    plugin.replicas
                );
                let key = format!("plugins.{name}.replicas");
                problems.push(Diagnostic::error(headline).at(&at("replicas"), key));
            } else if plugin.replicas > 1 && plugin.placement == settings::Placement::InProcess {
                let headline =
                    format!("plugin `{name}` cannot have replicas in the host's process");
                let key = format!("plugins.{name}.replicas");
                let help = "add `placement: process`, or remove `replicas`";
                problems.push(Diagnostic::error(headline).at(&at("replicas"), key).help(help));
            }
        }
        for (index, folder) in self.plugin_dirs.iter_mut().flatten().enumerate() {
            let origin = merged.origin(&path_of(&["plugin_dirs", &index.to_string()]));
            *folder = absolute(folder, &origin);
        }
        if let Some(file) = &mut self.trust.lock_file {
            *file = absolute(file, &merged.origin(&path_of(&["trust", "lock_file"])));
        }
        problems.extend(crate::logging::check(&self.logging).into_iter().map(|(keys, reason)| {
            let keys = path_of(&keys.split('.').collect::<Vec<_>>());
            Diagnostic::error(reason).at(&merged.origin(&keys), keys.join("."))
        }));
        debug_assert!(problems.iter().all(|problem| problem.kind == Kind::Error));
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }
}

/// How many processes one plugin may run in: far more than any machine has use for, and few enough
/// that a slip of the finger cannot exhaust it.
const REPLICAS_MAX: u16 = 256;

fn absolute(path: &str, origin: &Origin) -> String {
    let base = origin.directory().unwrap_or(Path::new(""));
    let joined = base.join(path);
    std::path::absolute(&joined).unwrap_or(joined).display().to_string()
}
