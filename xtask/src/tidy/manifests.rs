//! The form of every Cargo.toml: one place for versions, one panic strategy, shared lints.

use std::path::Path;

use super::Finding;
use crate::failure::{Result, While};
use crate::project::Project;

/// A line `key = value` of a manifest.
struct Entry<'a> {
    line: usize,
    /// The table it is in, without brackets.
    table: &'a str,
    key: &'a str,
    value: &'a str,
}

pub(super) fn check(project: &Project) -> Result<Vec<Finding>> {
    let root = Path::new("Cargo.toml");
    let mut findings = check_profiles(root, &read(project, root)?);
    for package in &project.packages {
        let path = package.folder.join("Cargo.toml");
        findings.extend(check_member(&path, &read(project, &path)?));
    }
    Ok(findings)
}

fn read(project: &Project, path: &Path) -> Result<String> {
    std::fs::read_to_string(project.root.join(path))
        .while_doing(format!("reading {}", path.display()))
}

/// The lines of the form `key = value`, which is how every entry of our manifests is written; the
/// continuation of a list has no `=` outside a table of its own and is passed over.
fn entries(text: &str) -> Vec<Entry<'_>> {
    let mut table = "";
    let mut entries = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            table = name.trim_matches(['[', ']']);
        } else if let Some((key, value)) = line.split_once('=')
            && !line.starts_with(['#', '{', '"'])
        {
            entries.push(Entry { line: index + 1, table, key: key.trim(), value: value.trim() });
        }
    }
    entries
}

/// A plugin whose panics abort takes the host down, so no profile may choose that.
fn check_profiles(path: &Path, text: &str) -> Vec<Finding> {
    let tables = text.lines().enumerate().filter_map(|(index, line)| {
        let profile = line.trim().strip_prefix("[profile.")?.strip_suffix(']')?;
        (!profile.contains('.')).then_some((index + 1, profile))
    });
    let entries = entries(text);
    let unwinds = |profile: &str| {
        entries.iter().any(|entry| {
            entry.table.strip_prefix("profile.") == Some(profile)
                && entry.key == "panic"
                && entry.value == "\"unwind\""
        })
    };
    tables
        .filter(|(_, profile)| !unwinds(profile))
        .map(|(line, profile)| Finding {
            path: path.into(),
            line,
            message: format!(
                "profile `{profile}` without a panic strategy, use panic = \"unwind\""
            ),
        })
        .collect()
}

fn check_member(path: &Path, text: &str) -> Vec<Finding> {
    let finding = |line, message: String| Finding { path: path.into(), line, message };
    let entries = entries(text);
    let mut findings = Vec::new();
    for entry in &entries {
        let Entry { line, table, key, value } = entry;
        let section = table.rsplit('.').next().unwrap_or(table);
        let shared = key.ends_with(".workspace") || value.contains("workspace = true");
        if section.ends_with("dependencies") && !shared {
            let message = format!("`{key}` has a version of its own, use `{key}.workspace = true`");
            findings.push(finding(*line, message));
        }
        if table.contains("dependencies.") {
            let message = format!("`[{table}]` is banned, use one line in `[dependencies]`");
            findings.push(finding(*line, message));
        }
    }
    if !entries.iter().any(|entry| entry.table == "lints" && entry.key == "workspace") {
        let message = "a crate without the shared lints, use `[lints]` with `workspace = true`";
        findings.push(finding(0, message.to_owned()));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(text: &str) -> Vec<String> {
        let findings = check_member(Path::new("a/Cargo.toml"), text);
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn shared_dependencies_and_lints_pass() {
        let text = "[dependencies]\nserde.workspace = true\n\
                    tokio = { workspace = true, features = [\n  \"fs\",\n] }\n\
                    [target.'cfg(unix)'.dependencies]\nrustix.workspace = true\n\
                    [lints]\nworkspace = true\n";
        assert_eq!(member(text), [""; 0]);
    }

    #[test]
    fn versions_outside_the_workspace_are_found() {
        let lints = "[lints]\nworkspace = true\n";
        for (text, line) in [
            ("[dependencies]\nserde = \"1\"\n", 2),
            ("[dev-dependencies]\n\nserde = { version = \"1\" }\n", 3),
            ("[target.'cfg(unix)'.dependencies]\nrustix = \"1\"\n", 2),
            ("[dependencies.serde]\nversion = \"1\"\n", 2),
        ] {
            let found = member(&format!("{text}{lints}"));
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].starts_with(&format!("a/Cargo.toml:{line}: error:")), "{found:?}");
        }
    }

    #[test]
    fn a_crate_without_the_shared_lints_is_found() {
        assert!(member("[dependencies]\n")[0].contains("shared lints"));
    }

    #[test]
    fn a_profile_must_unwind() {
        let check = |text| check_profiles(Path::new("Cargo.toml"), text).len();
        assert_eq!(check("[profile.dev]\npanic = \"unwind\"\n[profile.dev.package.\"*\"]\n"), 0);
        assert_eq!(check("[profile.dev]\npanic = \"unwind\"\n[profile.release]\nlto = true\n"), 1);
        assert_eq!(check("[profile.dev]\npanic = \"abort\"\n"), 1);
    }
}
