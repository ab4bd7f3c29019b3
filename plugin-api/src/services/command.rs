//! `ratchet.command`: subcommands of the `ratchet` shell.

use serde::{Deserialize, Serialize};

use crate::model::Json;
use crate::{Result, service};

/// A command line, parsed by the host according to the command's declaration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invocation {
    /// The command's full name, such as `run-once` or `repo init`.
    pub command: String,
    /// The arguments: an object with one key for each that was given or has a default.
    pub arguments: Json,
    /// The global options (such as `record`) that were given: an object.
    #[serde(default)]
    pub globals: Json,
    /// Whether standard error is a terminal, so progress may be drawn.
    #[serde(default)]
    pub interactive: bool,
    /// Whether standard output is a terminal, so it may be coloured.
    #[serde(default)]
    pub stdout_is_terminal: bool,
}

/// Runs shell commands that a plugin's manifest declares. Authors do not implement this: they
/// list their commands in `plugin!`, which does.
#[service(id = "ratchet.command", version = "1.0", many)]
pub trait Command {
    /// Runs one command to its end; the result is the process's exit code.
    async fn run(&self, invocation: Invocation) -> Result<u8>;
}
