//! What the host's own commands print.

use crate::cli::HostCommand;
use crate::config::Configuration;
use crate::diagnostic::Diagnostic;
use crate::discovery::Catalogue;

/// Carries out one of the host's commands; none of them loads a plugin. The text goes to standard
/// output.
///
/// # Errors
/// What is wrong with the configuration or the plugins, where the command needs them right.
pub fn run(
    command: &HostCommand,
    configuration: &Configuration,
    catalogue: &Catalogue,
) -> Result<String, Vec<Diagnostic>> {
    let _ = (command, configuration, catalogue);
    todo!()
}
