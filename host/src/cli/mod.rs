//! The command line: global options, the host's commands, and those that plugins declare.

pub mod commands;
mod globals;
mod tree;

use std::ffi::OsString;

use clap::ArgMatches;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use ratchet_plugin_api::manifest::CommandManifest;
use serde_json::{Map, Value};

use crate::config::schema;
use crate::diagnostic::{Diagnostic, EXIT_USAGE};
use crate::discovery::Catalogue;
pub use commands::HostCommand;
pub use globals::{Color, Globals};

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

/// Parses `args` (without the program's name) with the commands of all enabled plugins.
pub fn parse(args: &[OsString], catalogue: &Catalogue) -> Request {
    let tree = tree::Tree::new(catalogue);
    let command = tree.command();
    let named = std::iter::once(OsString::from("ratchet")).chain(args.iter().cloned());
    let matches = match command.try_get_matches_from(named) {
        Ok(matches) => matches,
        Err(error) => return print(&error, catalogue),
    };
    let (mut words, mut matches) = (Vec::new(), &matches);
    while let Some((word, inner)) = matches.subcommand() {
        words.push(word);
        matches = inner;
    }
    let name = words.join(" ");
    let Some((plugin, declared)) = tree.find(&name) else {
        return mistake(&[Diagnostic::usage(format!("`{name}` is not a whole command"))]);
    };
    let arguments = match arguments(declared, matches) {
        Ok(arguments) => arguments,
        Err(problems) => return mistake(&problems),
    };
    match plugin {
        Some(plugin) => Request::Plugin(PluginCommand {
            plugin: plugin.to_owned(),
            command: name,
            arguments,
            globals: globals::for_commands(matches),
            serves: declared.serves,
        }),
        None => match HostCommand::read(&name, Value::Object(arguments)) {
            Ok(command) => Request::Host(command),
            Err(error) => mistake(&[Diagnostic::usage(format!("`{name}`: {error}"))]),
        },
    }
}

/// The completion script for a shell.
pub fn completions(shell: commands::Shell, catalogue: &Catalogue) -> String {
    let shell = match shell {
        commands::Shell::Bash => clap_complete::Shell::Bash,
        commands::Shell::Zsh => clap_complete::Shell::Zsh,
        commands::Shell::Fish => clap_complete::Shell::Fish,
    };
    let mut script = Vec::new();
    let mut command = tree::Tree::new(catalogue).command();
    clap_complete::generate(shell, &mut command, "ratchet", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// Options that stand where another's value should be. A value may begin with a hyphen, but where
/// it is the name of an option, a value was forgotten.
fn swallowed_options(declared: &CommandManifest, matches: &ArgMatches) -> Vec<Diagnostic> {
    let is_option = |text: &str| {
        let name = text.strip_prefix("--").map(|text| text.split('=').next().unwrap_or(text));
        name.is_some_and(|name| {
            name == "help" || globals::is_global(name) || {
                let schema = declared.arguments["properties"].get(name);
                schema.is_some_and(|schema| schema["x-positional"] != true)
            }
        })
    };
    let mut problems = Vec::new();
    for (name, _) in schema::properties(&declared.arguments) {
        let values = matches.try_get_many::<String>(name).ok().flatten().into_iter().flatten();
        for text in values.filter(|text| is_option(text)) {
            problems.push(
                Diagnostic::usage(format!("--{name} lacks its value; `{text}` follows it"))
                    .help(format!("write --{name}={text} if that is its value")),
            );
        }
    }
    problems
}

/// What clap says instead of a result: help, or a mistake. A plugin that was refused may be the
/// reason why a command is not known, so refusals are told as well.
fn print(error: &clap::Error, catalogue: &Catalogue) -> Request {
    let code = u8::try_from(error.exit_code()).unwrap_or(EXIT_USAGE);
    let mut text = error.render().to_string();
    if error.kind() == ErrorKind::InvalidSubcommand && !catalogue.problems.is_empty() {
        text = format!("{}\n{text}", crate::diagnostic::render(&catalogue.problems));
    }
    Request::Print { text, to_stderr: error.use_stderr(), code }
}

fn mistake(problems: &[Diagnostic]) -> Request {
    let text = crate::diagnostic::render(problems);
    Request::Print { text, to_stderr: true, code: EXIT_USAGE }
}

/// The arguments in the types that the command declares.
fn arguments(
    declared: &CommandManifest,
    matches: &ArgMatches,
) -> Result<Map<String, Value>, Vec<Diagnostic>> {
    let mut arguments = Map::new();
    for (name, schema) in schema::properties(&declared.arguments) {
        let given = matches.value_source(name) == Some(ValueSource::CommandLine);
        let value = match schema["type"].as_str() {
            Some("boolean") if !tree::takes_value(schema) => {
                Some(Value::Bool(matches.get_flag(name)))
            }
            Some("array") if given => {
                let items = matches.get_many::<String>(name).into_iter().flatten();
                Some(items.map(|item| schema::read(&schema["items"], item)).collect())
            }
            _ if given => matches.get_one::<String>(name).map(|text| schema::read(schema, text)),
            _ => schema.get("default").cloned(),
        };
        if let Some(value) = value {
            arguments.insert(name.clone(), value);
        }
    }
    let swallowed = swallowed_options(declared, matches);
    if !swallowed.is_empty() {
        return Err(swallowed);
    }
    let value = Value::Object(arguments);
    let faults = schema::check(&declared.arguments, &value, &mut Vec::new());
    let Value::Object(arguments) = value else { return Ok(Map::new()) };
    if faults.is_empty() {
        return Ok(arguments);
    }
    let in_words =
        |fault| in_words(fault, &declared.arguments, &format!("ratchet {}", declared.name));
    Err(faults.into_iter().map(in_words).collect())
}

/// A fault of an argument in words.
fn in_words(fault: schema::Fault, declared: &Value, command: &str) -> Diagnostic {
    let help = format!("`{command} --help` shows all arguments");
    let schema::FaultKind::Wrong { expected, found, .. } = fault.kind else {
        return Diagnostic::usage("the arguments do not fit the command").help(help);
    };
    let name = fault.path.first().map_or("", String::as_str);
    let shown = match declared["properties"][name]["x-positional"].as_bool() {
        Some(true) => format!("<{name}>"),
        _ => format!("--{name}"),
    };
    Diagnostic::usage(format!("{shown} must be {expected}; found {found}")).help(help)
}
