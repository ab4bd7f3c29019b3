//! `ratchet.registry.fs`: takes tasks from folders and ZIP archives.
//!
//! `specs` says what the sources are, `source` reads one and brings the store up to date with it,
//! `keeper` does so whenever one changes while a server runs, and `command` is the shell's side:
//! `ratchet repo`. What a task is and how it is found is in `ratchet_taskdir`.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod command;
mod config;
mod keeper;
mod place;
mod repository;
mod source;
mod specs;
#[cfg(test)]
mod tests;
mod watch;

use std::sync::Arc;

use ratchet_plugin_api::services::TaskSource;
use ratchet_plugin_api::{Context, Plugin, Provided, Result, plugin};
use serde::Deserialize;

use command::{
    RepoAdd, RepoInit, RepoList, RepoRefreshMetadata, RepoRemove, RepoStatus, RepoSync, RepoVerify,
};
use config::Config;
use source::Source;
use specs::Configured;

/// The plugin: the sources of the configuration.
pub(crate) struct RegistryFs {
    context: Context,
    /// All of them, whoever reads them.
    configured: Vec<Configured>,
    /// Those that are read here.
    sources: Vec<Arc<Source>>,
    _provided: Vec<Provided>,
}

/// What the host says of the command it runs.
#[derive(Deserialize)]
struct Running {
    serves: bool,
}

impl Plugin for RegistryFs {
    type Config = Config;

    async fn start(context: Context, config: Config) -> Result<Self> {
        let configured = specs::of_configuration(&config.registry)?;
        let own = configured.iter().filter(|source| source.enabled);
        let sources: Vec<Arc<Source>> = own
            .filter_map(|source| source.disk.clone())
            .map(|spec| Arc::new(Source::new(spec, &context)))
            .collect();
        let offer = |source: &Arc<Source>| {
            let provider = Arc::clone(source) as Arc<dyn TaskSource>;
            context.provide::<dyn TaskSource>(source.name(), provider)
        };
        let provided = sources.iter().map(offer).collect::<Result<Vec<_>>>()?;
        // A host that does not tell runs one command and ends.
        let running = context.query("command", "").ok();
        let running = running.and_then(|text| serde_json::from_str::<Running>(&text).ok());
        if running.is_some_and(|running| running.serves) {
            let keeping = keeper::keep(context.clone(), configured.clone(), sources.clone());
            drop(context.spawn(keeping));
        }
        Ok(Self { context, configured, sources, _provided: provided })
    }
}

plugin! {
    id: "ratchet.registry.fs",
    summary: "Takes tasks from folders and ZIP archives, and keeps repositories of them",
    plugin: RegistryFs,
    provides: [later TaskSource],
    commands: [
        RepoInit, RepoRefreshMetadata, RepoStatus, RepoVerify, RepoAdd, RepoList, RepoRemove,
        RepoSync,
    ],
}
