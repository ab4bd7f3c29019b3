//! Subcommand: cargo xtask lint

use std::process::Command;

use crate::Subcommand;
use crate::failure::{Failure, Result};
use crate::process;
use crate::project::Project;
use crate::tidy;

pub(crate) const SUBCOMMAND: Subcommand = Subcommand {
    name: "lint",
    usage: "",
    summary: "Formatting, clippy, documentation, licences and advisories, and `tidy`",
    run,
};

/// What cargo-deny checks without the network.
const DENY_OFFLINE: [&str; 3] = ["bans", "licenses", "sources"];

fn run(project: &Project, arguments: Vec<String>) -> Result {
    if let Some(argument) = arguments.first() {
        return Err(Failure::usage(format!("`lint` takes no arguments, but got `{argument}`")));
    }
    // All are run, so that one run shows everything there is to mend.
    let results = [
        cargo(project, |cargo| cargo.args(["fmt", "--all", "--check"])),
        tidy::check_tree(project),
        cargo(project, |cargo| {
            cargo.args(["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"])
        }),
        cargo(project, |cargo| {
            cargo.args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "--deny warnings")
        }),
        deny(project),
    ];
    let failures: Vec<_> = results.into_iter().filter_map(Result::err).collect();
    if failures.is_empty() {
        eprintln!("lint: all clean");
        return Ok(());
    }
    let messages: Vec<_> = failures.iter().map(|failure| failure.message.as_str()).collect();
    Err(Failure::new(format!(
        "{} of the lints failed\n  {}",
        failures.len(),
        messages.join("\n  ")
    )))
}

fn cargo(project: &Project, arguments: impl Fn(&mut Command) -> &mut Command) -> Result {
    process::run(arguments(&mut process::cargo(&project.root)))
}

/// Licences, bans and sources with cargo-deny where it is installed. `tidy` checks the bans and
/// the sources in any case.
fn deny(project: &Project) -> Result {
    if !process::has_cargo_subcommand(&project.root, "deny") {
        eprintln!(
            "skipped: licences and advisories, because cargo-deny is not installed \
             (`cargo install cargo-deny --locked`)"
        );
        return Ok(());
    }
    cargo(project, |cargo| cargo.args(["deny", "--offline", "check"]).args(DENY_OFFLINE))?;
    if cargo(project, |cargo| cargo.args(["deny", "fetch", "db"])).is_err() {
        eprintln!("skipped: advisories, because their database cannot be fetched");
        return Ok(());
    }
    cargo(project, |cargo| cargo.args(["deny", "check", "advisories"]))
}
