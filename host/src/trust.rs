//! Says whether a plugin's file may be loaded: whose it is, who could have changed it, and whether
//! it is the one that was locked.
//!
//! Plugins in the host's process are trusted code with the host's privileges. These checks detect
//! mistakes and tampering by others, not malice of the plugin's author.

use std::fs::File;

use crate::config::settings::Settings;
use crate::diagnostic::Diagnostic;
use crate::plan::Planned;

/// Opens the plugin's file for loading through `/proc/self/fd/N`: the bytes that were checked are
/// the bytes that run.
///
/// # Errors
/// Why the file is not to be trusted.
pub fn open(plugin: &Planned, settings: &Settings) -> Result<File, Diagnostic> {
    let _ = (plugin, settings);
    todo!()
}
