//! What the locked dependencies are: from one registry, under known licences, none of them banned.
//!
//! The lists are those of deny.toml. cargo-deny checks more, but is not on every machine.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;

use super::Finding;
use crate::dist::platform;
use crate::failure::{Result, While};
use crate::process;
use crate::project::Project;

pub(super) fn check(project: &Project) -> Result<Vec<Finding>> {
    let read = |name: &str| {
        std::fs::read_to_string(project.root.join(name)).while_doing(format!("reading {name}"))
    };
    let policy = Policy::parse(&read("deny.toml")?);
    let mut findings = check_lock(&read("Cargo.lock")?, &policy);

    let mut cargo = process::cargo(&project.root);
    cargo.args(["metadata", "--format-version", "1", "--filter-platform", &platform()?]);
    let metadata: Value = serde_json::from_str(&process::read(&mut cargo)?)
        .while_doing("`cargo metadata` is not JSON")?;
    findings.extend(check_licences(&metadata, &policy));
    Ok(findings)
}

/// The parts of deny.toml that are checked here.
struct Policy {
    licences: BTreeSet<String>,
    banned: BTreeSet<String>,
}

impl Policy {
    /// Reads the lists `allow` of `[licenses]` and `deny` of `[bans]`, one item a line.
    fn parse(text: &str) -> Self {
        let (mut table, mut list) = ("", "");
        let mut policy = Self { licences: BTreeSet::new(), banned: BTreeSet::new() };
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
            if line.starts_with('[') && line.ends_with(']') {
                (table, list) = (line.trim_matches(['[', ']']), "");
            } else if let Some(key) = line.strip_suffix("= [") {
                list = key.trim();
            } else if line.starts_with(']') {
                list = "";
            } else if let Some(word) = line.split('"').nth(1) {
                match (table, list) {
                    ("licenses", "allow") => drop(policy.licences.insert(word.to_owned())),
                    ("bans", "deny") => drop(policy.banned.insert(word.to_owned())),
                    _ => {}
                }
            }
        }
        policy
    }

    /// Whether a licence expression (SPDX, or the older form with a slash) can be satisfied.
    fn allows(&self, expression: &str) -> bool {
        let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
        let mut words = spaced.split_whitespace().peekable();
        self.any(&mut words) && words.next().is_none()
    }

    fn any<'a>(&self, words: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>) -> bool {
        let mut allowed = self.all(words);
        while words.next_if_eq(&"OR").is_some() {
            allowed |= self.all(words);
        }
        allowed
    }

    fn all<'a>(&self, words: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>) -> bool {
        let mut allowed = self.one(words);
        while words.next_if_eq(&"AND").is_some() {
            allowed &= self.one(words);
        }
        allowed
    }

    fn one<'a>(&self, words: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>) -> bool {
        match words.next() {
            Some("(") => {
                let allowed = self.any(words);
                words.next_if_eq(&")").is_some() && allowed
            }
            Some(licence) => {
                // An exception only ever adds permissions.
                if words.next_if_eq(&"WITH").is_some() {
                    words.next();
                }
                self.licences.contains(licence)
            }
            None => false,
        }
    }
}

fn check_lock(lock: &str, policy: &Policy) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut name = "";
    let mut registry = None;
    for (index, line) in lock.lines().enumerate() {
        let mut found = |message| {
            findings.push(Finding { path: PathBuf::from("Cargo.lock"), line: index + 1, message });
        };
        if let Some(value) = value(line, "name") {
            name = value;
            if policy.banned.contains(name) {
                found(format!("`{name}` is banned, see deny.toml for what to use"));
            }
        } else if let Some(source) = value(line, "source")
            && (!source.starts_with("registry+") || source != *registry.get_or_insert(source))
        {
            found(format!("`{name}` is from {source}, use a release from the crates registry"));
        }
    }
    findings
}

/// The value of a line `key = "value"`.
fn value<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    line.strip_prefix(key)?.strip_prefix(" = \"")?.strip_suffix('"')
}

fn check_licences(metadata: &Value, policy: &Policy) -> Vec<Finding> {
    let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let refused = packages.iter().filter_map(|package| {
        let licence = package["license"].as_str().unwrap_or("no licence");
        (!policy.allows(licence)).then(|| Finding {
            path: PathBuf::from("deny.toml"),
            line: 0,
            message: format!("{} is under {licence}, which is not allowed", package["name"]),
        })
    });
    refused.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = "[licenses]\nallow = [\n  \"MIT\",\n  \"Unicode-3.0\",\n]\n\
                          [bans]\ndeny = [\n  { crate = \"openssl-sys\", reason = \"x\" },\n]\n";

    #[test]
    fn licence_expressions_are_understood() {
        let policy = Policy::parse(POLICY);
        for (expression, allowed) in [
            ("MIT", true),
            ("GPL-3.0", false),
            ("GPL-3.0 OR MIT", true),
            ("Apache-2.0/MIT", true),
            ("MIT AND GPL-3.0", false),
            ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
            ("Apache-2.0 WITH LLVM-exception OR MIT", true),
            ("Apache-2.0 OR MIT AND GPL-3.0", false),
            ("(MIT", false),
            ("", false),
        ] {
            assert_eq!(policy.allows(expression), allowed, "{expression}");
        }
    }

    #[test]
    fn a_package_without_an_allowed_licence_is_found() {
        let metadata = serde_json::json!({"packages": [
            {"name": "good", "license": "MIT"},
            {"name": "bad", "license": null},
        ]});
        let found = check_licences(&metadata, &Policy::parse(POLICY));
        assert_eq!(found.len(), 1);
        assert!(found[0].message.contains("\"bad\" is under no licence"));
    }

    #[test]
    fn banned_crates_and_other_sources_are_found() {
        let lock = "name = \"a\"\nsource = \"registry+https://one\"\n\
                    name = \"openssl-sys\"\nsource = \"registry+https://one\"\n\
                    name = \"b\"\nsource = \"git+https://two\"\n\
                    name = \"c\"\nsource = \"registry+https://three\"\n";
        let found = check_lock(lock, &Policy::parse(POLICY));
        let lines: Vec<_> = found.iter().map(|finding| finding.line).collect();
        assert_eq!(lines, [3, 6, 8]);
    }
}
