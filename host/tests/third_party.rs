//! A third party's plugin, from its source to its use: in a workspace of its own, with nothing of
//! ours but the plugin api, loaded from a path and called.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ratchet_plugin_api::Code;
use serde_json::{Value, json};
use support::{configured, delivery, library, planned_file, sink, start};

const PACKAGE: &str = "acme-output-jsonl";

/// Lines its author may have had to write.
const AUTHORS_LINES_MAX: usize = 40;

fn source(file: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sample/plugins/output-jsonl");
    std::fs::read_to_string(folder.join(file)).expect("the sample is there")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_third_partys_plugin_is_loaded_and_delivers() {
    let folder = tempfile::tempdir().unwrap();
    let results = folder.path().join("made/on/demand");
    let plugin = configured(planned_file(library(PACKAGE)), json!({ "folder": results }));
    let (running, _) = start(vec![plugin]).await.expect("it starts");
    let jsonl = sink(&running, "jsonl").unwrap();

    let deliveries: Vec<_> = (0..50).map(|_| delivery(json!({ "file": "a.jsonl" }))).collect();
    let ids: Vec<_> = deliveries.iter().map(|delivery| delivery.id.to_string()).collect();
    let all = deliveries.into_iter().map(|delivery| jsonl.deliver(delivery));
    let receipts = futures_util::future::try_join_all(all).await.expect("all are delivered");

    let file = results.join("a.jsonl");
    let text = std::fs::read_to_string(&file).expect("the file is there");
    assert_eq!(receipts.iter().map(|receipt| receipt.bytes).sum::<u64>(), text.len() as u64);
    assert_eq!(receipts[0].location.as_deref(), file.to_str());
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("whole lines"));
    let mut found: Vec<_> = lines.map(|line| line["id"].as_str().unwrap().to_owned()).collect();
    found.sort();
    assert_eq!(found, ids, "ids sort by the time they were made");

    let error = jsonl.deliver(delivery(json!({ "file": "../escape" }))).await.unwrap_err();
    assert_eq!((error.code, &*error.message), (Code::Invalid, "`file` is not the name of a file"));
    running.stop().await;
}

#[test]
fn its_author_wrote_little_and_saw_none_of_our_machinery() {
    let source = source("src/lib.rs");
    let (plugin, _tests) = source.split_once("#[cfg(test)]").expect("it has tests");
    let written = |line: &&str| !line.is_empty() && !line.starts_with("//");
    let lines: Vec<_> = plugin.lines().map(str::trim).filter(written).collect();
    let own = lines.iter().filter(|line| !line.starts_with("use ")).count();
    assert!(own <= AUTHORS_LINES_MAX, "{own} lines");
    for machinery in ["unsafe", "tokio", "block_on", "abi", "Ffi", "extern", "no_mangle", "RString"]
    {
        assert!(!lines.iter().any(|line| line.contains(machinery)), "{machinery}");
    }
}

#[test]
fn it_depends_on_the_plugin_api_alone() {
    let manifest = source("Cargo.toml");
    let dependencies = manifest.split("\n[").find_map(|table| table.strip_prefix("dependencies]"));
    let dependencies: Vec<_> =
        dependencies.expect("it has some").lines().filter(|line| line.contains('=')).collect();
    assert_eq!(dependencies, [r#"ratchet-plugin-api = { path = "../../../plugin-api" }"#]);
}

/// A configuration with the plugin, and where it is kept.
fn configuration() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ratchet.yaml");
    let (plugin, results) = (library(PACKAGE), folder.path().join("results"));
    let text = format!(
        "plugins:\n  - path: {}\n    config:\n      folder: {}\n",
        plugin.display(),
        results.display()
    );
    std::fs::write(&file, text).unwrap();
    (folder, file)
}

/// `ratchet --config FILE ARGUMENTS…`, with the dynamic linker telling which files it opens.
fn ratchet(configuration: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ratchet"));
    command.arg("--config").arg(configuration).args(arguments).env("LD_DEBUG", "files");
    let output = command.output().expect("ratchet can be run");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {stderr}");
    assert!(stderr.contains("libc.so"), "the linker tells nothing: {stderr}");
    output
}

fn assert_not_loaded(output: &Output) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!stderr.contains("libacme_output_jsonl"), "it was loaded: {stderr}");
}

#[test]
fn plugins_list_names_it() {
    let (_folder, configuration) = configuration();
    let output = ratchet(&configuration, &["plugins", "list", "--json"]);
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    let row = rows.iter().find(|row| row["id"] == "acme.output.jsonl").expect("it is listed");
    assert_eq!(row["state"], "enabled");
    assert_eq!(row["file"], library(PACKAGE).to_str().unwrap());
    assert_eq!(row["provides"], json!(["ratchet.output-sink 1.0 (jsonl)"]));
    let origin = row["origin"].as_str().unwrap();
    assert!(origin.ends_with("ratchet.yaml:2"), "{origin}");
    assert_not_loaded(&output);
}

#[test]
fn plugins_inspect_shows_its_configuration_without_loading_it() {
    let (_folder, configuration) = configuration();
    let output = ratchet(&configuration, &["plugins", "inspect", "acme.output.jsonl", "--json"]);
    let manifest: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        manifest["config"],
        json!({
            "type": "object",
            "additionalProperties": false,
            "properties": { "folder": {
                "type": "string",
                "description": "The folder of all files; made if it does not exist.",
            } },
            "required": ["folder"],
        })
    );
    assert_not_loaded(&output);

    let output = ratchet(&configuration, &["plugins", "inspect", "acme.output.jsonl"]);
    let text = String::from_utf8(output.stdout.clone()).expect("text");
    assert!(text.contains("folder: text [required]"), "{text}");
    assert_not_loaded(&output);
}
