//! From what configuration and store say of sources to what is read and kept.

use std::path::PathBuf;
use std::time::Duration;

use ratchet_plugin_api::model::{Json, Repository, RepositorySpec};
use ratchet_plugin_api::{Code, Error, Result};
use ratchet_taskdir::Patterns;
use serde::{Deserialize, Serialize};

use crate::config::{FilesystemSettings, Registry, SourceConfig, SourceType, seconds};
use crate::place::{Place, without_password};
use crate::source::SourceSpec;

/// A source of the configuration.
#[derive(Clone, Debug)]
pub(crate) struct Configured {
    /// What it is called.
    pub(crate) name: String,
    /// Where it is, without any password.
    pub(crate) uri: String,
    /// What kind it is.
    pub(crate) kind: &'static str,
    /// Whether tasks are taken from it.
    pub(crate) enabled: bool,
    /// How it is read, if it is on the file system.
    pub(crate) disk: Option<SourceSpec>,
    /// How it is kept among repositories.
    pub(crate) repository: RepositorySpec,
}

/// What is kept of a source on the file system besides what all repositories have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Settings {
    pub(crate) include_patterns: Vec<String>,
    pub(crate) exclude_patterns: Vec<String>,
    pub(crate) follow_symlinks: bool,
}

impl From<&FilesystemSettings> for Settings {
    fn from(from: &FilesystemSettings) -> Self {
        Self {
            include_patterns: from.include_patterns.clone(),
            exclude_patterns: from.exclude_patterns.clone(),
            follow_symlinks: from.follow_symlinks,
        }
    }
}

/// All sources of the configuration.
///
/// # Errors
/// `Configuration`, naming the key.
pub(crate) fn of_configuration(registry: &Registry) -> Result<Vec<Configured>> {
    registry.check()?;
    let default_poll =
        seconds(registry.default_polling_interval, "registry.default_polling_interval")?;
    let all = registry.sources.iter().enumerate();
    all.map(|(index, source)| configured(source, index, default_poll)).collect()
}

fn configured(
    source: &SourceConfig,
    index: usize,
    default_poll: Option<Duration>,
) -> Result<Configured> {
    let key = format!("registry.sources[{index}]");
    let place = Place::read(&source.uri, source.source_type)
        .map_err(|error| Error::new(error.code, format!("{key}.uri: {}", error.message)))?;
    let poll = seconds(source.polling_interval, &format!("{key}.polling_interval"))?;
    let (watch, poll) = (source.watch(), poll.or(default_poll));
    let kind = place.kind();
    let settings = Settings::from(&source.config.filesystem);
    let disk = match place {
        Place::Disk(path) => {
            let key = format!("{key}.config.filesystem");
            let within = Within { name: &source.name, uri: &source.uri, watch, poll };
            Some(disk(within, path, &settings, &key)?)
        }
        Place::Elsewhere(_) => None,
    };
    let uri = without_password(&source.uri);
    let repository = RepositorySpec {
        name: source.name.clone(),
        kind: kind.to_owned(),
        uri: uri.clone(),
        branch: None,
        enabled: source.enabled,
        watch,
        poll_ms: poll.map(|poll| u64::try_from(poll.as_millis()).unwrap_or(u64::MAX)),
        auth: None,
        writable: false,
        settings: if disk.is_some() { Json::of(&settings)? } else { Json::from_trusted("{}") },
    };
    let (name, enabled) = (source.name.clone(), source.enabled);
    Ok(Configured { name, uri, kind, enabled, disk, repository })
}

/// What is said of a source wherever it is.
struct Within<'a> {
    name: &'a str,
    uri: &'a str,
    watch: bool,
    poll: Option<Duration>,
}

fn disk(within: Within<'_>, path: PathBuf, settings: &Settings, key: &str) -> Result<SourceSpec> {
    let Within { name, uri, watch, poll } = within;
    let patterns = Patterns::new(&settings.include_patterns, &settings.exclude_patterns, key)?;
    let follow_symlinks = settings.follow_symlinks;
    let (name, uri) = (name.to_owned(), uri.to_owned());
    Ok(SourceSpec { name, uri, path, patterns, follow_symlinks, watch, poll })
}

/// How a repository that was added is read; none if it is not on the file system.
///
/// # Errors
/// `Configuration` when it cannot be read as it says.
pub(crate) fn of_repository(repository: &Repository) -> Result<Option<SourceSpec>> {
    let spec = &repository.spec;
    if spec.kind != SourceType::Filesystem.as_str() {
        return Ok(None);
    }
    let Place::Disk(path) = Place::read(&spec.uri, Some(SourceType::Filesystem))? else {
        return Ok(None);
    };
    let settings: Option<Settings> = spec.settings.to().map_err(|error| {
        let message = format!("the settings of the repository `{}` are none: {error}", spec.name);
        Error::new(Code::Configuration, message)
    })?;
    let poll = spec.poll_ms.map(Duration::from_millis);
    let within = Within { name: &spec.name, uri: &spec.uri, watch: spec.watch, poll };
    let key = format!("repository `{}`", spec.name);
    disk(within, path, &settings.unwrap_or_default(), &key).map(Some)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_source_takes_what_it_says_and_else_the_defaults() {
        let registry: Registry = serde_json::from_value(json!({
            "default_polling_interval": 60,
            "sources": [
                {"name": "a", "uri": "file://./tasks", "config": {"watch": false}},
                {"name": "b", "uri": "/srv/b", "polling_interval": 0.5, "config": {"filesystem":
                    {"exclude_patterns": ["x"], "follow_symlinks": true}}},
                {"name": "c", "uri": "https://u:p@github.com/a/b", "enabled": false},
            ],
        }))
        .unwrap();
        let [a, b, c]: [Configured; 3] = of_configuration(&registry).unwrap().try_into().unwrap();
        let disk = a.disk.unwrap();
        assert_eq!((disk.path, disk.watch), (PathBuf::from("./tasks"), false));
        assert_eq!(disk.poll, Some(Duration::from_secs(60)));
        let disk = b.disk.unwrap();
        assert_eq!((disk.poll, disk.watch), (Some(Duration::from_millis(500)), true));
        assert!(disk.follow_symlinks && !disk.patterns.takes("x/y"));
        let kept: Settings = b.repository.settings.to().unwrap();
        assert_eq!(kept.exclude_patterns, ["x"]);
        assert!(c.disk.is_none() && !c.enabled && c.kind == "git");
        assert_eq!(c.repository.uri, "https://github.com/a/b");
    }

    #[test]
    fn a_uri_and_a_pattern_that_are_none_are_named() {
        for (source, expected) in [
            (json!({"name": "a", "uri": "gopher://a"}), "registry.sources[0].uri: `gopher://a`"),
            (
                json!({"name": "a", "uri": "a",
                       "config": {"filesystem": {"include_patterns": ["["]}}}),
                "registry.sources[0].config.filesystem.include_patterns has `[`",
            ),
        ] {
            let registry = serde_json::from_value(json!({"sources": [source]})).unwrap();
            let error = of_configuration(&registry).unwrap_err();
            assert_eq!(error.code, Code::Configuration);
            assert!(error.message.starts_with(expected), "{error}");
        }
    }
}
