//! Builds the tree of commands that clap parses with, from declarations alone.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Arg, ArgAction, Command};
use ratchet_plugin_api::manifest::CommandManifest;
use ratchet_plugin_api::manifest::Manifest;
use serde_json::Value;

use super::globals;
use crate::config::schema;
use crate::config::settings::HOST;
use crate::discovery::Catalogue;

/// All commands there are: the host's, and those of enabled plugins.
pub(super) struct Tree<'a> {
    plugins: Vec<&'a Manifest>,
}

impl<'a> Tree<'a> {
    pub(super) fn new(catalogue: &'a Catalogue) -> Self {
        let plugins = catalogue.enabled().map(|plugin| &plugin.manifest).collect();
        Self { plugins }
    }

    /// The command of this full name, and the plugin that declares it if it is not the host.
    pub(super) fn find(&self, name: &str) -> Option<(Option<&str>, &CommandManifest)> {
        let named = |manifest: &'a Manifest| {
            let command = manifest.commands.iter().find(|command| command.name == name)?;
            Some((Some(manifest.id.as_str()), command))
        };
        let own = HOST.commands.iter().find(|command| command.name == name);
        own.map(|command| (None, command))
            .or_else(|| self.plugins.iter().find_map(|manifest| named(manifest)))
    }

    pub(super) fn command(&self) -> Command {
        let mut groups: BTreeMap<&str, Group<'_>> = BTreeMap::new();
        let all = self.plugins.iter().copied().chain([&*HOST]);
        for declared in all.flat_map(|manifest| &manifest.commands) {
            Group::insert(&mut groups, &declared.name, declared);
        }
        let root = Command::new("ratchet")
            .about("Runs JavaScript tasks safely: at once, from a queue, or on a schedule")
            .args(globals::clap_arguments())
            .subcommand_required(true)
            .arg_required_else_help(true)
            .disable_help_subcommand(true)
            .override_usage("ratchet [OPTIONS] <COMMAND>")
            .help_template("{about}\n\nUsage: {usage}\n\n{before-help}{options}")
            .before_help(self.overview());
        groups.into_iter().fold(root, |root, (word, group)| root.subcommand(group.command(word)))
    }

    /// The commands by whom they come from, for help.
    fn overview(&self) -> String {
        let mut text = String::new();
        let all = self.plugins.iter().copied().chain([&*HOST]);
        let commands = || all.clone().flat_map(|manifest| &manifest.commands);
        let width = commands().map(|command| command.name.len()).max().unwrap_or(0);
        for manifest in all.clone().filter(|manifest| !manifest.commands.is_empty()) {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{}:", manifest.summary);
            for command in &manifest.commands {
                let summary = command.summary.trim_end_matches('.');
                let _ = writeln!(text, "  {:width$}  {summary}", command.name);
            }
            text.push('\n');
        }
        text
    }
}

/// Commands that begin with the same word.
#[derive(Default)]
struct Group<'a> {
    own: Option<&'a CommandManifest>,
    inner: BTreeMap<&'a str, Group<'a>>,
}

impl<'a> Group<'a> {
    fn insert(
        groups: &mut BTreeMap<&'a str, Group<'a>>,
        name: &'a str,
        declared: &'a CommandManifest,
    ) {
        match name.split_once(' ') {
            Some((word, rest)) => {
                Group::insert(&mut groups.entry(word).or_default().inner, rest, declared);
            }
            // The first to declare a command has it; the host comes last and takes it back.
            None => groups.entry(name).or_default().own = Some(declared),
        }
    }

    fn command(self, word: &str) -> Command {
        let mut command = Command::new(word.to_owned()).disable_help_subcommand(true);
        match self.own {
            Some(declared) => {
                let about = declared.summary.trim_end_matches('.').to_owned();
                command = command.about(about).args(arguments(declared));
            }
            None => {
                command = command
                    .about(format!("Commands: {}", self.words()))
                    .subcommand_required(true)
                    .arg_required_else_help(true);
            }
        }
        self.inner
            .into_iter()
            .fold(command, |command, (word, group)| command.subcommand(group.command(word)))
    }

    fn words(&self) -> String {
        self.inner.keys().copied().collect::<Vec<_>>().join(", ")
    }
}

fn arguments(declared: &CommandManifest) -> Vec<Arg> {
    let required = declared.arguments["required"].as_array();
    let is_required =
        |name: &str| required.is_some_and(|names| names.iter().any(|required| required == name));
    schema::properties(&declared.arguments)
        .map(|(name, schema)| argument(name, schema, is_required(name)))
        .collect()
}

pub(super) fn argument(name: &str, schema: &Value, required: bool) -> Arg {
    let mut argument = Arg::new(name.to_owned()).help(help(schema)).required(required);
    if !schema["x-positional"].as_bool().unwrap_or(false) {
        argument = argument.long(name.to_owned());
        if let Some(letter) = schema["x-short"].as_str().and_then(|text| text.chars().next()) {
            argument = argument.short(letter);
        }
        if let Some(alias) = schema["x-alias"].as_str() {
            argument = argument.alias(alias.to_owned());
        }
    }
    if schema["type"] == "boolean" && !takes_value(schema) {
        return argument.action(ArgAction::SetTrue);
    }
    let value_name = match schema["x-value-name"].as_str() {
        Some(value_name) => value_name.to_owned(),
        None => name.to_uppercase().replace('-', "_"),
    };
    let repeated = schema["type"] == "array";
    argument = argument
        .value_name(value_name)
        .allow_hyphen_values(takes_any_text(schema))
        .action(if repeated { ArgAction::Append } else { ArgAction::Set });
    if repeated && schema["x-positional"].as_bool().unwrap_or(false) {
        argument = argument.num_args(if required { 1.. } else { 0.. });
    }
    let choices = if repeated { &schema["items"]["oneOf"] } else { &schema["oneOf"] };
    if let Some(choices) = choices.as_array() {
        let value = |choice: &Value| {
            let word = choice["const"].as_str()?;
            let value = PossibleValue::new(word.to_owned());
            let meaning = schema::text(choice, "description");
            Some(if meaning.is_empty() { value } else { value.help(meaning) })
        };
        argument =
            argument.value_parser(PossibleValuesParser::new(choices.iter().filter_map(value)));
    }
    argument
}

/// A switch that may also be left undecided or is on by default is given as `--name=true|false`.
pub(super) fn takes_value(schema: &Value) -> bool {
    schema::is_optional(schema) || schema["default"] == true
}

/// Whether a value may begin with a hyphen, as JSON and negative numbers may.
fn takes_any_text(schema: &Value) -> bool {
    schema.get("oneOf").is_none()
}

fn help(schema: &Value) -> String {
    let text = schema::text(schema, "description");
    let text = text.trim_end_matches('.');
    match &schema["default"] {
        Value::Null | Value::Bool(false) => text.to_owned(),
        Value::String(word) if word.is_empty() => text.to_owned(),
        Value::String(word) => format!("{text} [default: {word}]"),
        value => format!("{text} [default: {value}]"),
    }
}
