//! Subcommand: cargo xtask docs [--check]

use std::process::Command;

use crate::Subcommand;
use crate::build;
use crate::failure::{Failure, Result, While};
use crate::process;
use crate::project::Project;

pub(crate) const SUBCOMMAND: Subcommand = Subcommand {
    name: "docs",
    usage: "[--check]",
    summary: "Writes the generated files anew; with --check says which are out of date",
    run,
};

/// A file of this repository that `ratchet` can write.
struct Generated {
    path: &'static str,
    /// The command line that prints it.
    arguments: &'static [&'static str],
}

const GENERATED: &[Generated] =
    &[Generated { path: "config/schema.json", arguments: &["config", "schema"] }];

fn run(project: &Project, arguments: Vec<String>) -> Result {
    let check = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => false,
        ["--check"] => true,
        _ => return Err(Failure::usage("`docs` takes no arguments but --check")),
    };
    let plugins: Vec<_> = project.plugins().collect();
    build::host_with(project, &plugins, false)?;
    let mut stale = Vec::new();
    for Generated { path, arguments } in GENERATED {
        let mut ratchet = Command::new(project.artifacts(false).join("ratchet"));
        let text = process::read(ratchet.args(*arguments).current_dir(&project.root))?;
        let file = project.root.join(path);
        if std::fs::read_to_string(&file).is_ok_and(|present| present == text) {
            continue;
        }
        if check {
            stale.push(*path);
        } else {
            std::fs::write(&file, text).while_doing(format!("writing {path}"))?;
            eprintln!("wrote {path}");
        }
    }
    if stale.is_empty() {
        return Ok(());
    }
    let stale = stale.join(", ");
    Err(Failure::new(format!("out of date: {stale}; `cargo xtask docs` writes them anew")))
}
