//! Subcommand: cargo xtask test [ARGS…]

use std::path::PathBuf;
use std::process::Command;

use crate::Subcommand;
use crate::failure::{Result, While};
use crate::process;
use crate::project::Project;

pub(crate) const SUBCOMMAND: Subcommand = Subcommand {
    name: "test",
    usage: "[ARGS…]",
    summary: "Builds all that tests load, then runs them; ARGS go to the test runner",
    run,
};

/// The plugin that a second compiler builds too.
const SECOND_TOOLCHAIN_PLUGIN: &str = "sample/plugins/output-jsonl";

fn run(project: &Project, arguments: Vec<String>) -> Result {
    build_what_tests_load(project)?;
    let everything = arguments.is_empty();
    let chosen = |argument: &String| argument.starts_with("-p") || argument.starts_with("--pack");
    let scope = if arguments.iter().any(chosen) { None } else { Some("--workspace") };
    if !process::has_cargo_subcommand(&project.root, "nextest") {
        let mut tests = process::cargo(&project.root);
        tests.args(["test", "--no-fail-fast"]).args(scope).args(arguments);
        return process::run(&mut tests);
    }
    let mut tests = process::cargo(&project.root);
    tests.args(["nextest", "run"]).args(scope).args(arguments);
    if std::env::var_os("CI").is_some() {
        tests.args(["--profile", "ci"]);
    }
    process::run(&mut tests)?;
    if everything {
        // nextest runs no documentation tests.
        process::run(process::cargo(&project.root).args(["test", "--doc", "--workspace"]))?;
    }
    Ok(())
}

/// Builds every plugin, those of workspaces of their own included. The targets are the ones the
/// test runner will ask for, so it finds them built and compiles nothing a second time.
pub(crate) fn build_what_tests_load(project: &Project) -> Result {
    let mut cargo = process::cargo(&project.root);
    process::run(cargo.args(["build", "--workspace", "--lib", "--bins", "--tests"]))?;
    for folder in outside_workspaces(project)? {
        let mut cargo = process::cargo(&folder);
        cargo.args(["build", "--workspace", "--locked", "--target-dir"]).arg(&project.target);
        process::run(&mut cargo)?;
    }
    build_with_second_toolchain(project)
}

/// Builds a plugin with another compiler, for the test that this one's host loads it. The folder
/// with the other cargo and rustc is in `RATCHET_SECOND_TOOLCHAIN`.
fn build_with_second_toolchain(project: &Project) -> Result {
    let Some(toolchain) = std::env::var_os("RATCHET_SECOND_TOOLCHAIN").map(PathBuf::from) else {
        return Ok(());
    };
    let mut cargo = Command::new(toolchain.join("cargo"));
    cargo
        .args(["build", "--frozen", "--target-dir"])
        .arg(project.target.join("second-toolchain"))
        .current_dir(project.root.join(SECOND_TOOLCHAIN_PLUGIN))
        .env("RUSTC", toolchain.join("rustc"))
        .env("CARGO_PROFILE_DEV_DEBUG", "0");
    // What the first toolchain's cargo says of itself to the programs it runs.
    for variable in ["CARGO", "LD_LIBRARY_PATH", "RUSTUP_TOOLCHAIN"] {
        cargo.env_remove(variable);
    }
    process::run(&mut cargo)
}

/// The folders of workspaces that are not part of this one: the fixtures of another version, and
/// the third-party plugins in `sample/plugins`.
fn outside_workspaces(project: &Project) -> Result<Vec<PathBuf>> {
    let samples = project.root.join("sample/plugins");
    let reading = format!("reading {}", samples.display());
    let mut folders = vec![project.root.join("host/tests/fixtures/newer")];
    for entry in std::fs::read_dir(&samples).while_doing(&reading)? {
        let folder = entry.while_doing(&reading)?.path();
        if folder.join("Cargo.toml").is_file() {
            folders.push(folder);
        }
    }
    folders.sort();
    Ok(folders)
}
