//! The options that every command has, declared the way a command declares its own.

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::LazyLock;

use clap::{Arg, ArgMatches};
use ratchet_plugin_api::manifest::Manifest;
use ratchet_plugin_api::render::{ManifestSource, length, render};
use ratchet_plugin_api::schema::Described as _;
use ratchet_plugin_api::{command, config};
use serde_json::{Map, Value};

use super::commands::ProfileName;
use super::{in_words, tree};
use crate::config::schema;
use crate::diagnostic::Diagnostic;

/// The options that every command has.
#[command(name = "ratchet")]
#[derive(PartialEq)]
pub struct Globals {
    /// Configuration file; RATCHET_CONFIG names one as well.
    #[arg(value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Profile under the configuration file: dev, production, minimal, enterprise or claude.
    #[arg(value_name = "NAME")]
    pub profile: Option<ProfileName>,
    /// The level of the log: error, warn, info, debug, trace or off; or levels by target.
    #[arg(value_name = "LEVEL")]
    pub log_level: Option<String>,
    /// Set a key of the configuration; may be repeated.
    #[arg(value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Record executions (HAR and logs) into a folder.
    #[arg(value_name = "DIR")]
    pub record: Option<PathBuf>,
    /// Colour messages: auto, always or never.
    #[default(Color::Auto)]
    #[arg(value_name = "WHEN")]
    pub color: Color,
    /// Print the version.
    #[arg(short = 'V')]
    pub version: bool,
}

/// The options that commands are told of when they are given.
const FOR_COMMANDS: [&str; 3] = ["log-level", "record", "color"];

/// When output is coloured.
#[config]
#[derive(Default)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// Whether to colour what goes to standard error.
    pub fn on_stderr(self) -> bool {
        match self {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
                    && std::io::stderr().is_terminal()
            }
        }
    }
}

static SOURCE: ManifestSource = ManifestSource {
    id: "ratchet.globals",
    version: "",
    summary: "",
    panic: "",
    provides: &[],
    requires: &[],
    wants: &[],
    commands: &[],
    concurrency: 0,
    config: Globals::SCHEMA,
};
static RENDERED: [u8; length(&SOURCE)] = render(&SOURCE);

/// The schema of the options.
static DECLARED: LazyLock<Value> = LazyLock::new(|| {
    Manifest::parse(&RENDERED).expect("the options are rendered by the compiler").config
});

/// Whether there is a global option of this name.
pub(super) fn is_global(name: &str) -> bool {
    DECLARED["properties"].get(name).is_some()
}

/// All of them as clap knows them. A command's own option of the same name goes before.
pub(super) fn clap_arguments() -> Vec<Arg> {
    let argument = |(name, schema): (&String, &Value)| {
        let takes_value = schema["type"] != "boolean";
        let argument = tree::argument(name, schema, false).hide_possible_values(takes_value);
        // A command's `--version` would be its own.
        argument.help_heading("Global options").global(name != "version")
    };
    schema::properties(&DECLARED).map(argument).collect()
}

/// Those that were given and concern commands.
pub(super) fn for_commands(matches: &ArgMatches) -> Map<String, Value> {
    let given = FOR_COMMANDS.iter().filter_map(|name| {
        let value = matches.try_get_one::<String>(name).ok()??;
        Some(((*name).to_owned(), Value::String(value.clone())))
    });
    given.collect()
}

impl Globals {
    /// Finds the global options among `args` (without the program's name), wherever they stand,
    /// without knowing any command. `--config` falls back to `RATCHET_CONFIG`.
    ///
    /// # Errors
    /// A global option without its value, or with a wrong one.
    pub fn scan(args: &[OsString]) -> Result<Self, Vec<Diagnostic>> {
        let mut given = Map::new();
        if let Some(file) = std::env::var("RATCHET_CONFIG").ok().filter(|file| !file.is_empty()) {
            given.insert("config".into(), file.into());
        }
        let mut problems = Vec::new();
        let mut args = args.iter().map(|arg| arg.to_string_lossy());
        let mut before_command = true;
        while let Some(arg) = args.next().filter(|arg| arg != "--") {
            before_command &= arg.starts_with('-');
            if before_command && matches!(&*arg, "--version" | "-V") {
                given.insert("version".into(), true.into());
            }
            let Some(option) = arg.strip_prefix("--") else { continue };
            let (name, attached) = match option.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (option, None),
            };
            let declared = DECLARED["properties"].get(name);
            let Some(declared) = declared.filter(|schema| schema["type"] != "boolean") else {
                continue;
            };
            let Some(text) = attached.or_else(|| args.next().map(|value| value.into_owned()))
            else {
                let value_name = declared["x-value-name"].as_str().unwrap_or_default();
                let problem = Diagnostic::usage(format!("--{name} lacks its value"));
                problems.push(problem.help(format!("write --{name} {value_name}")));
                continue;
            };
            match given.get_mut(name).and_then(Value::as_array_mut) {
                Some(list) => list.push(text.into()),
                None if declared["type"] == "array" => {
                    given.insert(name.to_owned(), Value::Array(vec![text.into()]));
                }
                None => drop(given.insert(name.to_owned(), text.into())),
            }
        }
        let given = Value::Object(given);
        let faults = schema::check(&DECLARED, &given, &mut Vec::new());
        problems.extend(faults.into_iter().map(|fault| in_words(fault, &DECLARED, "ratchet")));
        if !problems.is_empty() {
            return Err(problems);
        }
        serde_json::from_value(given).map_err(|error| vec![Diagnostic::usage(error.to_string())])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(line: &str) -> Result<Globals, Vec<Diagnostic>> {
        let args: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        Globals::scan(&args)
    }

    #[test]
    fn finds_global_options_wherever_they_stand() {
        let globals = scan("--set a.b=1 run-once --from-fs x --config=c.yaml --set c=d --record r");
        let globals = globals.expect("understood");
        assert_eq!(globals.config, Some("c.yaml".into()));
        assert_eq!(globals.set, ["a.b=1", "c=d"]);
        assert_eq!(globals.record, Some("r".into()));
        assert!(!globals.version);
    }

    #[test]
    fn leaves_the_rest_alone() {
        assert!(scan("--version").expect("understood").version);
        assert!(!scan("generate task --version 1.0.0").expect("understood").version);
        assert_eq!(scan("run -- --profile x").expect("understood").profile, None);
    }

    #[test]
    fn says_what_is_missing() {
        let problems = scan("run --config").expect_err("a mistake");
        assert_eq!(problems[0].headline, "--config lacks its value");
        let problems = scan("--color red").expect_err("a mistake");
        assert_eq!(
            problems[0].headline,
            "--color must be one of `auto`, `always`, `never`; found the text `red`"
        );
    }
}
