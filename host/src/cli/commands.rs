//! The host's own commands, declared the way a plugin declares its own.

use ratchet_plugin_api::command;
use ratchet_plugin_api::config;
use ratchet_plugin_api::render::CommandSource;
use ratchet_plugin_api::shell::CommandArguments;
use serde_json::Value;

/// Lists the configured plugins and those installed beside them.
#[command(name = "plugins list")]
pub struct PluginsList {
    /// Print JSON.
    pub json: bool,
}

/// Shows who provides what to whom, and the order of starting.
#[command(name = "plugins graph")]
pub struct PluginsGraph {
    /// Print Graphviz's DOT language instead of text.
    pub dot: bool,
}

/// Shows all that a plugin says about itself: services, configuration, commands.
#[command(name = "plugins inspect")]
pub struct PluginsInspect {
    /// The plugin's name, id or file.
    #[arg(positional)]
    pub plugin: String,
    /// Print the manifest as JSON.
    pub json: bool,
}

/// Checks configuration, files and the plan, and loads nothing.
#[command(name = "plugins check")]
pub struct PluginsCheck {}

/// Pins the present files of all configured plugins by their SHA-256.
#[command(name = "plugins lock")]
pub struct PluginsLock {
    /// Where the lock is written, instead of where the configuration says.
    #[arg(value_name = "FILE")]
    pub output: Option<String>,
}

/// Checks a configuration and reports every mistake in it.
#[command(name = "config validate")]
pub struct ConfigValidate {
    /// The file to check, instead of the one in use.
    #[arg(value_name = "FILE")]
    pub config_file: Option<String>,
}

/// Shows the configuration in force; secrets are not shown.
#[command(name = "config show")]
pub struct ConfigShow {
    /// The file to show, instead of the one in use.
    #[arg(value_name = "FILE")]
    pub config_file: Option<String>,
    /// Only the keys of the MCP server.
    pub mcp_only: bool,
    /// How it is written.
    #[default(Format::Yaml)]
    pub format: Format,
    /// Say where each value comes from.
    pub origins: bool,
}

/// How a configuration is written.
#[config]
pub enum Format {
    /// YAML.
    Yaml,
    /// JSON.
    Json,
}

/// Writes a configuration file to start from.
#[command(name = "config generate")]
pub struct ConfigGenerate {
    /// What it is for.
    #[default(ProfileName::Dev)]
    pub config_type: ProfileName,
    /// The file to write; `-` for standard output.
    #[arg(value_name = "FILE")]
    pub output: String,
    /// Replace the file if it exists.
    pub force: bool,
}

/// The profiles built into the host.
#[config]
pub enum ProfileName {
    /// Development: everything visible, nothing protected.
    Dev,
    /// One machine in production.
    Production,
    /// As little as runs.
    Minimal,
    /// Production with everything locked down.
    Enterprise,
    /// A tool server for a desktop client.
    Claude,
}

impl ProfileName {
    /// The word used in configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            ProfileName::Dev => "dev",
            ProfileName::Production => "production",
            ProfileName::Minimal => "minimal",
            ProfileName::Enterprise => "enterprise",
            ProfileName::Claude => "claude",
        }
    }
}

/// Prints the JSON Schema of the whole configuration.
#[command(name = "config schema")]
pub struct ConfigSchema {}

/// Prints a script that completes commands and options in a shell.
#[command(name = "completions")]
pub struct Completions {
    /// The shell.
    #[arg(positional)]
    pub shell: Shell,
}

/// The shells there are completions for.
#[config]
pub enum Shell {
    /// Bash.
    Bash,
    /// Z shell.
    Zsh,
    /// Fish.
    Fish,
}

/// One of the host's commands with its arguments.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "each variant is the documented command of its name")]
pub enum HostCommand {
    PluginsList(PluginsList),
    PluginsGraph(PluginsGraph),
    PluginsInspect(PluginsInspect),
    PluginsCheck(PluginsCheck),
    PluginsLock(PluginsLock),
    ConfigValidate(ConfigValidate),
    ConfigShow(ConfigShow),
    ConfigGenerate(ConfigGenerate),
    ConfigSchema(ConfigSchema),
    Completions(Completions),
}

impl HostCommand {
    /// The command called `name` with these arguments, which fit its declaration.
    pub(crate) fn read(name: &str, arguments: Value) -> serde_json::Result<Self> {
        use serde_json::from_value;
        Ok(match name {
            PluginsList::NAME => Self::PluginsList(from_value(arguments)?),
            PluginsGraph::NAME => Self::PluginsGraph(from_value(arguments)?),
            PluginsInspect::NAME => Self::PluginsInspect(from_value(arguments)?),
            PluginsCheck::NAME => Self::PluginsCheck(from_value(arguments)?),
            PluginsLock::NAME => Self::PluginsLock(from_value(arguments)?),
            ConfigValidate::NAME => Self::ConfigValidate(from_value(arguments)?),
            ConfigShow::NAME => Self::ConfigShow(from_value(arguments)?),
            ConfigGenerate::NAME => Self::ConfigGenerate(from_value(arguments)?),
            ConfigSchema::NAME => Self::ConfigSchema(from_value(arguments)?),
            Completions::NAME => Self::Completions(from_value(arguments)?),
            _ => return Err(serde::de::Error::custom("the host has no such command")),
        })
    }
}

/// The declarations of all of them.
pub(crate) const COMMANDS: &[CommandSource] = &[
    declared::<PluginsList>(),
    declared::<PluginsGraph>(),
    declared::<PluginsInspect>(),
    declared::<PluginsCheck>(),
    declared::<PluginsLock>(),
    declared::<ConfigValidate>(),
    declared::<ConfigShow>(),
    declared::<ConfigGenerate>(),
    declared::<ConfigSchema>(),
    declared::<Completions>(),
];

const fn declared<C: CommandArguments>() -> CommandSource {
    CommandSource {
        name: C::NAME,
        summary: C::SUMMARY,
        needs: C::NEEDS,
        serves: C::SERVES,
        arguments: C::SCHEMA,
    }
}
