//! Finds the files of the configured plugins and reads what they say about themselves.

use std::path::PathBuf;

use ratchet_plugin_api::Manifest;

use crate::config::{Configuration, PluginEntry};
use crate::diagnostic::Diagnostic;

/// What is installed of what is configured.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    /// The plugins that were found, enabled or not, in the order of configuration.
    pub plugins: Vec<Installed>,
    /// Default plugins that are not installed.
    pub unavailable: Vec<PluginEntry>,
    /// Refused files, plugins the user named that are not there, duplicate ids.
    pub problems: Vec<Diagnostic>,
}

/// A plugin whose manifest was read.
#[derive(Clone, Debug)]
pub struct Installed {
    /// What the configuration says about it.
    pub entry: PluginEntry,
    /// What it says about itself.
    pub manifest: Manifest,
    /// Its file.
    pub file: PathBuf,
    /// Device and inode of the file whose manifest was read.
    pub identity: (u64, u64),
}

impl Catalogue {
    /// The plugin with this id or name.
    pub fn get(&self, name: &str) -> Option<&Installed> {
        self.plugins.iter().find(|plugin| plugin.manifest.id == name || plugin.entry.name == name)
    }

    /// The plugins that may be loaded.
    pub fn enabled(&self) -> impl Iterator<Item = &Installed> {
        self.plugins.iter().filter(|plugin| plugin.entry.settings.enabled)
    }
}

/// Reads the manifests of all configured plugins; runs no code of theirs.
pub fn catalogue(configuration: &Configuration) -> Catalogue {
    let _ = configuration;
    todo!()
}
