//! Subcommand: cargo xtask dist

use std::path::Path;
use std::process::Command;

use crate::Subcommand;
use crate::build;
use crate::failure::{Failure, Result, While};
use crate::process;
use crate::project::Project;

pub(crate) const SUBCOMMAND: Subcommand = Subcommand {
    name: "dist",
    usage: "",
    summary: "Builds for release and packs what a user installs into dist/",
    run,
};

/// What lies beside the program in a release.
const EXTRAS: [&str; 3] = ["README.md", "LICENSE", "sample"];

fn run(project: &Project, arguments: Vec<String>) -> Result {
    if let Some(argument) = arguments.first() {
        return Err(Failure::usage(format!("`dist` takes no arguments, but got `{argument}`")));
    }
    let plugins: Vec<_> = project.plugins().collect();
    build::host_with(project, &plugins, true)?;

    let name = format!("ratchet-{}-{}", project.version, platform()?);
    let dist = project.root.join("dist");
    let folder = dist.join(&name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).while_doing(format!("emptying {}", folder.display()))?;
    }
    let built = project.artifacts(true);
    place(&built.join("ratchet"), &folder.join("bin/ratchet"))?;
    for plugin in plugins {
        let library = plugin.library();
        place(&built.join(&library), &folder.join("lib/ratchet").join(&library))?;
    }
    for extra in EXTRAS {
        place_all(&project.root.join(extra), &folder.join(extra))?;
    }
    let archive = format!("{name}.tar.gz");
    let mut tar = Command::new("tar");
    // The same sources give the same archive, whoever packs them and when.
    tar.args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@0"]);
    process::run(tar.current_dir(&dist).args(["-czf", &archive, &name]))?;
    eprintln!("packed dist/{archive}");
    Ok(())
}

/// The platform that is built for, such as `x86_64-unknown-linux-gnu`.
pub(crate) fn platform() -> Result<String> {
    let version = process::read(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| Failure::new("`rustc -vV` names no host"))
}

fn place(from: &Path, to: &Path) -> Result {
    let placing = format!("copying {} to {}", from.display(), to.display());
    if let Some(parent) = to.parent() {
        std::fs::create_dir_all(parent).while_doing(&placing)?;
    }
    std::fs::copy(from, to).while_doing(&placing)?;
    Ok(())
}

/// Copies a file, or a folder without what was built in it.
fn place_all(from: &Path, to: &Path) -> Result {
    if !from.is_dir() {
        return place(from, to);
    }
    let reading = format!("reading {}", from.display());
    for entry in std::fs::read_dir(from).while_doing(&reading)? {
        let entry = entry.while_doing(&reading)?;
        if entry.file_name() != "target" {
            place_all(&entry.path(), &to.join(entry.file_name()))?;
        }
    }
    Ok(())
}
