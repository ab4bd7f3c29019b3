//! Versions and compilers meet: each side works with what the other has, and what was added since
//! falls back. Here are this host, a host of a later version (`fixtures/newer`), plugins of this
//! version, of a later one, of the released ones (`golden`), and of another compiler.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use object::{Object as _, ObjectSymbol as _};
use ratchet_host::lifecycle::Running;
use ratchet_host::manifest;
use ratchet_plugin_api::manifest::TARGET;
use ratchet_plugin_api::raw::Remote;
use ratchet_plugin_api::{Result, Service, Stream, service};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use support::{configured, delivery, library, planned_file, sink, start, target_directory};

const SAMPLE: &str = "acme-output-jsonl";
const HOSTILE: &str = "ratchet-fixture-hostile";
const NEWER: &str = "acme-fixture-newer";

/// The one symbol a plugin exports: the header that `plugin!` declares.
const HEADER: &str = "_1as_0lib_1header_0root_bmodule_bloader";

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What a host of a later version makes of a plugin.
fn in_newer_host(file: &Path, config: Value, sink: &str, target: Value) -> Value {
    let host = target_directory().join("newer-host");
    assert!(host.exists(), "{} is missing: `cargo xtask test` builds it", host.display());
    let (config, target) = (config.to_string(), target.to_string());
    let mut command = Command::new(host);
    let output = command.arg(file).args([&config, sink, &target]).output().expect("it runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {stderr}", file.display());
    serde_json::from_slice(&output.stdout).expect("it prints JSON")
}

#[test]
fn a_newer_host_runs_a_plugin_of_this_version() {
    let folder = tempfile::tempdir().unwrap();
    let config = json!({ "folder": folder.path() });
    let seen = in_newer_host(&library(SAMPLE), config, "jsonl", json!({ "file": "a" }));
    let file = folder.path().join("a");
    let bytes = std::fs::metadata(&file).expect("it was delivered").len();
    let expected = json!({
        "module": "unsupported",
        "plugin": "unsupported",
        "service": "unsupported",
        "delivered": [file, bytes, null],
        "delivered many": "unsupported",
    });
    assert_eq!(seen, expected);
}

#[test]
fn a_newer_host_reads_a_stream_of_this_version() {
    let seen = in_newer_host(&library(HOSTILE), json!({}), "hostile", json!({ "sin": "none" }));
    let expected = json!({
        "module": "unsupported",
        "plugin": "unsupported",
        "service": "unsupported",
        "delivered": [null, 0, null],
        "delivered many": "unsupported",
        "stream": "unsupported",
        "numbers": [0, 1, 2],
    });
    assert_eq!(seen, expected);
}

/// Shows that what falls back above would have been noticed if it were there.
#[test]
fn a_newer_host_uses_all_of_a_newer_plugin() {
    let seen = in_newer_host(&library(NEWER), json!({}), "newer", json!({}));
    let expected = json!({
        "module": "the module's field is here",
        "plugin": "the plugin's method is here",
        "service": "the service's method is here",
        "delivered": ["the host's method is here with priority 9", 2, "2 bytes"],
        "delivered many": "2 receipts",
        "stream": "the stream's method is here",
        "numbers": [0, 1, 2],
    });
    assert_eq!(seen, expected);
}

/// As in the fixture `hostile`.
#[service(id = "acme.ticker", version = "1.0")]
trait Ticker {
    async fn count(&self, sin: String) -> Result<Stream<u64>>;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn this_host_runs_a_plugin_of_a_newer_version() {
    let (running, _) = start(vec![planned_file(library(NEWER))]).await.expect("it starts");
    let newer = sink(&running, "newer").unwrap();
    let receipt = newer.deliver(delivery(json!({}))).await.expect("it delivers");
    // The plugin asked the host for what was added and was told that it is not there; it knows no
    // priority, and nobody here knows its checksum.
    assert_eq!((receipt.location.as_deref(), receipt.bytes), (Some("unsupported"), 2));
    newer.check(ratchet_plugin_api::model::Json::null()).await.expect("its default body answers");

    let declared = <dyn Ticker as Service>::DECLARATION;
    let binding = running.registry().bind(declared.id, declared.major, None).unwrap();
    let ticker = <dyn Ticker as Service>::client(Remote::new(binding.service));
    let mut numbers = ticker.count(String::new()).await.expect("it opens");
    for expected in 0..200 {
        assert_eq!(next(&mut numbers).await, expected);
    }
    drop(numbers);
    running.stop().await;
}

async fn next(numbers: &mut Stream<u64>) -> u64 {
    futures_util::StreamExt::next(numbers).await.expect("it is endless").expect("it is sound")
}

/// Delivers through a build of the sample plugin in this host and looks at the file.
async fn sample_delivers(library: PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let plugin = configured(planned_file(library), json!({ "folder": folder.path() }));
    let (running, _) = start(vec![plugin]).await.expect("it starts");
    deliver_and_refuse(&running, folder.path()).await;
    running.stop().await;
}

async fn deliver_and_refuse(running: &Running, folder: &Path) {
    let jsonl = sink(running, "jsonl").unwrap();
    let receipt = jsonl.deliver(delivery(json!({ "file": "a" }))).await.expect("it delivers");
    let text = std::fs::read_to_string(folder.join("a")).expect("the file is there");
    assert_eq!((text.len() as u64, text.lines().count()), (receipt.bytes, 1));
    let error = jsonl.deliver(delivery(json!({ "file": 1 }))).await.unwrap_err();
    assert_eq!(error.code, ratchet_plugin_api::Code::Invalid, "{error}");
}

/// The artifacts for this platform of all released versions of the api.
fn golden_artifacts() -> Vec<PathBuf> {
    let golden = repository().join("host/tests/golden");
    let entries =
        std::fs::read_dir(golden).expect("it is there").map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries
        .filter(|version| version.is_dir())
        .map(|version| version.join(TARGET).join("libacme_output_jsonl.so"))
        .filter(|file| file.exists())
        .collect();
    files.sort();
    if files.is_empty() {
        eprintln!("skipped: there is no golden artifact for {TARGET}");
    }
    files
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn this_host_runs_the_plugins_of_all_released_versions() {
    for file in golden_artifacts() {
        sample_delivers(file).await;
    }
}

#[test]
fn a_newer_host_runs_the_plugins_of_all_released_versions() {
    for file in golden_artifacts() {
        let folder = tempfile::tempdir().unwrap();
        let config = json!({ "folder": folder.path() });
        let seen = in_newer_host(&file, config, "jsonl", json!({ "file": "a" }));
        assert_eq!(seen["module"], "unsupported", "{seen}");
        assert_eq!(seen["delivered many"], "unsupported", "{seen}");
        assert_eq!(seen["delivered"][0], json!(folder.path().join("a")), "{seen}");
    }
}

#[test]
fn the_plugins_of_released_versions_are_what_they_were() {
    let golden = repository().join("host/tests/golden");
    let mut checked = 0;
    for version in std::fs::read_dir(golden).expect("it is there") {
        let version = version.unwrap().path();
        let Ok(sums) = std::fs::read_to_string(version.join("SHA256SUMS")) else { continue };
        for line in sums.lines() {
            let (sum, name) = line.split_once("  ").expect("a digest and a name");
            let file = std::fs::read(version.join(name)).expect("the artifact is there");
            let digest = Sha256::digest(file);
            let found: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(
                found,
                sum,
                "{}/{name} was changed: plugins like it are in use and do not change with it",
                version.display()
            );
            checked += 1;
        }
    }
    assert!(checked > 0, "no artifact has a digest");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plugin_of_a_second_compiler_is_loaded_and_called() {
    let Some(toolchain) = std::env::var_os("RATCHET_SECOND_TOOLCHAIN").map(PathBuf::from) else {
        assert!(std::env::var_os("RATCHET_CI").is_none(), "RATCHET_SECOND_TOOLCHAIN is not set");
        eprintln!(
            "skipped: there is no second compiler. Set RATCHET_SECOND_TOOLCHAIN to the folder of \
             its cargo and rustc and run `cargo xtask test`"
        );
        return;
    };
    let folder = target_directory().join("../second-toolchain/debug");
    let file = folder.join("libacme_output_jsonl.so");
    assert!(file.exists(), "{} is missing: `cargo xtask test` builds it", file.display());
    let mut rustc = Command::new(toolchain.join("rustc"));
    let version = rustc.arg("--version").output().expect("it has a rustc").stdout;
    let theirs = planned_file(file.clone()).manifest.compiler;
    assert_eq!(theirs, String::from_utf8(version).unwrap().trim(), "another compiler built it");
    let ours = ratchet_plugin_api::manifest::COMPILER;
    assert_ne!(theirs, ours, "one compiler built both");
    eprintln!("a host of {ours} loads a plugin of {theirs}");
    sample_delivers(file).await;
}

/// The names of the packages whose folders are in `folder` and that are plugins.
fn plugin_packages(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).expect("it is there") {
        let manifest = entry.unwrap().path().join("Cargo.toml");
        let Ok(text) = std::fs::read_to_string(&manifest) else { continue };
        if text.contains("crate-type = [\"cdylib\"]") {
            let name = text.lines().find_map(|line| line.strip_prefix("name = \""));
            names.push(name.expect("a package has a name").trim_end_matches('"').to_owned());
        }
    }
    names
}

#[test]
fn a_plugin_exports_one_symbol() {
    let folders = ["plugins", "sample/plugins", "host/tests/fixtures", "host/tests/fixtures/newer"];
    let packages = folders.iter().flat_map(|folder| plugin_packages(&repository().join(folder)));
    let mut files: Vec<_> = packages.map(|package| library(&package)).collect();
    assert!(files.len() >= 5, "{files:?}");
    files.extend(golden_artifacts());
    for path in files {
        let bytes = std::fs::read(&path).expect("it is there");
        let file = object::File::parse(&*bytes).expect("it is an object file");
        let exported = file.dynamic_symbols().filter(|symbol| symbol.is_definition());
        let names: Vec<_> = exported.map(|symbol| symbol.name().expect("a name")).collect();
        assert_eq!(names, [HEADER], "{}", path.display());
        let opened = std::fs::File::open(&path).expect("it is there");
        manifest::read(&opened, &path).expect("and has a manifest");
    }
}
