//! What the tests stand on: a folder with a configuration, and plugins that exist as manifests.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ratchet_host::cli::Globals;
use ratchet_host::cli::commands::ProfileName;
use ratchet_host::config::{self, Configuration, Resolved};
use ratchet_host::diagnostic::{self, Diagnostic};
use ratchet_host::discovery::{Catalogue, Installed};
use ratchet_plugin_api::manifest::Manifest;
use ratchet_plugin_api::manifest::{API_VERSION, TARGET};
use serde_json::{Value, json};

/// A configuration file, variables, flags and manifests.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) file: Option<String>,
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) globals: Globals,
    pub(crate) manifests: Vec<Manifest>,
}

impl World {
    /// The world with this configuration file.
    pub(crate) fn file(text: &str) -> Self {
        Self { file: Some(text.to_owned()), ..Self::default() }
    }

    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn set(mut self, setting: &str) -> Self {
        self.globals.set.push(setting.to_owned());
        self
    }

    pub(crate) fn profile(mut self, name: ProfileName) -> Self {
        self.globals.profile = Some(name);
        self
    }

    /// Adds an installed plugin whose manifest has these keys besides the usual ones.
    pub(crate) fn plugin(mut self, id: &str, keys: Value) -> Self {
        self.manifests.push(manifest(id, keys));
        self
    }

    pub(crate) fn load(&self) -> Result<Configuration, Vec<Diagnostic>> {
        let folder = tempfile::tempdir().expect("a folder");
        let mut globals = self.globals.clone();
        if let Some(text) = &self.file {
            let path = folder.path().join("ratchet.yaml");
            std::fs::write(&path, text).expect("written");
            globals.config = Some(path);
        }
        config::load_with(&globals, self.variables.clone())
    }

    /// The catalogue of the manifests that configuration names, and what discovery says of others.
    pub(crate) fn catalogue(&self, configuration: &Configuration) -> Catalogue {
        let mut catalogue = Catalogue::default();
        for entry in &configuration.plugins {
            let called = |manifest: &&Manifest| {
                let short = manifest.id.strip_prefix("ratchet.").map(|id| id.replace('.', "-"));
                manifest.id == entry.name || short.as_deref() == Some(&entry.name)
            };
            match self.manifests.iter().find(called) {
                Some(manifest) => catalogue.plugins.push(Installed {
                    entry: entry.clone(),
                    manifest: manifest.clone(),
                    file: PathBuf::from(format!("/lib/{}.so", entry.name)),
                    identity: (0, 0),
                }),
                None => catalogue.unavailable.push(entry.clone()),
            }
        }
        catalogue
    }

    pub(crate) fn resolve(&self) -> Result<(Catalogue, Resolved), Vec<Diagnostic>> {
        let configuration = self.load()?;
        let catalogue = self.catalogue(&configuration);
        let resolved = config::resolve(&configuration, &catalogue)?;
        Ok((catalogue, resolved))
    }

    /// What each plugin is started with, or what is wrong.
    pub(crate) fn configurations(&self) -> Result<BTreeMap<String, Value>, Vec<Diagnostic>> {
        let (catalogue, resolved) = self.resolve()?;
        let (mut configurations, mut problems) = (BTreeMap::new(), Vec::new());
        for plugin in catalogue.enabled() {
            match resolved.of_plugin(&plugin.entry.name, &plugin.manifest) {
                Ok(config) => drop(configurations.insert(plugin.entry.name.clone(), config)),
                Err(more) => problems.extend(more),
            }
        }
        if problems.is_empty() { Ok(configurations) } else { Err(problems) }
    }

    /// The configurations as text, or the mistakes.
    pub(crate) fn outcome(&self) -> String {
        match self.configurations() {
            Ok(configurations) => {
                let lines =
                    configurations.iter().map(|(name, config)| format!("{name} {config}\n"));
                lines.collect()
            }
            Err(problems) => without_folder(&diagnostic::render(&problems)),
        }
    }
}

/// Text without the name of the temporary folder of the configuration file.
pub(crate) fn without_folder(text: &str) -> String {
    let mut parts = text.split("/ratchet.yaml");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let start = shown.rfind([' ', '(']).map_or(0, |index| index + 1);
        shown.truncate(start);
        shown.push_str("ratchet.yaml");
        shown.push_str(part);
    }
    shown
}

pub(crate) fn manifest(id: &str, keys: Value) -> Manifest {
    let mut whole = json!({
        "id": id, "version": "0.1.0", "api": API_VERSION, "target": TARGET, "panic": "unwind",
        "compiler": "rustc 1.95.0",
        "summary": format!("Summary of {id}"),
        "config": {"type": "object", "properties": {}, "additionalProperties": false},
    });
    for (key, value) in keys.as_object().expect("keys") {
        whole[key] = value.clone();
    }
    serde_json::from_value(whole).expect("a manifest")
}

/// An object's schema.
pub(crate) fn object(properties: Value, required: &[&str]) -> Value {
    json!({
        "type": "object", "additionalProperties": false,
        "properties": properties, "required": required,
    })
}
