//! Where configuration is read from: built-in defaults and profiles, a file, variables, flags.

use std::collections::BTreeMap;
use std::path::Path;

use ratchet_plugin_api::nearest;
use serde_json::Value;

use super::layer::Layer;
use super::yaml::{self, KeyPath};
use super::{Origin, schema};
use crate::cli::Globals;
use crate::diagnostic::Diagnostic;

/// The profiles built in, by name.
pub(crate) const PROFILES: &[(&str, &str)] = &[
    ("dev", include_str!("../../../config/profiles/dev.yaml")),
    ("production", include_str!("../../../config/profiles/production.yaml")),
    ("minimal", include_str!("../../../config/profiles/minimal.yaml")),
    ("enterprise", include_str!("../../../config/profiles/enterprise.yaml")),
    ("claude", include_str!("../../../config/profiles/claude.yaml")),
];

const DEFAULTS: &str = include_str!("../../../config/defaults.yaml");
const VARIABLES: &str = include_str!("../../../config/environment.yaml");

/// The prefix of environment variables that set keys.
const PREFIX: &str = "RATCHET_";

/// Variables of the prefix that are not keys: where the file is, and what plugins are told.
const NOT_KEYS: &[&str] = &["RATCHET_CONFIG"];

/// The defaults, the profile and the file, in this order.
pub(crate) fn fixed(
    globals: &Globals,
    environment: &BTreeMap<String, String>,
) -> Result<Vec<Layer>, Vec<Diagnostic>> {
    let mut layers = vec![Layer::yaml(DEFAULTS, Origin::Default).map_err(|error| vec![error])?];
    let file = globals.config.as_deref().map(file).transpose().map_err(|error| vec![error])?;
    if let Some((name, origin)) = chosen_profile(globals, environment, file.as_ref()) {
        layers.push(profile(&name, &origin).map_err(|error| vec![error])?);
    }
    layers.extend(file);
    Ok(layers)
}

fn file(path: &Path) -> Result<Layer, Diagnostic> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Diagnostic::error(format!("the configuration cannot be read: {error}"))
            .file(path)
            .help("name an existing file with --config or RATCHET_CONFIG, or none")
    })?;
    Layer::yaml(&text, Origin::File { path: path.to_owned(), line: 0 })
}

fn chosen_profile(
    globals: &Globals,
    environment: &BTreeMap<String, String>,
    file: Option<&Layer>,
) -> Option<(String, Origin)> {
    if let Some(name) = &globals.profile {
        return Some((name.as_str().to_owned(), Origin::Flag("--profile".into())));
    }
    if let Some(name) = environment.get("RATCHET_PROFILE") {
        return Some((name.clone(), Origin::Variable("RATCHET_PROFILE".into())));
    }
    let file = file?;
    let name = file.values.get("profile")?.as_str()?;
    Some((name.to_owned(), file.origin(&["profile".to_owned()]).clone()))
}

fn profile(name: &str, origin: &Origin) -> Result<Layer, Diagnostic> {
    let known = || PROFILES.iter().map(|(name, _)| *name);
    match PROFILES.iter().find(|(known, _)| *known == name) {
        Some((name, text)) => {
            Layer::yaml(text, Origin::Profile { name: (*name).to_owned(), line: 0 })
        }
        None => {
            let headline = format!("there is no profile `{name}`");
            let help = match nearest(name, known()) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => format!("the profiles are {}", schema::quoted(known())),
            };
            Err(Diagnostic::error(headline).at(origin, "profile").help(help))
        }
    }
}

/// What the environment says, for the keys of `schema`: `RATCHET_SERVER__PORT` names a key
/// whatever it is; `RATCHET_SERVER_PORT` counts when there is such a key, since others use the
/// prefix for purposes of their own.
pub(crate) fn variables(environment: &BTreeMap<String, String>, schema: &Value) -> Layer {
    let mut layer = Layer::written();
    let set = |layer: &mut Layer, path: &KeyPath, name: &str, value: &str| {
        layer.write(path, value, Origin::Variable(name.to_owned()));
    };
    if let Some(directives) = environment.get("RUST_LOG") {
        set(&mut layer, &keys("logging.level"), "RUST_LOG", directives);
    }
    let ours = || {
        let ours = environment.iter().filter(|(name, _)| name.starts_with(PREFIX));
        ours.filter(|(name, _)| !NOT_KEYS.contains(&name.as_str()))
    };
    let mut others = None;
    for (name, value) in ours().filter(|(name, _)| !name.contains("__")) {
        let others = others.get_or_insert_with(other_names);
        let path = match others.get(name).and_then(Value::as_str) {
            Some(path) => known_path(schema, &keys(path)).then(|| keys(path)),
            None => flat_path(schema, &name[PREFIX.len()..].to_ascii_lowercase()),
        };
        if let Some(path) = path {
            set(&mut layer, &path, name, value);
        }
    }
    for (name, value) in ours().filter(|(name, _)| name.contains("__")) {
        let path = name[PREFIX.len()..].to_ascii_lowercase();
        let path = path.split("__").map(str::to_owned).collect();
        set(&mut layer, &path, name, value);
    }
    layer
}

fn other_names() -> Value {
    yaml::parse(VARIABLES).map(|document| document.value).unwrap_or_default()
}

fn known_path(schema: &Value, path: &[String]) -> bool {
    path.iter().try_fold(schema, |schema, key| schema["properties"].get(key)).is_some()
}

/// The key whose path, joined by underscores, is `name`.
fn flat_path(schema: &Value, name: &str) -> Option<KeyPath> {
    for (key, schema) in schema::properties(schema) {
        if key == name || schema["x-alias"].as_str() == Some(name) {
            return Some(vec![key.clone()]);
        }
        let rest = name.strip_prefix(key.as_str()).and_then(|rest| rest.strip_prefix('_'));
        if let Some(mut path) = rest.and_then(|rest| flat_path(schema, rest)) {
            path.insert(0, key.clone());
            return Some(path);
        }
    }
    None
}

/// What the command line says.
pub(crate) fn flags(globals: &Globals) -> Result<Layer, Vec<Diagnostic>> {
    let mut layer = Layer::written();
    let mut problems = Vec::new();
    for given in &globals.set {
        match given.split_once('=') {
            Some((path, value)) if !path.is_empty() => {
                layer.write(&keys(path), value, Origin::Flag(format!("--set {path}")));
            }
            _ => problems.push(
                Diagnostic::usage(format!("`--set {given}` sets nothing"))
                    .help("write --set KEY=VALUE, such as --set logging.level=debug"),
            ),
        }
    }
    if let Some(level) = &globals.log_level {
        layer.write(&keys("logging.level"), level, Origin::Flag("--log-level".into()));
    }
    if let Some(profile) = globals.profile {
        layer.write(&keys("profile"), profile.as_str(), Origin::Flag("--profile".into()));
    }
    if problems.is_empty() { Ok(layer) } else { Err(problems) }
}

/// The keys of a path such as `server.port`. A key that contains dots is put in double quotes:
/// `bind."ratchet.js-runtime"`.
fn keys(path: &str) -> KeyPath {
    let (mut keys, mut key, mut in_quotes) = (Vec::new(), String::new(), false);
    for letter in path.chars() {
        match letter {
            '"' => in_quotes = !in_quotes,
            '.' if !in_quotes => keys.push(std::mem::take(&mut key)),
            _ => key.push(letter),
        }
    }
    keys.push(key);
    keys
}
