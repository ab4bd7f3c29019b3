//! What documents say about the repository: the files, links and tests they name must exist.

use std::path::{Path, PathBuf};

use super::Finding;
use super::bans::uses;
use super::sources::{self, SourceFile};
use crate::failure::{Result, While};
use crate::project::Project;

/// What follows this in a document are names of tests.
const ENFORCED_BY: &str = "Enforced by:";

pub(super) fn check(project: &Project) -> Result<Vec<Finding>> {
    let sources = sources::read_all(project)?;
    let is_test = |name: &str| defines(&sources, name);
    let mut findings = Vec::new();
    for path in documents(project)? {
        let text = std::fs::read_to_string(project.root.join(&path))
            .while_doing(format!("reading {}", path.display()))?;
        let exists = |target: &Path| project.root.join(target).exists();
        findings.extend(check_document(&path, &text, &exists, &is_test));
    }
    Ok(findings)
}

/// The documents of the repository itself, relative to its root.
fn documents(project: &Project) -> Result<Vec<PathBuf>> {
    let mut documents = Vec::new();
    for folder in ["", "docs", "docs/adr"] {
        let whole = project.root.join(folder);
        let reading = format!("reading {}", whole.display());
        for entry in std::fs::read_dir(&whole).while_doing(&reading)? {
            let name = PathBuf::from(entry.while_doing(&reading)?.file_name());
            if name.extension().is_some_and(|extension| extension == "md") {
                documents.push(Path::new(folder).join(name));
            }
        }
    }
    documents.sort();
    Ok(documents)
}

fn defines(sources: &[SourceFile], test: &str) -> bool {
    let function = format!("fn {test}");
    sources.iter().any(|file| file.code.contains(&function) && uses(&file.code, &function))
}

fn check_document(
    path: &Path,
    text: &str,
    exists: &dyn Fn(&Path) -> bool,
    is_test: &dyn Fn(&str) -> bool,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut naming_tests = false;
    for (index, line) in text.lines().enumerate() {
        let mut found = |message| {
            findings.push(Finding { path: path.to_owned(), line: index + 1, message });
        };
        for target in links(line) {
            let here = path.parent().unwrap_or(Path::new(""));
            if !target.contains("://") && !exists(&here.join(target)) {
                found(format!("a link to `{target}`, which is not there, mend or remove it"));
            }
        }
        naming_tests = line.contains(ENFORCED_BY) || (naming_tests && line.starts_with(' '));
        for code in line.split('`').skip(1).step_by(2) {
            if is_path(code) && !exists(Path::new(code)) {
                found(format!("`{code}` is not there, name what is"));
            }
            if naming_tests && !code.contains(' ') && !is_test(code) {
                found(format!("no test is called `{code}`, name one that enforces this"));
            }
        }
    }
    findings
}

/// The targets of the links in a line, without their fragments.
fn links(line: &str) -> impl Iterator<Item = &str> {
    let targets = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.filter_map(|target| target.split('#').next()).filter(|target| !target.is_empty())
}

/// Whether some code is the path of one of our files and not an example.
fn is_path(code: &str) -> bool {
    const TOPS: [&str; 8] =
        ["host", "plugin-api", "plugins", "sample", "config", "docs", "xtask", ".ci"];
    let plain = code.chars().all(|c| c.is_alphanumeric() || "/-_.".contains(c));
    plain && code.split_once('/').is_some_and(|(top, _)| TOPS.contains(&top))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<usize> {
        let exists = |target: &Path| {
            let files = ["README.md", "docs/a.md"];
            files.iter().any(|file| Path::new(file) == target)
        };
        let is_test = |name: &str| name == "it_holds";
        let findings = check_document(Path::new("A.md"), text, &exists, &is_test);
        findings.iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn links_must_lead_somewhere() {
        assert_eq!(lines("[a](README.md) [b](docs/a.md#part) [c](https://x.y/z) [d](#e)"), [0; 0]);
        assert_eq!(lines("[a](README.md) [b](docs/b.md)"), [1]);
    }

    #[test]
    fn named_files_must_exist() {
        assert_eq!(lines("see `docs/a.md`, `docs/adr/NNNN title`, `a/b` and `lib.rs`"), [0; 0]);
        assert_eq!(lines("\nsee `docs/b.md`"), [2]);
    }

    #[test]
    fn an_invariant_names_tests_that_exist() {
        assert_eq!(lines("Enforced by: `it_holds` and `cargo xtask lint`.\n\n`anything`"), [0; 0]);
        assert_eq!(lines("Enforced by: `it_holds`,\n  `it_fails`."), [2]);
    }
}
