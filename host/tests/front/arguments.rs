//! Command lines.

use std::ffi::OsString;

use insta::assert_snapshot;
use ratchet_host::cli::{self, Request};
use serde_json::json;

use crate::world::{World, object};

fn world() -> World {
    let run = object(
        json!({
            "from-fs": {"type": "string", "x-value-name": "PATH", "description": "The task."},
            "input-json": {"type": "string", "x-optional": true, "description": "Its input."},
            "count": {"type": "integer", "minimum": 1, "default": 1, "description": "How often."},
            "ratio": {"type": "number", "x-optional": true, "description": "A ratio."},
            "env": {
                "type": "array", "items": {"type": "string"}, "x-short": "e",
                "description": "Variables.",
            },
            "quiet": {"type": "boolean", "default": false, "description": "Say less."},
            "data": {"x-optional": true, "description": "Any JSON."},
            "format": {
                "oneOf": [{"const": "table", "description": "For people."}, {"const": "json"}],
                "default": "table", "description": "How it is printed.",
            },
        }),
        &["from-fs"],
    );
    let init = object(
        json!({
            "dir": {"type": "string", "x-positional": true, "description": "The folder."},
            "config": {"type": "string", "x-optional": true, "description": "Its own option."},
        }),
        &["dir"],
    );
    World::file("plugins: [acme.kit]\n").plugin(
        "acme.kit",
        json!({"commands": [
            {"name": "run-once", "summary": "Runs a task once.", "arguments": run},
            {"name": "repo init", "summary": "Makes a repository.", "arguments": init},
            {"name": "serve", "summary": "Serves.", "serves": true, "arguments": {}},
        ]}),
    )
}

fn parse(args: &[&str]) -> Request {
    let world = world();
    let configuration = world.load().expect("valid");
    let args: Vec<OsString> = args.iter().map(OsString::from).collect();
    cli::parse(&args, &world.catalogue(&configuration))
}

fn text(args: &[&str]) -> String {
    match parse(args) {
        Request::Plugin(command) => {
            let serves = if command.serves { " serves" } else { "" };
            let mut text = format!("{}{serves}", command.command);
            for (kind, values) in [("", &command.arguments), ("global ", &command.globals)] {
                for (name, value) in values {
                    text.push_str(&format!("\n  {kind}{name} = {value}"));
                }
            }
            text
        }
        Request::Host(command) => format!("{command:?}"),
        Request::Print { text, to_stderr, code } => {
            format!("{} {code}\n{text}", if to_stderr { "stderr" } else { "stdout" })
        }
    }
}

#[test]
fn arguments_have_the_types_their_command_declares() {
    assert_snapshot!(text(&[
        "run-once",
        "--from-fs",
        "tasks/add",
        "--input-json={\"a\":1}",
        "--count",
        "3",
        "-e",
        "A=1",
        "-e",
        "B=2",
        "--quiet",
        "--data",
        "{\"n\": [1]}",
        "--record",
        "out",
    ]));
    assert_snapshot!(text(&[
        "--log-level",
        "debug",
        "run-once",
        "--from-fs",
        "x",
        "--input-json",
        "{\"a\":1}",
        "--ratio",
        "-0.5",
        "--format",
        "json"
    ]));
    assert_snapshot!(text(&["run-once", "--from-fs", "-x", "--input-json", "-"]));
}

#[test]
fn words_nest_and_own_options_go_before_global_ones() {
    assert_snapshot!(text(&["repo", "init", "./r", "--config", "own"]));
    assert_snapshot!(text(&["serve", "--config", "c.yaml"]));
}

#[test]
fn mistakes_end_with_code_2_and_say_what_is_right() {
    let mistakes = [
        text(&["run-once", "--from-fs", "x", "--count", "0"]),
        text(&["run-once", "--from-fs", "x", "--count", "many"]),
        text(&["run-once", "--from-fs", "--quiet"]),
        text(&["run-once"]),
        text(&["run-once", "--from-fs", "x", "--format", "xml"]),
        text(&["run-onec"]),
        text(&["repo", "inti"]),
        text(&["run-once", "--from-sf", "x"]),
        text(&["plugins", "inspect"]),
    ];
    assert_snapshot!(mistakes.join("\n----\n"));
}

#[test]
fn help_knows_all_commands_without_loading_any() {
    assert_snapshot!(text(&["--help"]));
    assert_snapshot!(text(&["run-once", "--help"]));
    assert_snapshot!(text(&["repo"]));
}

#[test]
fn the_hosts_own_commands_are_read_into_their_types() {
    assert_snapshot!(
        text(&["config", "generate", "--config-type", "claude", "--output=c.yaml", "--force"]),
        @r#"ConfigGenerate(ConfigGenerate { config_type: Claude, output: "c.yaml", force: true })"#
    );
    assert_snapshot!(text(&[
        "config",
        "show",
        "--format",
        "json",
        "--origins",
        "--config-file=c.yaml"
    ]),);
    assert_snapshot!(
        text(&["plugins", "list", "--json"]),
        @"PluginsList(PluginsList { json: true })"
    );
}

#[test]
fn completions_know_plugins_commands() {
    let world = world();
    let configuration = world.load().expect("valid");
    let catalogue = world.catalogue(&configuration);
    for shell in [cli::commands::Shell::Bash, cli::commands::Shell::Zsh, cli::commands::Shell::Fish]
    {
        let script = cli::completions(shell, &catalogue);
        for word in ["run-once", "from-fs", "init", "inspect"] {
            assert!(script.contains(word), "{shell:?} lacks {word}");
        }
    }
}
