//! Subcommand: cargo xtask build [--release] [PLUGIN…|--all]

use std::process::Stdio;

use crate::Subcommand;
use crate::failure::{Failure, Result};
use crate::process;
use crate::project::{HOST, Package, Project};

pub(crate) const SUBCOMMAND: Subcommand = Subcommand {
    name: "build",
    usage: "[--release] [PLUGIN…|--all]",
    summary: "Builds the host and these plugins; all of them when none is named",
    run,
};

fn run(project: &Project, arguments: Vec<String>) -> Result {
    let mut release = false;
    let mut plugins = Vec::new();
    for argument in &arguments {
        match argument.as_str() {
            "--release" => release = true,
            "--all" => plugins.extend(project.plugins()),
            option if option.starts_with('-') => {
                return Err(Failure::usage(format!("`build` has no option `{option}`")));
            }
            name => plugins.push(project.plugin(name)?),
        }
    }
    if plugins.is_empty() {
        plugins.extend(project.plugins());
    }
    host_with(project, &plugins, release)
}

/// Builds the host and `plugins` at once, so that what they share is compiled once. Nothing goes to
/// standard output, which may belong to the program that is run next.
pub(crate) fn host_with(project: &Project, plugins: &[&Package], release: bool) -> Result {
    let mut cargo = process::cargo(&project.root);
    cargo.args(["build", "--package", HOST]);
    for plugin in plugins {
        cargo.args(["--package", &plugin.name]);
    }
    if release {
        cargo.arg("--release");
    }
    process::run(cargo.stdout(Stdio::from(std::io::stderr())))
}
