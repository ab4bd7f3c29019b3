//! The only build logic besides Cargo. One file per subcommand, in the order a newcomer meets
//! them; `cargo xtask help` lists them.

#![forbid(unsafe_code)]

mod bench;
mod build;
mod dist;
mod docs;
mod failure;
mod faults;
mod golden;
mod lint;
mod new_plugin;
mod process;
mod project;
mod run;
mod test;
mod tidy;

use std::process::ExitCode;

use failure::{Failure, Result};
use project::Project;

/// One thing `cargo xtask` can do.
struct Subcommand {
    name: &'static str,
    /// Its arguments, as help shows them.
    usage: &'static str,
    /// What it does, in one line.
    summary: &'static str,
    run: fn(&Project, Vec<String>) -> Result,
}

const SUBCOMMANDS: &[Subcommand] = &[
    run::SUBCOMMAND,
    test::SUBCOMMAND,
    build::SUBCOMMAND,
    lint::SUBCOMMAND,
    tidy::SUBCOMMAND,
    docs::SUBCOMMAND,
    new_plugin::SUBCOMMAND,
    golden::SUBCOMMAND,
    bench::SUBCOMMAND,
    faults::SUBCOMMAND,
    dist::SUBCOMMAND,
];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "help".to_owned());
    match dispatch(&name, arguments.collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.message.is_empty() {
                eprintln!("error: {}", failure.message);
            }
            ExitCode::from(failure.exit_code)
        }
    }
}

fn dispatch(name: &str, arguments: Vec<String>) -> Result {
    if matches!(name, "help" | "--help" | "-h") {
        eprintln!("{}", help());
        return Ok(());
    }
    let subcommand = SUBCOMMANDS
        .iter()
        .find(|subcommand| subcommand.name == name)
        .ok_or_else(|| Failure::usage(format!("`{name}` is not a subcommand\n\n{}", help())))?;
    (subcommand.run)(&Project::load()?, arguments)
}

fn help() -> String {
    let mut help = "Usage: cargo xtask SUBCOMMAND\n".to_owned();
    for Subcommand { name, usage, summary, .. } in SUBCOMMANDS {
        let line = format!("{name} {usage}");
        help.push_str(&format!("\n  {}\n      {summary}\n", line.trim_end()));
    }
    help
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_subcommand_is_the_file_of_its_name() {
        let sources = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        for Subcommand { name, usage, .. } in SUBCOMMANDS {
            let stem = name.replace('-', "_");
            let file = sources.join(format!("{stem}.rs"));
            let folder = sources.join(stem).join("mod.rs");
            let text = std::fs::read_to_string(file).or_else(|_| std::fs::read_to_string(folder));
            let text = text.expect("a subcommand has a file");
            let first = format!("//! Subcommand: cargo xtask {name} {usage}");
            assert_eq!(text.lines().next(), Some(first.trim_end()), "{name}");
        }
    }
}
