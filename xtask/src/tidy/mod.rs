//! Subcommand: cargo xtask tidy [--artifacts]
//!
//! The rules of this repository that no compiler checks. Each is also a test, so `cargo test` is
//! the whole gate. A finding reads `path:line: error: X is banned, use Y`.

mod artifacts;
mod bans;
mod documents;
mod layering;
mod lockfile;
mod manifests;
mod scrub;
mod sources;
mod unsafety;

use std::fmt;
use std::path::PathBuf;

use crate::Subcommand;
use crate::failure::{Failure, Result};
use crate::project::Project;
use sources::SourceFile;

pub(crate) const SUBCOMMAND: Subcommand = Subcommand {
    name: "tidy",
    usage: "[--artifacts]",
    summary: "Checks layering and style; with --artifacts also what built plugins export",
    run,
};

/// One breach of one rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    path: PathBuf,
    /// From 1; 0 for the file as a whole.
    line: usize,
    message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, message } = self;
        match line {
            0 => write!(f, "{}: error: {message}", path.display()),
            _ => write!(f, "{}:{line}: error: {message}", path.display()),
        }
    }
}

/// A rule: its name and what breaks it.
type Rule = (&'static str, fn(&Project) -> Result<Vec<Finding>>);

const RULES: &[Rule] = &[
    ("style", |project| each_source(project, sources::check)),
    ("bans", |project| each_source(project, bans::check)),
    ("unsafety", |project| each_source(project, unsafety::check)),
    ("manifests", manifests::check),
    ("layering", layering::check),
    ("host tree", layering::check_host_tree),
    ("lockfile", lockfile::check),
    ("documents", documents::check),
];

fn run(project: &Project, arguments: Vec<String>) -> Result {
    let mut findings = check_rules(project)?;
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => {}
        ["--artifacts"] => findings.extend(artifacts::check(project)?),
        _ => return Err(Failure::usage("`tidy` takes no arguments but --artifacts")),
    }
    report(findings)
}

/// Checks everything that can be checked without building.
///
/// # Errors
/// When a rule is broken; the findings are printed.
pub(crate) fn check_tree(project: &Project) -> Result {
    report(check_rules(project)?)
}

fn check_rules(project: &Project) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for (_, rule) in RULES {
        findings.extend(rule(project)?);
    }
    Ok(findings)
}

fn report(mut findings: Vec<Finding>) -> Result {
    findings.sort();
    for finding in &findings {
        eprintln!("{finding}");
    }
    match findings.len() {
        0 => {
            eprintln!("tidy: all rules hold");
            Ok(())
        }
        count => Err(Failure::new(format!("tidy: {count} findings"))),
    }
}

fn each_source(project: &Project, check: fn(&SourceFile) -> Vec<Finding>) -> Result<Vec<Finding>> {
    Ok(sources::read_all(project)?.iter().flat_map(check).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails with the findings of the rule of this name.
    fn holds(name: &str) {
        let project = Project::load().expect("this workspace can be read");
        let (_, rule) = RULES.iter().find(|(rule, _)| *rule == name).expect("a known rule");
        let findings = rule(&project).expect("the rule can be checked");
        let lines: Vec<_> = findings.iter().map(ToString::to_string).collect();
        assert!(lines.is_empty(), "\n{}", lines.join("\n"));
    }

    #[test]
    fn style_holds() {
        holds("style");
    }

    #[test]
    fn bans_hold() {
        holds("bans");
    }

    #[test]
    fn unsafety_is_confined() {
        holds("unsafety");
    }

    #[test]
    fn manifests_are_unified() {
        holds("manifests");
    }

    #[test]
    fn layering_holds() {
        holds("layering");
    }

    #[test]
    fn the_host_knows_no_task_http_or_sql() {
        holds("host tree");
    }

    #[test]
    fn the_lockfile_is_clean() {
        holds("lockfile");
    }

    #[test]
    fn documents_name_what_exists() {
        holds("documents");
    }

    #[test]
    fn findings_read_like_a_compilers() {
        let finding = Finding { path: "a/b.rs".into(), line: 3, message: "no".into() };
        assert_eq!(finding.to_string(), "a/b.rs:3: error: no");
    }
}
