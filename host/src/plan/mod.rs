//! Decides what is loaded, in which order, and who provides what to whom: a pure function.
//!
//! Plugins depend on services, not on one another. A plugin starts after the providers of what it
//! requires, and of what it wants where they are there and that makes no cycle; otherwise the order
//! of configuration holds, so the same configuration always starts the same way.

mod planner;
mod problems;

use std::collections::BTreeMap;
use std::path::PathBuf;

use ratchet_plugin_api::manifest::Manifest;
use serde_json::Value;

use crate::config::Resolved;
use crate::config::settings::PluginSettings;
use crate::diagnostic::Diagnostic;
use crate::discovery::Catalogue;
use planner::Planner;

/// What a plan is made for.
#[derive(Clone, Copy, Debug)]
pub enum Goal<'a> {
    /// Everything that is enabled.
    Everything,
    /// One command of a plugin, and what it needs.
    Command {
        /// The plugin's id.
        plugin: &'a str,
        /// The command's full name.
        command: &'a str,
    },
}

/// What is loaded.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The plugins in the order of starting; stopping is the reverse.
    pub plugins: Vec<Planned>,
    /// Worth telling the user.
    pub warnings: Vec<Diagnostic>,
}

/// One plugin of a plan.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Its name in configuration, for messages.
    pub name: String,
    /// Its manifest: id, provides, requires, wants, concurrency.
    pub manifest: Manifest,
    /// Its file.
    pub file: PathBuf,
    /// Device and inode of the file whose manifest was read; see [`crate::trust::open`].
    pub identity: (u64, u64),
    /// Where it runs, in how many processes, and what those may use.
    pub settings: PluginSettings,
    /// What it is started with: a JSON object.
    pub config: Value,
    /// Plugins of one level can start together; each level waits for those below.
    pub level: usize,
    /// Which provider answers it for each service it requires or wants and names no instance of:
    /// the one that `bind` names, the only one, or the first in the order of configuration where
    /// the contract can have many.
    pub bindings: BTreeMap<String, Provider>,
}

/// A provider of a service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Provider {
    /// The plugin's id.
    pub plugin: String,
    /// The instance; empty where the contract has only one.
    pub instance: String,
}

impl Plan {
    /// The plugins that can start together, level by level.
    pub fn levels(&self) -> Vec<Vec<&Planned>> {
        let mut levels: Vec<Vec<&Planned>> = Vec::new();
        for plugin in &self.plugins {
            if levels.len() <= plugin.level {
                levels.resize(plugin.level + 1, Vec::new());
            }
            levels[plugin.level].push(plugin);
        }
        levels
    }

    /// Whether a plugin is answered by the plugin `id` for a service.
    pub fn binds_to(&self, id: &str) -> bool {
        let mut bindings = self.plugins.iter().flat_map(|plugin| plugin.bindings.values());
        bindings.any(|provider| provider.plugin == id)
    }
}

/// Works out what to load for `goal`.
///
/// # Errors
/// Every problem at once.
pub fn plan(
    catalogue: &Catalogue,
    resolved: &Resolved,
    goal: Goal<'_>,
) -> Result<Plan, Vec<Diagnostic>> {
    let mut planner = Planner::new(catalogue, resolved);
    planner.problems.extend(catalogue.problems.iter().cloned());
    let chosen = planner.choose(goal);
    let bindings: Vec<_> = chosen.iter().map(|&index| planner.bind(index, &chosen)).collect();
    planner.check_instances(&chosen);
    planner.check_binds();
    let order = planner.order(&chosen);
    let mut plugins = Vec::new();
    for (index, level) in order {
        let plugin = planner.plugins[index];
        let position = chosen.iter().position(|&other| other == index).unwrap_or_default();
        let settings = resolved.settings_of(&plugin.entry).unwrap_or_else(|problems| {
            planner.problems.extend(problems);
            plugin.entry.settings.clone()
        });
        match resolved.of_plugin(&plugin.entry.name, &plugin.manifest) {
            Ok(config) => plugins.push(Planned {
                name: plugin.entry.name.clone(),
                manifest: plugin.manifest.clone(),
                file: plugin.file.clone(),
                identity: plugin.identity,
                settings,
                config,
                level,
                bindings: bindings[position].clone(),
            }),
            Err(problems) => planner.problems.extend(problems),
        }
    }
    if !planner.problems.is_empty() {
        return Err(planner.problems);
    }
    let warnings = catalogue.warnings.iter().cloned().chain(planner.warnings).collect();
    Ok(Plan { plugins, warnings })
}
