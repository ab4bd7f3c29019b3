//! The configuration: layers laid over one another, checked against what host and plugins declare.
//!
//! [`load`] reads the layers and the host's own keys, which say where the plugins are; [`resolve`]
//! checks the rest once their manifests are known.

mod origin;
pub mod settings;

use serde_json::Value;

use crate::cli::Globals;
use crate::diagnostic::Diagnostic;
use crate::discovery::Catalogue;
pub use origin::Origin;
pub use settings::{PluginSettings, Settings};

/// The layers, and the host's own keys.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// The host's own keys.
    pub settings: Settings,
    /// The plugin list, in its order.
    pub plugins: Vec<PluginEntry>,
}

/// One plugin of the list.
#[derive(Clone, Debug)]
pub struct PluginEntry {
    /// Its name: what it is called in the list, short for ids that begin with `ratchet.`.
    pub name: String,
    /// Its keys.
    pub settings: PluginSettings,
    /// Where it was first named.
    pub origin: Origin,
    /// Whether the user named it, so that its absence is an error.
    pub users: bool,
}

/// The whole configuration, checked.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The host's own keys.
    pub settings: Settings,
}

impl Resolved {
    /// The configuration of one plugin of the catalogue: what it is started with.
    pub fn of_plugin(&self, id: &str) -> Option<&Value> {
        let _ = id;
        todo!()
    }
}

/// Reads every layer and the host's own keys.
///
/// # Errors
/// Files that cannot be read, and all mistakes in the host's keys.
pub fn load(globals: &Globals) -> Result<Configuration, Vec<Diagnostic>> {
    let _ = globals;
    todo!()
}

/// Checks the whole configuration against the manifests, and works out what each plugin gets.
///
/// # Errors
/// Every mistake: unknown keys, wrong values, missing keys of enabled plugins.
pub fn resolve(
    configuration: &Configuration,
    catalogue: &Catalogue,
) -> Result<Resolved, Vec<Diagnostic>> {
    let _ = (configuration, catalogue);
    todo!()
}
