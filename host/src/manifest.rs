//! Reads a plugin's manifest from its file, and refuses files that must not be loaded.

use std::path::Path;

use ratchet_plugin_api::Manifest;

use crate::diagnostic::Diagnostic;

/// The manifest of the plugin in `file`; runs no code of it.
///
/// # Errors
/// Why this host cannot load it.
pub fn read(file: &Path) -> Result<Manifest, Diagnostic> {
    let _ = file;
    todo!()
}
