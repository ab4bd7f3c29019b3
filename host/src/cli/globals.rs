//! The options that every command has.

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches};
use serde_json::{Map, Value};

use crate::diagnostic::Diagnostic;

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

/// One global option.
struct Declared {
    name: &'static str,
    value_name: &'static str,
    help: &'static str,
    words: &'static [&'static str],
    hidden: bool,
    /// Whether commands are told of it.
    for_commands: bool,
}

const PLAIN: Declared =
    Declared { name: "", value_name: "", help: "", words: &[], hidden: false, for_commands: false };

const DECLARED: &[Declared] = &[
    Declared {
        name: "config",
        value_name: "FILE",
        help: "Configuration file [env: RATCHET_CONFIG]",
        ..PLAIN
    },
    Declared {
        name: "profile",
        value_name: "NAME",
        help: "Profile under the configuration file [env: RATCHET_PROFILE]",
        words: &["dev", "production", "minimal", "enterprise", "claude"],
        ..PLAIN
    },
    Declared {
        name: "log-level",
        value_name: "LEVEL",
        help: "error, warn, info, debug, trace or off; or levels by target [env: RUST_LOG]",
        for_commands: true,
        ..PLAIN
    },
    Declared {
        name: "set",
        value_name: "KEY=VALUE",
        help: "Set a key of the configuration; may be repeated",
        ..PLAIN
    },
    Declared {
        name: "record",
        value_name: "DIR",
        help: "Record executions (HAR and logs) into a folder",
        for_commands: true,
        ..PLAIN
    },
    Declared {
        name: "color",
        value_name: "WHEN",
        help: "Colour messages: auto, always or never",
        words: &["auto", "always", "never"],
        for_commands: true,
        ..PLAIN
    },
    Declared { name: "worker", help: "Host a plugin for another process", hidden: true, ..PLAIN },
    Declared {
        name: "worker-id",
        value_name: "ID",
        help: "Which worker this is",
        hidden: true,
        ..PLAIN
    },
];

/// All of them as clap knows them. A command's own option of the same name goes before.
pub(super) fn clap_arguments() -> Vec<Arg> {
    let argument = |declared: &Declared| {
        let argument = Arg::new(declared.name)
            .long(declared.name)
            .help(declared.help)
            .hide(declared.hidden)
            .help_heading("Global options")
            .global(true);
        match declared.value_name {
            "" => argument.action(ArgAction::SetTrue),
            value_name if declared.name == "set" => {
                argument.action(ArgAction::Append).value_name(value_name)
            }
            value_name if declared.words.is_empty() => argument.value_name(value_name),
            value_name => argument.value_name(value_name).hide_possible_values(true).value_parser(
                clap::builder::PossibleValuesParser::new(declared.words.iter().copied()),
            ),
        }
    };
    DECLARED.iter().map(argument).collect()
}

/// Whether there is a global option of this name.
pub(super) fn is_global(name: &str) -> bool {
    DECLARED.iter().any(|declared| declared.name == name)
}

/// Those that were given and concern commands.
pub(super) fn for_commands(matches: &ArgMatches) -> Map<String, Value> {
    let concerned = DECLARED.iter().filter(|declared| declared.for_commands);
    let given = concerned.filter_map(|declared| {
        let value = matches.try_get_one::<String>(declared.name).ok()??;
        Some((declared.name.to_owned(), Value::String(value.clone())))
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
        let mut globals = Self {
            config: std::env::var_os("RATCHET_CONFIG").filter(|v| !v.is_empty()).map(PathBuf::from),
            ..Self::default()
        };
        let mut problems = Vec::new();
        let mut args = args.iter();
        let mut before_command = true;
        while let Some(arg) = args.next() {
            let text = arg.to_string_lossy();
            if text == "--" {
                break;
            }
            if before_command && matches!(&*text, "--version" | "-V") {
                globals.version = true;
            }
            let Some(option) = text.strip_prefix("--") else {
                before_command &= text.starts_with('-');
                continue;
            };
            let (name, attached) = match option.split_once('=') {
                Some((name, value)) => (name, Some(OsString::from(value))),
                None => (option, None),
            };
            let Some(declared) = DECLARED.iter().find(|declared| declared.name == name) else {
                continue;
            };
            if declared.value_name.is_empty() {
                globals.worker = true;
                continue;
            }
            match attached.or_else(|| args.next().cloned()) {
                Some(value) => {
                    if let Err(problem) = globals.put(declared, value) {
                        problems.push(problem);
                    }
                }
                None => problems.push(
                    Diagnostic::usage(format!("--{name} lacks its value"))
                        .help(format!("write --{name} {}", declared.value_name)),
                ),
            }
        }
        if problems.is_empty() { Ok(globals) } else { Err(problems) }
    }

    fn put(&mut self, declared: &Declared, value: OsString) -> Result<(), Diagnostic> {
        let text = value.to_string_lossy().into_owned();
        match declared.name {
            "config" => self.config = Some(value.into()),
            "profile" => self.profile = Some(text),
            "log-level" => self.log_level = Some(text),
            "set" => self.set.push(text),
            "record" => self.record = Some(value.into()),
            "worker-id" => self.worker_id = Some(text),
            _ => {
                self.color = match text.as_str() {
                    "auto" => Color::Auto,
                    "always" => Color::Always,
                    "never" => Color::Never,
                    _ => {
                        return Err(Diagnostic::usage(format!("there is no --color {text}"))
                            .help("write --color auto, always or never"));
                    }
                }
            }
        }
        Ok(())
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
        assert!(scan("--worker --worker-id 3").expect("understood").worker);
    }

    #[test]
    fn says_what_is_missing() {
        let problems = scan("run --config").expect_err("a mistake");
        assert_eq!(problems[0].headline, "--config lacks its value");
        let problems = scan("--color red").expect_err("a mistake");
        assert_eq!(problems[0].headline, "there is no --color red");
    }
}
