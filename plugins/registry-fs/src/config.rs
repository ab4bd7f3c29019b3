//! The `registry` section of the configuration: where tasks come from.

use std::collections::BTreeSet;
use std::time::Duration;

use ratchet_plugin_api::{Code, Error, Result, config};

/// The plugin's configuration.
#[config]
pub(crate) struct Config {
    /// Where tasks come from.
    #[section("registry")]
    #[default]
    pub(crate) registry: Registry,
}

/// Where tasks come from.
#[config]
pub(crate) struct Registry {
    /// The sources of tasks.
    #[default]
    pub(crate) sources: Vec<SourceConfig>,
    /// Seconds between looks at a source that says nothing about it itself; none for never, except
    /// where watching is wanted and the system cannot.
    pub(crate) default_polling_interval: Option<f64>,
}

/// A source of tasks.
#[config]
pub(crate) struct SourceConfig {
    /// What it is called; each source has a name of its own.
    pub(crate) name: String,
    /// Where it is: a path, absolute or relative to the working directory, or a `file://` URI of
    /// one, to a folder or a ZIP archive. Other URIs are for other plugins.
    pub(crate) uri: String,
    /// What kind it is; by default what its URI looks like.
    pub(crate) source_type: Option<SourceType>,
    /// Whether tasks are taken from it.
    #[default(true)]
    pub(crate) enabled: bool,
    /// Seconds between looks at it, besides watching it.
    pub(crate) polling_interval: Option<f64>,
    /// How it is read.
    #[default]
    pub(crate) config: SourceSettings,
}

/// The kinds of sources.
#[config]
pub(crate) enum SourceType {
    /// A folder or an archive.
    Filesystem,
    /// A Git repository.
    Git,
    /// An HTTP server.
    Http,
    /// A bucket.
    S3,
}

impl SourceType {
    /// The word used in configuration.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            SourceType::Filesystem => "filesystem",
            SourceType::Git => "git",
            SourceType::Http => "http",
            SourceType::S3 => "s3",
        }
    }
}

/// How a source is read.
#[config]
pub(crate) struct SourceSettings {
    /// Whether a server takes over changes by itself; the same as `filesystem.watch_changes`.
    pub(crate) watch: Option<bool>,
    /// How a folder or an archive is read.
    #[default]
    pub(crate) filesystem: FilesystemSettings,
}

/// How a folder or an archive is read.
#[config]
pub(crate) struct FilesystemSettings {
    /// Whether a server takes over changes by itself.
    #[default(true)]
    pub(crate) watch_changes: bool,
    /// The only paths to take tasks from, relative to the source: `billing/**`, `*-report`. A
    /// pattern that fits a folder means all below it. Empty for everything.
    #[default]
    pub(crate) include_patterns: Vec<String>,
    /// Paths not to take tasks from, written like those in `include_patterns`; this one wins.
    #[default]
    pub(crate) exclude_patterns: Vec<String>,
    /// Whether links are followed wherever they lead. Otherwise links to folders are left alone,
    /// and a task of which a file leads out of the source is not taken.
    #[default(false)]
    pub(crate) follow_symlinks: bool,
}

impl Registry {
    /// Checks what the schema of the configuration cannot say.
    ///
    /// # Errors
    /// `Configuration`, naming the key.
    pub(crate) fn check(&self) -> Result<()> {
        seconds(self.default_polling_interval, "registry.default_polling_interval")?;
        let mut names = BTreeSet::new();
        for (index, source) in self.sources.iter().enumerate() {
            let key = format!("registry.sources[{index}]");
            if source.name.trim().is_empty() {
                let message = format!("{key}.name is empty; give the source a name");
                return Err(Error::new(Code::Configuration, message));
            }
            if !names.insert(&source.name) {
                let message = format!(
                    "{key}.name is `{}`, which is the name of another source already",
                    source.name
                );
                return Err(Error::new(Code::Configuration, message));
            }
            seconds(source.polling_interval, &format!("{key}.polling_interval"))?;
        }
        Ok(())
    }
}

impl SourceConfig {
    /// Whether changes are to be noticed.
    pub(crate) fn watch(&self) -> bool {
        self.config.watch.unwrap_or(self.config.filesystem.watch_changes)
    }
}

/// A positive number of seconds, if there is one.
pub(crate) fn seconds(value: Option<f64>, key: &str) -> Result<Option<Duration>> {
    let Some(value) = value else { return Ok(None) };
    match ratchet_taskdir::duration(value) {
        Some(duration) => Ok(Some(duration)),
        None => {
            let message = format!("{key} is {value}; it is a positive number of seconds");
            Err(Error::new(Code::Configuration, message))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn registry(value: serde_json::Value) -> Registry {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn the_flat_key_and_the_nested_one_both_say_whether_to_watch() {
        let registry = registry(json!({"sources": [
            {"name": "a", "uri": "a"},
            {"name": "b", "uri": "b", "config": {"watch": false}},
            {"name": "c", "uri": "c", "config": {"filesystem": {"watch_changes": false}}},
            {"name": "d", "uri": "d",
             "config": {"watch": true, "filesystem": {"watch_changes": false}}},
        ]}));
        let watch: Vec<bool> = registry.sources.iter().map(SourceConfig::watch).collect();
        assert_eq!(watch, [true, false, false, true]);
        registry.check().unwrap();
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (value, expected) in [
            (json!({"sources": [{"name": " ", "uri": "a"}]}), "registry.sources[0].name is empty"),
            (
                json!({"sources": [{"name": "a", "uri": "a"}, {"name": "a", "uri": "b"}]}),
                "registry.sources[1].name is `a`, which is the name of another",
            ),
            (
                json!({"sources": [{"name": "a", "uri": "a", "polling_interval": 0}]}),
                "registry.sources[0].polling_interval is 0; it is a positive number of seconds",
            ),
            (json!({"default_polling_interval": -1}), "registry.default_polling_interval is -1"),
        ] {
            let error = registry(value).check().unwrap_err();
            assert_eq!(error.code, Code::Configuration);
            assert!(error.message.starts_with(expected), "{error}");
        }
    }
}
