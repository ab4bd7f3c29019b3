//! A host with chosen plugins, for tests.

#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::atomic::AtomicU8;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ratchet_host::config::settings::{Placement, PluginSettings, Settings};
use ratchet_host::diagnostic::Diagnostic;
use ratchet_host::lifecycle::{Outlets, Purpose, Running};
use ratchet_host::manifest;
use ratchet_host::plan::{Plan, Planned};
use ratchet_plugin_api::abi::LogRecord;
use ratchet_plugin_api::model::{Delivery, Id, Json, RunSummary, Timestamp};
use ratchet_plugin_api::raw::Remote;
use ratchet_plugin_api::services::OutputSink;
use ratchet_plugin_api::{Result, Service};
use serde_json::{Value, json};

/// The folder that holds what this build made.
pub(crate) fn target_directory() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own file");
    test.ancestors().nth(2).expect("a test is in `deps`").to_owned()
}

/// The shared library of a package of this workspace.
pub(crate) fn library(package: &str) -> PathBuf {
    let file = target_directory().join(format!("lib{}.so", package.replace('-', "_")));
    assert!(
        file.exists(),
        "{} is missing: tests need the plugins, and `cargo xtask test` builds them first",
        file.display()
    );
    file
}

/// A plugin of this workspace with an empty configuration, in the host's process.
pub(crate) fn planned(package: &str) -> Planned {
    planned_file(library(package))
}

/// The plugin in `path`.
pub(crate) fn planned_file(path: PathBuf) -> Planned {
    let file = File::open(&path).expect("it is there");
    let manifest = manifest::read(&file, &path).expect("its manifest is sound");
    let metadata = file.metadata().expect("it is open");
    Planned {
        name: manifest.id.clone(),
        manifest,
        file: path,
        identity: (metadata.dev(), metadata.ino()),
        settings: PluginSettings { memory_mb: 256, ..PluginSettings::default() },
        config: json!({}),
        level: 0,
        bindings: Default::default(),
    }
}

/// The same plugin in processes of its own.
pub(crate) fn elsewhere(mut plugin: Planned, replicas: u16) -> Planned {
    plugin.settings.placement = Placement::Process;
    plugin.settings.replicas = replicas;
    plugin
}

/// The same plugin with a configuration.
pub(crate) fn configured(mut plugin: Planned, config: Value) -> Planned {
    plugin.config = config;
    plugin
}

/// Everything that was logged.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<LogRecord>>>);

impl Log {
    /// How many events have `text` in their message.
    pub(crate) fn count(&self, text: &str) -> usize {
        self.0.lock().unwrap().iter().filter(|record| record.message.contains(text)).count()
    }
}

static GATE: AtomicU8 = AtomicU8::new(5);

/// Starts a host with these plugins.
pub(crate) async fn start(plugins: Vec<Planned>) -> Result<(Running, Log), Vec<Diagnostic>> {
    start_with(plugins, Settings::default()).await
}

/// Starts a host with these plugins, whose workers are replaced after so many calls.
pub(crate) async fn start_recycled(
    plugins: Vec<Planned>,
    recycle_calls: u32,
) -> Result<(Running, Log), Vec<Diagnostic>> {
    let recycled = |mut plugin: Planned| {
        plugin.settings.recycle_calls = recycle_calls;
        plugin
    };
    start(plugins.into_iter().map(recycled).collect()).await
}

/// Starts a host with these plugins and settings.
pub(crate) async fn start_with(
    plugins: Vec<Planned>,
    settings: Settings,
) -> Result<(Running, Log), Vec<Diagnostic>> {
    let plan = Plan { plugins, warnings: Vec::new() };
    let log = Log::default();
    let sink = log.clone();
    let outlets = Outlets {
        log: Arc::new(move |record| sink.0.lock().unwrap().push(record)),
        log_gate: &GATE,
        program: env!("CARGO_BIN_EXE_ratchet").into(),
        purpose: Purpose::default(),
    };
    let running = Running::start(&plan, &settings, outlets).await?;
    Ok((running, log))
}

/// The sink called `instance`.
pub(crate) fn sink(running: &Running, instance: &str) -> Result<Arc<dyn OutputSink>> {
    let declared = <dyn OutputSink as Service>::DECLARATION;
    let binding = running.registry().bind(declared.id, declared.major, Some(instance))?;
    Ok(<dyn OutputSink as Service>::client(Remote::new(binding.service)))
}

/// A delivery to this target.
pub(crate) fn delivery(target: Value) -> Delivery {
    Delivery {
        id: Id::new(),
        attempt: 1,
        run: RunSummary {
            execution: Id::new(),
            job: None,
            task: Id::new(),
            task_name: "test".into(),
            task_version: "1.0.0".into(),
            succeeded: true,
            finished: Timestamp::now(),
        },
        target: Json::from(target),
        content_type: "application/json".into(),
        body: b"{}".to_vec().into(),
    }
}

/// Long enough for anything that works, short enough to wait for what does not.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
