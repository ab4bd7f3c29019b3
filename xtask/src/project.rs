//! What Cargo knows about this workspace.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::failure::{Failure, Result, While};
use crate::process;

/// The package that builds the `ratchet` binary.
pub(crate) const HOST: &str = "ratchet-host";

/// The workspace.
pub(crate) struct Project {
    pub(crate) root: PathBuf,
    /// Where everything is built, tests' plugins included.
    pub(crate) target: PathBuf,
    pub(crate) version: String,
    pub(crate) packages: Vec<Package>,
}

/// One crate of the workspace.
#[derive(Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// Relative to the root.
    pub(crate) folder: PathBuf,
    pub(crate) dependencies: Vec<Dependency>,
    /// Of its library: `cdylib`, `lib`, `proc-macro`; empty for a package without one.
    pub(crate) library_kinds: Vec<String>,
    /// Shell commands it adds: `package.metadata.ratchet.commands` of its Cargo.toml.
    pub(crate) commands: Vec<String>,
    /// The plugins these commands need besides: `package.metadata.ratchet.needs`.
    pub(crate) needs: Vec<String>,
}

/// What one crate asks of another.
#[derive(Debug)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// `None` for what is compiled into it, else `dev` or `build`.
    pub(crate) kind: Option<String>,
    /// Whether it is a crate of this repository.
    pub(crate) local: bool,
}

impl Package {
    /// The name people call a plugin by: that of its folder, such as `js-boa`.
    pub(crate) fn short_name(&self) -> &str {
        self.folder.file_name().and_then(|name| name.to_str()).unwrap_or(&self.name)
    }

    pub(crate) fn is_plugin(&self) -> bool {
        self.folder.starts_with("plugins")
    }

    /// The file name of its shared library.
    pub(crate) fn library(&self) -> String {
        format!("lib{}.so", self.name.replace('-', "_"))
    }
}

impl Project {
    /// Reads the workspace that this program is part of.
    ///
    /// # Errors
    /// When Cargo cannot read it.
    pub(crate) fn load() -> Result<Self> {
        let folder = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let mut cargo = process::cargo(&folder);
        cargo.args(["metadata", "--no-deps", "--format-version", "1"]);
        let text = process::read(&mut cargo)?;
        let metadata = serde_json::from_str(&text).while_doing("`cargo metadata` is not JSON")?;
        Self::from_metadata(&metadata)
            .ok_or_else(|| Failure::new("`cargo metadata` is not of the known form"))
    }

    fn from_metadata(metadata: &Value) -> Option<Self> {
        let root = PathBuf::from(metadata["workspace_root"].as_str()?);
        let packages = metadata["packages"]
            .as_array()?
            .iter()
            .map(|package| Package::from_metadata(package, &root))
            .collect::<Option<Vec<_>>>()?;
        let host = metadata["packages"].as_array()?.iter().find(|package| package["name"] == HOST);
        Some(Self {
            target: PathBuf::from(metadata["target_directory"].as_str()?),
            version: host?["version"].as_str()?.to_owned(),
            root,
            packages,
        })
    }

    pub(crate) fn plugins(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| package.is_plugin())
    }

    /// The plugin with this name, short (`js-boa`) or full (`ratchet-js-boa`).
    ///
    /// # Errors
    /// When there is none; the message lists those there are.
    pub(crate) fn plugin(&self, name: &str) -> Result<&Package> {
        self.plugins().find(|plugin| plugin.name == name || plugin.short_name() == name).ok_or_else(
            || {
                let known: Vec<_> = self.plugins().map(Package::short_name).collect();
                Failure::usage(format!("no plugin `{name}`; there are {}", known.join(", ")))
            },
        )
    }

    /// Where Cargo puts what it builds in this profile.
    pub(crate) fn artifacts(&self, release: bool) -> PathBuf {
        self.target.join(if release { "release" } else { "debug" })
    }

    /// `path` relative to the root, for messages.
    pub(crate) fn relative<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }
}

impl Package {
    fn from_metadata(package: &Value, root: &Path) -> Option<Self> {
        let manifest = Path::new(package["manifest_path"].as_str()?);
        let words = |value: &Value| {
            let words = value.as_array().map(Vec::as_slice).unwrap_or_default();
            words.iter().filter_map(|word| word.as_str().map(str::to_owned)).collect::<Vec<_>>()
        };
        let library = package["targets"].as_array()?.iter().find(|target| {
            words(&target["kind"]).iter().any(|kind| kind.ends_with("lib") || kind == "proc-macro")
        });
        let dependencies = package["dependencies"].as_array()?.iter().map(|dependency| {
            Some(Dependency {
                name: dependency["name"].as_str()?.to_owned(),
                kind: dependency["kind"].as_str().map(str::to_owned),
                local: dependency["path"].is_string(),
            })
        });
        Some(Self {
            name: package["name"].as_str()?.to_owned(),
            folder: manifest.parent()?.strip_prefix(root).ok()?.to_owned(),
            dependencies: dependencies.collect::<Option<_>>()?,
            library_kinds: library.map(|target| words(&target["kind"])).unwrap_or_default(),
            commands: words(&package["metadata"]["ratchet"]["commands"]),
            needs: words(&package["metadata"]["ratchet"]["needs"]),
        })
    }
}
