//! Ratchet's own side: a build of it, a configuration for each measurement, and its commands.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::failure::{Failure, Result, While};
use crate::process;
use crate::project::{HOST, Project};

use super::options::Options;
use super::peers::measurements;

/// The plugin that measures from within.
const FIXTURE: &str = "ratchet-fixture-bench";

/// What was built.
pub(super) struct Machine {
    pub(super) ratchet: PathBuf,
    plugin: PathBuf,
}

/// Builds the host, all plugins, and the one that measures; or takes the build that is named.
///
/// # Errors
/// When they cannot be built, or are not where they were said to be.
pub(super) fn build(project: &Project, options: &Options) -> Result<Machine> {
    let folder = match &options.built {
        Some(folder) => {
            let folder = folder.canonicalize();
            folder.while_doing("`--built` names no folder")?
        }
        None => {
            let mut build = process::cargo(&project.root);
            build.args(["build", "--release", "--package", HOST, "--package", FIXTURE]);
            for plugin in project.plugins() {
                build.args(["--package", &plugin.name]);
            }
            process::run(&mut build)?;
            project.artifacts(true)
        }
    };
    let plugin = folder.join(format!("lib{}.so", FIXTURE.replace('-', "_")));
    let machine = Machine { ratchet: folder.join("ratchet"), plugin };
    for file in [&machine.ratchet, &machine.plugin] {
        if !file.is_file() {
            return Err(Failure::new(format!("{} is not there", file.display())));
        }
    }
    Ok(machine)
}

/// How one instance is set up.
pub(super) struct Setup<'a> {
    /// Where its configuration is kept.
    pub(super) folder: &'a Path,
    /// The database.
    pub(super) url: &'a str,
    /// What SQLite does at the end of a transaction.
    pub(super) synchronous: &'a str,
    /// Jobs it runs at the same time; one for each processor if absent.
    pub(super) workers: Option<u32>,
    /// Whether the plugin that measures is part of it.
    pub(super) measures: bool,
}

impl Machine {
    /// Ratchet with this configuration.
    ///
    /// # Errors
    /// When that cannot be written.
    pub(super) fn set_up(&self, setup: &Setup<'_>) -> Result<Instance> {
        let mut configuration = json!({
            "logging": { "level": "warn" },
            "server": {
                "database": {
                    "url": setup.url,
                    "sqlite": { "synchronous": setup.synchronous },
                },
                "job_queue": { "max_queue_size": 0 },
            },
        });
        if let Some(workers) = setup.workers {
            configuration["server"]["workers"] = json!({ "worker_count": workers });
        }
        let mut name = "serve.yaml";
        if setup.measures {
            name = "bench.yaml";
            let plugin = json!({ "name": "acme.fixture.bench", "path": self.plugin });
            configuration["plugins"] = json!([plugin]);
        }
        let path = setup.folder.join(name);
        // JSON is YAML too.
        fs::write(&path, configuration.to_string()).while_doing("writing a configuration")?;
        Ok(Instance { ratchet: self.ratchet.clone(), configuration: path })
    }
}

/// Ratchet with a configuration.
pub(super) struct Instance {
    ratchet: PathBuf,
    configuration: PathBuf,
}

impl Instance {
    /// `ratchet ARGUMENTS…`
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.ratchet);
        command.arg("--config").arg(&self.configuration).args(arguments);
        command
    }

    /// Runs a command to its end, within so many seconds.
    ///
    /// # Errors
    /// When it fails or takes too long.
    pub(super) fn run(&self, arguments: &[&str], limit: u64) -> Result<String> {
        let mut command = Command::new("timeout");
        command.args(["--kill-after=5", &limit.to_string()]).arg(&self.ratchet);
        command.arg("--config").arg(&self.configuration).args(arguments);
        process::read(&mut command)
    }

    /// Runs a command that measures.
    ///
    /// # Errors
    /// When it fails, takes too long, or its delivery was not exact.
    pub(super) fn measure(&self, arguments: &[&str], limit: u64) -> Result<Vec<Value>> {
        measurements(&self.run(arguments, limit)?)
    }
}
