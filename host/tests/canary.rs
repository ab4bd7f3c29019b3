//! No code of a refused file runs: the fixture `hostile` has a constructor, which the dynamic
//! linker calls as soon as it maps the file, and which leaves a file behind.
//!
//! The layout of the waist is the one thing that can only be checked in memory, so a file that is
//! refused for it has had its constructors run. By then its manifest, owner, mode and digest have
//! been accepted, and nothing else of it runs.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output};

use ratchet_plugin_api::manifest::{API_VERSION, TARGET};
use support::library;
use tempfile::TempDir;

const HOSTILE: &str = "ratchet-fixture-hostile";

/// A copy of the fixture, a configuration that loads it, and a place for its canary.
struct Nest {
    folder: TempDir,
}

impl Nest {
    fn new() -> Self {
        let nest = Self { folder: tempfile::tempdir().unwrap() };
        fs::copy(library(HOSTILE), nest.plugin()).unwrap();
        nest.configure("");
        nest
    }

    fn plugin(&self) -> PathBuf {
        self.folder.path().join("hostile.so")
    }

    fn canary(&self) -> PathBuf {
        self.folder.path().join("canary")
    }

    fn configure(&self, more: &str) {
        let plugin = self.plugin();
        let text = format!("plugins:\n  - path: {}\n{more}", plugin.display());
        fs::write(self.folder.path().join("ratchet.yaml"), text).unwrap();
    }

    /// Changes some bytes of the plugin's file, and nothing about their number.
    fn patch(&self, from: &str, to: &str) {
        assert_eq!(from.len(), to.len());
        let mut bytes = fs::read(self.plugin()).unwrap();
        let found: Vec<_> = bytes
            .windows(from.len())
            .enumerate()
            .filter_map(|(place, window)| (window == from.as_bytes()).then_some(place))
            .collect();
        assert!(!found.is_empty(), "`{from}` is not in the file");
        for place in found {
            bytes[place..place + to.len()].copy_from_slice(to.as_bytes());
        }
        fs::write(self.plugin(), bytes).unwrap();
    }

    fn ratchet(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_ratchet"))
            .arg("--config")
            .arg(self.folder.path().join("ratchet.yaml"))
            .args(arguments)
            .env("RATCHET_FIXTURE_CANARY", self.canary())
            .output()
            .unwrap()
    }

    /// Checks the plugin, looks at it and runs its command; gives what all of it printed, and
    /// whether the canary sang.
    fn tried(&self) -> (String, bool) {
        let mut told = String::new();
        for arguments in [&["plugins", "check"][..], &["plugins", "list"], &["sing"]] {
            let output = self.ratchet(arguments);
            told.push_str(&String::from_utf8_lossy(&output.stdout));
            told.push_str(&String::from_utf8_lossy(&output.stderr));
            assert_eq!(output.status.success(), arguments == ["plugins", "list"], "{told}");
        }
        (told, self.canary().exists())
    }

    fn assert_refused_unread(&self, why: &str) {
        let (told, sang) = self.tried();
        assert!(told.contains(why), "`{why}` is not in:\n{told}");
        assert!(!sang, "code of a refused file ran:\n{told}");
    }
}

#[test]
fn the_code_of_an_accepted_file_runs() {
    // Shows that the tests below can fail.
    let nest = Nest::new();
    for arguments in [["plugins", "check"], ["plugins", "list"]] {
        assert!(nest.ratchet(&arguments).status.success());
        assert!(!nest.canary().exists(), "{arguments:?} ran its code");
    }
    let output = nest.ratchet(&["sing"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(nest.canary().exists(), "it was loaded, and its constructor did not run");
}

#[test]
fn no_code_of_a_file_with_a_damaged_manifest_runs() {
    let nest = Nest::new();
    nest.patch(r#"{"id":"acme.fixture.hostile""#, r#"["id":"acme.fixture.hostile""#);
    nest.assert_refused_unread("manifest is damaged");
}

#[test]
fn no_code_of_a_file_for_another_api_runs() {
    let nest = Nest::new();
    let later = API_VERSION.replacen('1', "9", 1);
    nest.patch(&format!(r#""api":"{API_VERSION}""#), &format!(r#""api":"{later}""#));
    nest.assert_refused_unread("was built for plugin API 9.");
}

#[test]
fn no_code_of_a_file_for_another_target_runs() {
    let nest = Nest::new();
    let other = "z".repeat(TARGET.len());
    nest.patch(&format!(r#""target":"{TARGET}""#), &format!(r#""target":"{other}""#));
    nest.assert_refused_unread("was built for zzz");
}

#[test]
fn no_code_of_a_file_that_aborts_in_panic_runs() {
    let nest = Nest::new();
    nest.patch(r#""panic":"unwind""#, r#""panic": "abort""#);
    nest.assert_refused_unread(r#"was built with panic = "abort""#);
}

#[test]
fn no_code_of_a_file_that_was_cut_runs() {
    let nest = Nest::new();
    let bytes = fs::read(nest.plugin()).unwrap();
    fs::write(nest.plugin(), &bytes[..bytes.len() - 1]).unwrap();
    nest.assert_refused_unread("damaged");
}

#[test]
fn no_code_of_a_file_that_others_can_write_runs() {
    let nest = Nest::new();
    fs::set_permissions(nest.plugin(), Permissions::from_mode(0o757)).unwrap();
    nest.assert_refused_unread("is writable for everybody");
}

#[test]
fn no_code_of_a_file_in_a_folder_that_others_can_write_runs() {
    let nest = Nest::new();
    fs::set_permissions(nest.folder.path(), Permissions::from_mode(0o757)).unwrap();
    nest.assert_refused_unread("is writable for everybody");
}

#[test]
fn no_code_of_a_file_that_is_not_the_locked_one_runs() {
    let nest = Nest::new();
    let lock = nest.folder.path().join("plugins.lock");
    nest.configure(&format!("trust: {{lock_file: {}, require_lock: true}}\n", lock.display()));
    nest.assert_refused_unread("cannot be read");
    assert!(nest.ratchet(&["plugins", "lock"]).status.success());

    let mut bytes = fs::read(nest.plugin()).unwrap();
    bytes.push(0);
    fs::write(nest.plugin(), bytes).unwrap();
    nest.assert_refused_unread("is not the file that was locked");

    let locked = fs::read_to_string(&lock).unwrap().replace("acme.fixture.hostile", "acme.other");
    fs::write(&lock, locked).unwrap();
    nest.assert_refused_unread("is not in the lock");
}

#[test]
fn a_file_of_another_layout_is_refused_once_it_is_in_memory() {
    let nest = Nest::new();
    // The one field of the root module, in the description that is compared.
    nest.patch("create;host,PluginModule", "kreate;host,PluginModule");
    assert!(nest.ratchet(&["plugins", "check"]).status.success(), "its layout is not in its file");
    assert!(!nest.canary().exists());
    let output = nest.ratchet(&["sing"]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{told}");
    assert!(told.contains("its layout is not that of this api version"), "{told}");
    assert!(nest.canary().exists(), "the check has come before loading: say so in `load.rs`");
}
