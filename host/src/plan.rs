//! Decides what is loaded, in which order, and who provides what to whom: a pure function.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ratchet_plugin_api::Manifest;
use serde_json::Value;

use crate::config::Resolved;
use crate::config::settings::Placement;
use crate::diagnostic::Diagnostic;
use crate::discovery::Catalogue;

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
    /// Where it runs.
    pub placement: Placement,
    /// In how many processes.
    pub replicas: u16,
    /// What it is started with: a JSON object.
    pub config: Value,
    /// Plugins of one level can start together; each level waits for those below.
    pub level: usize,
    /// Which provider answers it for each service it requires or wants, where that is decided: the
    /// only one, or the one that `bind` names.
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
    let _ = (catalogue, resolved, goal);
    todo!()
}
