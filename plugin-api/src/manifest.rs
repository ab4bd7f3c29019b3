//! What a plugin says about itself without being run.
//!
//! The manifest is a JSON object in a section of the plugin's file called [`SECTION`], written
//! there by the compiler. The host reads it from the file; no code of the plugin is involved.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::service::Cardinality;

/// The ELF section that holds the manifest.
pub const SECTION: &str = ".ratchet";

/// The version of this crate that a plugin was built against, which is the api version.
pub const API_VERSION: &str = env!("CARGO_PKG_VERSION");

/// The platform this crate was compiled for, such as `x86_64-unknown-linux-gnu`.
pub const TARGET: &str = env!("RATCHET_TARGET");

/// The compiler this crate was compiled with; for information only.
pub const COMPILER: &str = env!("RATCHET_RUSTC");

/// A plugin's manifest. Keys that are unknown to a host are ignored, so a manifest may grow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Such as `ratchet.output.file` or `acme.output.s3`.
    pub id: String,
    /// The plugin's own version.
    pub version: String,
    /// The version of the plugin api it was built against.
    pub api: String,
    /// The platform it was built for.
    pub target: String,
    /// How it panics; must be `unwind`.
    pub panic: String,
    /// The compiler that built it; never compared.
    #[serde(default)]
    pub compiler: String,
    /// What it is for, in a few words.
    #[serde(default)]
    pub summary: String,
    /// Services it offers.
    #[serde(default)]
    pub provides: Vec<Provision>,
    /// Services without which it cannot start.
    #[serde(default)]
    pub requires: Vec<Requirement>,
    /// Services it uses when they are there.
    #[serde(default)]
    pub wants: Vec<Requirement>,
    /// Shell commands it adds.
    #[serde(default)]
    pub commands: Vec<CommandManifest>,
    /// Calls one instance can answer at once; absent means any number. It matters where instances
    /// are placed in processes of their own.
    #[serde(default)]
    pub concurrency: Option<u32>,
    /// The JSON Schema of its configuration.
    #[serde(default)]
    pub config: serde_json::Value,
}

/// A service that a plugin offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provision {
    /// The contract.
    pub service: String,
    /// Its version, `major.minor`.
    pub version: String,
    /// The name that tells it from other providers; empty for a contract that has only one.
    #[serde(default)]
    pub instance: String,
    /// How many providers the contract allows.
    pub cardinality: Cardinality,
}

/// A service that a plugin needs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Requirement {
    /// The contract.
    pub service: String,
    /// Its version, `major.minor`.
    pub version: String,
}

/// A shell command that a plugin adds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CommandManifest {
    /// Its words, such as `run-once` or `repo init`.
    pub name: String,
    /// What it does, in one line.
    pub summary: String,
    /// Services it needs beyond those its plugin requires.
    #[serde(default)]
    pub needs: Vec<Requirement>,
    /// Whether it runs until it is told to stop, with every configured plugin loaded.
    #[serde(default)]
    pub serves: bool,
    /// The JSON Schema of its arguments: an object whose keys are the long options.
    #[serde(default)]
    pub arguments: serde_json::Value,
}

impl Provision {
    /// The major of its version: providers and consumers of one major understand each other.
    pub fn major(&self) -> u16 {
        major_of(&self.version)
    }
}

impl Requirement {
    /// The major of its version.
    pub fn major(&self) -> u16 {
        major_of(&self.version)
    }
}

/// The major of a version such as `1.4`; of what is no version, one that nobody has.
fn major_of(version: &str) -> u16 {
    version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or(u16::MAX)
}

impl Manifest {
    /// The manifest in these bytes.
    ///
    /// # Errors
    /// `Invalid`, naming the missing key or the place of the fault.
    pub fn parse(bytes: &[u8]) -> crate::Result<Self> {
        let text = bytes.trim_ascii_end();
        let text = text.strip_suffix(b"\0").unwrap_or(text);
        serde_json::from_slice(text)
            .map_err(|error| crate::Error::invalid(format!("the manifest is damaged: {error}")))
    }

    /// The sections of the whole configuration that belong to this plugin, with their schemas, by
    /// path (`server.database`).
    pub fn sections(&self) -> BTreeMap<String, &serde_json::Value> {
        let mut sections = BTreeMap::new();
        if let Some(properties) = self.config.get("properties").and_then(|map| map.as_object()) {
            for schema in properties.values() {
                if let Some(path) = schema.get("x-section").and_then(|path| path.as_str()) {
                    sections.insert(path.to_owned(), schema);
                }
            }
        }
        sections
    }
}
