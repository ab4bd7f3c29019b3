//! What the built plugins show to the world.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::Finding;
use crate::failure::{Result, While};
use crate::process;
use crate::project::{Package, Project};

/// The one symbol a plugin exports: the header that `plugin!` declares.
const HEADER: &str = "_1as_0lib_1header_0root_bmodule_bloader";

/// Checks every plugin that the workspace has, as it is built in the development profile.
pub(super) fn check(project: &Project) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for plugin in project.plugins() {
        let file = project.artifacts(false).join(plugin.library());
        let messages = if file.is_file() {
            let symbols =
                process::read(Command::new("nm").args(["-D", "--defined-only"]).arg(&file))?;
            let manifest = read_manifest(&file)?;
            [check_exports(&symbols), check_commands(plugin, &manifest)].concat()
        } else {
            vec!["is not built, use `cargo xtask build`".to_owned()]
        };
        let path = project.relative(&file);
        findings.extend(messages.into_iter().map(|message| Finding {
            path: path.into(),
            line: 0,
            message,
        }));
    }
    Ok(findings)
}

/// The JSON in the `.ratchet` section.
fn read_manifest(file: &Path) -> Result<Value> {
    let mut objcopy = Command::new("objcopy");
    objcopy.args(["--dump-section", ".ratchet=/dev/stdout"]).arg(file).arg("/dev/null");
    let text = process::read(&mut objcopy)?;
    serde_json::from_str(text.trim_end_matches(['\0', ' ', '\n']))
        .while_doing(format!("the manifest of {}", file.display()))
}

fn check_exports(symbols: &str) -> Vec<String> {
    let mut names: Vec<_> =
        symbols.lines().filter_map(|line| line.split_whitespace().nth(2)).collect();
    let exported = names.iter().position(|name| *name == HEADER).map(|found| names.remove(found));
    let mut messages: Vec<_> = names
        .iter()
        .map(|name| format!("exports `{name}`, which is banned, use the header alone"))
        .collect();
    if exported.is_none() {
        messages.push("exports no header, use `plugin!`".to_owned());
    }
    messages
}

/// `cargo xtask run` trusts the commands in Cargo.toml; the manifest is the truth.
fn check_commands(plugin: &Package, manifest: &Value) -> Vec<String> {
    let commands = manifest["commands"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut declared: Vec<_> =
        commands.iter().filter_map(|command| command["name"].as_str()?.split(' ').next()).collect();
    declared.dedup();
    let mut messages = Vec::new();
    for name in &plugin.commands {
        if !declared.contains(&name.as_str()) {
            messages.push(format!("has no command `{name}`, though its Cargo.toml says so"));
        }
    }
    messages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_the_only_export() {
        let header = format!("0000000000012345 D {HEADER}\n");
        assert_eq!(check_exports(&header), [""; 0]);
        assert!(check_exports("")[0].contains("no header"));
        let more = format!("{header}0000000000012345 T sqlite3_open\n");
        assert!(check_exports(&more)[0].contains("`sqlite3_open`"));
    }

    #[test]
    fn commands_of_cargo_toml_are_in_the_manifest() {
        let project = Project::load().expect("this workspace can be read");
        let taskkit = project.plugin("taskkit").expect("there is a taskkit");
        let manifest = serde_json::json!({"commands": [{"name": "run-once"}]});
        let messages = check_commands(taskkit, &manifest);
        assert_eq!(messages.len(), taskkit.commands.len() - 1);
        assert!(messages.iter().all(|message| !message.contains("`run-once`")));
    }
}
