//! `ratchet plugins list`.

use std::path::Path;

use ratchet_plugin_api::manifest::Manifest;
use serde_json::{Value, json};

use super::table;
use crate::config::settings::Placement;
use crate::config::{Configuration, PluginEntry};
use crate::discovery::{self, Catalogue};

/// One line of the list.
struct Row {
    id: String,
    version: String,
    state: &'static str,
    placement: String,
    provides: Vec<String>,
    file: String,
    origin: String,
}

pub(super) fn render(configuration: &Configuration, catalogue: &Catalogue, json: bool) -> String {
    let rows = rows(configuration, catalogue);
    if json {
        let rows: Vec<Value> = rows.iter().map(Row::json).collect();
        return format!("{:#}\n", Value::Array(rows));
    }
    let heading = ["PLUGIN", "VERSION", "STATE", "PLACEMENT", "PROVIDES", "FILE"];
    let mut cells = vec![heading.map(str::to_owned).to_vec()];
    cells.extend(rows.into_iter().map(Row::cells));
    table::render(&cells)
}

fn rows(configuration: &Configuration, catalogue: &Catalogue) -> Vec<Row> {
    let mut rows = Vec::new();
    for entry in &configuration.plugins {
        let installed = catalogue.plugins.iter().find(|plugin| plugin.entry.name == entry.name);
        rows.push(match installed {
            Some(plugin) => {
                let state = if entry.settings.enabled { "enabled" } else { "disabled" };
                Row::of(&plugin.manifest, &plugin.file, state, Some(entry))
            }
            None => {
                let absent = catalogue.unavailable.iter().any(|other| other.name == entry.name);
                Row::without_manifest(entry, if absent { "not installed" } else { "refused" })
            }
        });
    }
    for (file, manifest) in discovery::others(configuration, catalogue) {
        rows.push(Row::of(&manifest, &file, "not configured", None));
    }
    rows
}

impl Row {
    fn of(
        manifest: &Manifest,
        file: &Path,
        state: &'static str,
        entry: Option<&PluginEntry>,
    ) -> Self {
        let provides = manifest.provides.iter().map(|offer| match offer.instance.as_str() {
            "" => format!("{} {}", offer.service, offer.version),
            instance if instance == manifest.id => format!("{} {}", offer.service, offer.version),
            instance => format!("{} {} ({instance})", offer.service, offer.version),
        });
        Self {
            id: manifest.id.clone(),
            version: manifest.version.clone(),
            state,
            placement: entry.map(placement).unwrap_or_default(),
            provides: provides.collect(),
            file: file.display().to_string(),
            origin: entry.map(|entry| entry.origin.to_string()).unwrap_or_default(),
        }
    }

    fn without_manifest(entry: &PluginEntry, state: &'static str) -> Self {
        Self {
            id: entry.name.clone(),
            version: String::new(),
            state,
            placement: placement(entry),
            provides: Vec::new(),
            file: entry.settings.path.clone().unwrap_or_default(),
            origin: entry.origin.to_string(),
        }
    }

    fn cells(self) -> Vec<String> {
        let provides = self.provides.join(", ");
        vec![self.id, self.version, self.state.to_owned(), self.placement, provides, self.file]
    }

    fn json(&self) -> Value {
        json!({
            "id": self.id, "version": self.version, "state": self.state,
            "placement": self.placement, "provides": self.provides, "file": self.file,
            "origin": self.origin,
        })
    }
}

fn placement(entry: &PluginEntry) -> String {
    match (entry.settings.placement, entry.settings.replicas) {
        (Placement::Process, replicas) if replicas > 1 => format!("process x{replicas}"),
        (placement, _) => placement.as_str().to_owned(),
    }
}
