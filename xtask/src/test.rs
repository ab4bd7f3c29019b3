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
        process::run(&mut tests)?;
        return if everything { test_samples(project) } else { Ok(()) };
    }
    let mut tests = process::cargo(&project.root);
    tests.args(["nextest", "run"]).args(scope).args(arguments);
    if std::env::var_os("CI").is_some() {
        tests.args(["--profile", "ci"]);
    }
    process::run(&mut tests)?;
    if everything {
        test_samples(project)?;
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
    for folder in [newer_fixtures(project)].into_iter().chain(sample_plugins(project)?) {
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

/// Runs the tests that third parties wrote for their plugins.
fn test_samples(project: &Project) -> Result {
    for folder in sample_plugins(project)? {
        let mut tests = process::cargo(&folder);
        tests.args(["test", "--workspace", "--locked", "--target-dir"]).arg(&project.target);
        process::run(&mut tests)?;
    }
    Ok(())
}

/// The workspace with a host and a plugin of a later version of the api.
fn newer_fixtures(project: &Project) -> PathBuf {
    project.root.join("host/tests/fixtures/newer")
}

/// The workspaces of third parties' plugins.
fn sample_plugins(project: &Project) -> Result<Vec<PathBuf>> {
    let samples = project.root.join("sample/plugins");
    let reading = format!("reading {}", samples.display());
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(&samples).while_doing(&reading)? {
        let folder = entry.while_doing(&reading)?.path();
        if folder.join("Cargo.toml").is_file() {
            folders.push(folder);
        }
    }
    folders.sort();
    Ok(folders)
}
