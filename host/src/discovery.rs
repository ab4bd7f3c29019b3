//! Finds the files of the configured plugins and reads what they say about themselves.
//!
//! Configuration is the list of what may load: nothing loads because it lies in a folder. A name
//! is looked for in the plugin directories only, never in the working directory or on the loader's
//! path. Where a file is found and cannot be loaded, its error is reported; no other is tried.

use std::collections::BTreeMap;
use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use ratchet_plugin_api::manifest::Manifest;

use crate::config::settings::HOST;
use crate::config::{Configuration, PluginEntry, Settings, plugin_name};
use crate::diagnostic::Diagnostic;
use crate::manifest;

/// What is installed of what is configured.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    /// The plugins that were found, enabled or not, in the order of configuration.
    pub plugins: Vec<Installed>,
    /// Default plugins that are not installed.
    pub unavailable: Vec<PluginEntry>,
    /// Refused files, plugins the user named that are not there, duplicate ids.
    pub problems: Vec<Diagnostic>,
    /// What is odd about plugins that are not refused.
    pub warnings: Vec<Diagnostic>,
}

/// A plugin whose manifest was read.
#[derive(Clone, Debug)]
pub struct Installed {
    /// What the configuration says about it.
    pub entry: PluginEntry,
    /// What it says about itself.
    pub manifest: Manifest,
    /// Its file.
    pub file: PathBuf,
    /// Device and inode of the file whose manifest was read.
    pub identity: (u64, u64),
}

impl Catalogue {
    /// The plugin with this id or name.
    pub fn get(&self, name: &str) -> Option<&Installed> {
        let short = plugin_name(name);
        self.plugins.iter().find(|plugin| plugin.manifest.id == name || plugin.entry.name == short)
    }

    /// The plugins that may be loaded.
    pub fn enabled(&self) -> impl Iterator<Item = &Installed> {
        self.plugins.iter().filter(|plugin| plugin.entry.settings.enabled)
    }

    fn refuse_duplicates(&mut self) {
        let mut first: BTreeMap<&str, &Installed> = BTreeMap::new();
        for plugin in self.plugins.iter().filter(|plugin| plugin.entry.settings.enabled) {
            if let Some(other) = first.insert(&plugin.manifest.id, plugin) {
                self.problems.push(
                    Diagnostic::error(format!("there are two plugins `{}`", plugin.manifest.id))
                        .file(&plugin.file)
                        .at(&plugin.entry.origin, plugin.entry.key())
                        .note(format!("the other: {}", other.file.display()))
                        .note(format!("   ({}, {})", other.entry.origin, other.entry.key()))
                        .help("remove one of them, or set `enabled: false` on it"),
                );
            }
        }
    }

    fn refuse_commands_of_others(&mut self) {
        let own = HOST.commands.iter().map(|command| (command.name.as_str(), HOST.id.as_str()));
        let mut first: BTreeMap<&str, &str> = own.collect();
        for plugin in self.plugins.iter().filter(|plugin| plugin.entry.settings.enabled) {
            let id = plugin.manifest.id.as_str();
            for command in &plugin.manifest.commands {
                match first.get(command.name.as_str()) {
                    Some(other) if *other != id => self.problems.push(
                        Diagnostic::error(format!(
                            "plugin `{id}` declares the command `{}`, which `{other}` has",
                            command.name
                        ))
                        .file(&plugin.file)
                        .at(&plugin.entry.origin, plugin.entry.key())
                        .help("set `enabled: false` on one of them"),
                    ),
                    _ => drop(first.insert(&command.name, id)),
                }
            }
        }
    }

    fn warn_of_reserved_ids(&mut self) {
        let own = own_directories();
        for plugin in &self.plugins {
            let id = &plugin.manifest.id;
            let inside =
                plugin.file.parent().is_some_and(|folder| own.iter().any(|own| own == folder));
            if id.starts_with("ratchet.") && !inside {
                self.warnings.push(
                    Diagnostic::warning(format!(
                        "plugin `{id}` bears a name kept for Ratchet's own"
                    ))
                    .file(&plugin.file)
                    .at(&plugin.entry.origin, plugin.entry.key())
                    .help("a plugin of your own should be called by your name, not `ratchet.…`"),
                );
            }
        }
    }
}

/// Reads the manifests of all configured plugins; runs no code of theirs.
pub fn catalogue(configuration: &Configuration) -> Catalogue {
    let mut catalogue = Catalogue::default();
    let mut finder = Finder { directories: directories(&configuration.settings), scanned: None };
    for entry in &configuration.plugins {
        match finder.find(entry) {
            Ok(Some((file, manifest, identity))) => {
                let entry = entry.clone();
                catalogue.plugins.push(Installed { entry, manifest, file, identity });
            }
            Ok(None) if entry.users && entry.settings.enabled => {
                catalogue.problems.push(finder.absent(entry));
            }
            Ok(None) => catalogue.unavailable.push(entry.clone()),
            Err(refusal) if entry.settings.enabled => {
                catalogue.problems.push(refusal.at(&entry.origin, entry.key()));
            }
            Err(_) => catalogue.unavailable.push(entry.clone()),
        }
    }
    catalogue.refuse_duplicates();
    catalogue.refuse_commands_of_others();
    catalogue.warn_of_reserved_ids();
    catalogue
}

/// The plugins in the plugin directories that configuration does not name.
pub fn others(configuration: &Configuration, catalogue: &Catalogue) -> Vec<(PathBuf, Manifest)> {
    let known = |file: &Path| catalogue.plugins.iter().any(|plugin| plugin.file == file);
    let mut others = scan(&directories(&configuration.settings));
    others.retain(|(file, manifest, _)| !known(file) && catalogue.get(&manifest.id).is_none());
    others.into_iter().map(|(file, manifest, _)| (file, manifest)).collect()
}

/// Where plugins given by name are looked for.
pub fn directories(settings: &Settings) -> Vec<PathBuf> {
    match &settings.plugin_dirs {
        Some(folders) => folders.iter().map(PathBuf::from).collect(),
        None => own_directories(),
    }
}

/// The host's own plugin directory.
pub(crate) fn own_directory() -> PathBuf {
    let directories = own_directories();
    let present = directories.iter().find(|folder| folder.is_dir()).cloned();
    present.unwrap_or_default()
}

/// Where an installation has its plugins, and where a build leaves them.
fn own_directories() -> Vec<PathBuf> {
    let program = std::env::current_exe().and_then(|program| program.canonicalize());
    let Ok(folder) = program.map(|program| program.parent().map(Path::to_owned)) else {
        return Vec::new();
    };
    let folder = folder.unwrap_or_default();
    let installed = folder.parent().unwrap_or(&folder).join("lib/ratchet");
    vec![installed, folder]
}

type Found = (PathBuf, Manifest, (u64, u64));

struct Finder {
    directories: Vec<PathBuf>,
    scanned: Option<Vec<Found>>,
}

impl Finder {
    fn find(&mut self, entry: &PluginEntry) -> Result<Option<Found>, Diagnostic> {
        if let Some(path) = &entry.settings.path {
            return open(Path::new(path)).map(Some);
        }
        for folder in &self.directories {
            for file in file_names(&entry.name).map(|name| folder.join(name)) {
                if file.exists() {
                    let found = open(&file)?;
                    if is_called(&found.1, &entry.name) {
                        return Ok(Some(found));
                    }
                }
            }
        }
        // Ratchet's own plugins are in files of their names, so only others are searched for.
        if !entry.users {
            return Ok(None);
        }
        let scanned = self.scanned.get_or_insert_with(|| scan(&self.directories));
        Ok(scanned.iter().find(|(_, manifest, _)| is_called(manifest, &entry.name)).cloned())
    }

    fn absent(&self, entry: &PluginEntry) -> Diagnostic {
        let mut diagnostic = Diagnostic::error(format!("plugin `{}` is not installed", entry.name))
            .at(&entry.origin, entry.key());
        for folder in &self.directories {
            diagnostic = diagnostic.note(format!("looked in {}", folder.display()));
        }
        diagnostic.help("install it there, give its `path`, or set `enabled: false`")
    }
}

/// The names under which the plugin's file may be found.
fn file_names(name: &str) -> impl Iterator<Item = String> {
    let stem = name.replace(['.', '-'], "_");
    ["ratchet_", ""]
        .into_iter()
        .map(move |vendor| format!("{DLL_PREFIX}{vendor}{stem}{DLL_SUFFIX}"))
}

fn is_called(manifest: &Manifest, name: &str) -> bool {
    manifest.id == name || plugin_name(&manifest.id) == name
}

/// Opens the file once: what is read and what is identified is the same file.
fn open(path: &Path) -> Result<Found, Diagnostic> {
    let unreadable = |error: std::io::Error| {
        Diagnostic::error(format!("the plugin's file cannot be read: {error}"))
            .file(path)
            .help("give the path of its shared library, or its name to have it looked for")
    };
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    let manifest = manifest::read(&file, path)?;
    Ok((path.to_owned(), manifest, (metadata.dev(), metadata.ino())))
}

/// All plugins in these directories that can be loaded.
fn scan(directories: &[PathBuf]) -> Vec<Found> {
    let mut files = Vec::new();
    for folder in directories {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut libraries: Vec<PathBuf> = entries
            .map(|entry| entry.path())
            .filter(|path| path.to_string_lossy().ends_with(DLL_SUFFIX))
            .collect();
        libraries.sort();
        files.extend(libraries);
    }
    files.iter().filter_map(|file| open(file).ok()).collect()
}
