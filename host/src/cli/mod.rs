//! The command line: global options, the host's commands, and those that plugins declare.

pub mod commands;

use std::ffi::OsString;
use std::path::PathBuf;

use serde_json::{Map, Value};

use crate::diagnostic::Diagnostic;
use crate::discovery::Catalogue;
pub use commands::HostCommand;

/// The options that every command has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Globals {
    /// `--config`, or `RATCHET_CONFIG`.
    pub config: Option<PathBuf>,
    /// `--profile`.
    pub profile: Option<String>,
    /// `--log-level`.
    pub log_level: Option<String>,
    /// `--set KEY=VALUE`, each as given.
    pub set: Vec<String>,
    /// `--record DIR`.
    pub record: Option<PathBuf>,
    /// `--color`.
    pub color: Color,
    /// `--version` or `-V`, before any command.
    pub version: bool,
    /// `--worker`: this process hosts a plugin for another.
    pub worker: bool,
    /// `--worker-id`.
    pub worker_id: Option<String>,
}

/// When output is coloured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What a command line asks for.
#[derive(Clone, Debug)]
pub enum Request {
    /// Text to print (help, or a mistake), and the exit code.
    Print {
        /// The text.
        text: String,
        /// Whether it goes to standard error.
        to_stderr: bool,
        /// The exit code.
        code: u8,
    },
    /// A command of the host itself.
    Host(HostCommand),
    /// A command of a plugin.
    Plugin(PluginCommand),
}

/// A plugin's command, parsed according to its declaration.
#[derive(Clone, Debug, PartialEq)]
pub struct PluginCommand {
    /// The plugin's id.
    pub plugin: String,
    /// The command's full name, such as `repo init`.
    pub command: String,
    /// One key for each argument that was given or has a default.
    pub arguments: Map<String, Value>,
    /// The global options that were given and concern commands, such as `record`.
    pub globals: Map<String, Value>,
    /// Whether every configured plugin is loaded for it, until it is told to stop.
    pub serves: bool,
}

impl Globals {
    /// Finds the global options among `args` (without the program's name), wherever they stand,
    /// without knowing any command. `--config` falls back to `RATCHET_CONFIG`.
    ///
    /// # Errors
    /// A global option without its value, or with a wrong one.
    pub fn scan(args: &[OsString]) -> Result<Self, Vec<Diagnostic>> {
        let _ = args;
        todo!()
    }
}

/// Parses `args` (without the program's name) with the commands of all enabled plugins.
pub fn parse(args: &[OsString], catalogue: &Catalogue) -> Request {
    let _ = (args, catalogue);
    todo!()
}

/// The completion script for a shell.
pub fn completions(shell: commands::Shell, catalogue: &Catalogue) -> String {
    let _ = (shell, catalogue);
    todo!()
}
