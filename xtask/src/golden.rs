//! Subcommand: cargo xtask golden [--replace]

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Subcommand;
use crate::dist::platform;
use crate::failure::{Failure, Result, While};
use crate::process;
use crate::project::Project;

pub(crate) const SUBCOMMAND: Subcommand = Subcommand {
    name: "golden",
    usage: "[--replace]",
    summary: "Builds the artifact that every later host must load; --replace before a release only",
    run,
};

/// The plugin that is kept: a third party's, as one would be found in the field.
const PLUGIN: &str = "sample/plugins/output-jsonl";

const LIBRARY: &str = "libacme_output_jsonl.so";

fn run(project: &Project, arguments: Vec<String>) -> Result {
    let replace = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => false,
        ["--replace"] => true,
        _ => return Err(Failure::usage("`golden` takes no arguments but --replace")),
    };
    let platform = platform()?;
    let folder = folder(project)?;
    let file = folder.join(&platform).join(LIBRARY);
    let name = project.relative(&file).display().to_string();
    if file.exists() && !replace {
        return Err(Failure::new(format!(
            "{name} is there already. Plugins like it are in use once the version is released, so \
             it is never replaced; before that, use --replace"
        )));
    }
    let target = project.target.join("golden");
    let mut cargo = process::cargo(&project.root.join(PLUGIN));
    cargo
        .args(["build", "--release", "--locked", "--target-dir"])
        .arg(&target)
        .env("CARGO_ENCODED_RUSTFLAGS", remapped_paths(project)?.join("\u{1f}"));
    process::run(&mut cargo)?;

    let copying = format!("writing {name}");
    std::fs::create_dir_all(folder.join(&platform)).while_doing(&copying)?;
    std::fs::copy(target.join("release").join(LIBRARY), &file).while_doing(&copying)?;
    write_checksums(&folder)?;
    let size = std::fs::metadata(&file).while_doing(&copying)?.len();
    eprintln!("wrote {name}, {} KiB", size / 1024);
    Ok(())
}

/// Where the artifacts of the present api version are.
fn folder(project: &Project) -> Result<PathBuf> {
    let manifest = project.root.join("plugin-api/Cargo.toml");
    let text = std::fs::read_to_string(manifest).while_doing("reading plugin-api/Cargo.toml")?;
    let version = text
        .lines()
        .find_map(|line| line.strip_prefix("version = \"")?.strip_suffix('"'))
        .and_then(|version| version.rsplit_once('.'))
        .map(|(minor, _patch)| minor);
    let minor = version.ok_or_else(|| Failure::new("plugin-api/Cargo.toml has no version"))?;
    Ok(project.root.join(format!("host/tests/golden/api-{minor}")))
}

/// Flags that keep the paths of this machine out of what it builds.
fn remapped_paths(project: &Project) -> Result<Vec<String>> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
    let sources = home.unwrap_or_default().join("registry/src");
    let mut flags = vec![remap(&project.root, "ratchet")];
    let reading = format!("reading {}", sources.display());
    for registry in std::fs::read_dir(&sources).while_doing(&reading)? {
        flags.push(remap(&registry.while_doing(&reading)?.path(), "crates"));
    }
    Ok(flags)
}

fn remap(path: &Path, name: &str) -> String {
    format!("--remap-path-prefix={}={name}", path.display())
}

/// Writes the digests of all artifacts in `folder`, in the form of `sha256sum`.
fn write_checksums(folder: &Path) -> Result {
    let reading = format!("reading {}", folder.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).while_doing(&reading)? {
        let platform = entry.while_doing(&reading)?.file_name();
        let file = Path::new(&platform).join(LIBRARY);
        if folder.join(&file).is_file() {
            files.push(file);
        }
    }
    files.sort();
    let text = process::read(Command::new("sha256sum").args(files).current_dir(folder))?;
    std::fs::write(folder.join("SHA256SUMS"), text).while_doing("writing SHA256SUMS")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_that_of_the_minor_version() {
        let project = Project::load().expect("this workspace can be read");
        let folder = folder(&project).expect("the api has a version");
        assert_eq!(project.relative(&folder), Path::new("host/tests/golden/api-1.0"));
    }

    #[test]
    fn no_path_of_this_machine_gets_into_the_artifact() {
        let project = Project::load().expect("this workspace can be read");
        let flags = remapped_paths(&project).expect("there are crates");
        assert!(flags.len() > 1, "{flags:?}");
        for flag in flags {
            let (_, name) = flag.rsplit_once('=').expect("it maps to a name");
            assert!(["ratchet", "crates"].contains(&name), "{flag}");
        }
    }
}
