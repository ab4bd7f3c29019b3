//! The host's own keys, declared the way a plugin declares its configuration.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use ratchet_plugin_api::config;
use ratchet_plugin_api::manifest::Manifest;
use ratchet_plugin_api::render::{CommandSource, ManifestSource, length, render};
use ratchet_plugin_api::schema::{Choice, Described, Schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cli::commands;

/// The host's keys of the configuration.
#[config]
pub struct Settings {
    /// Which profile lies under the file: `dev`, `production`, `minimal`, `enterprise` or `claude`.
    pub profile: Option<String>,
    /// Which plugins load: a list whose items are a name (`js-boa`, `ratchet.js.boa`), a path, or
    /// an object with `name` or `path` and more. It is laid over the default list by name.
    #[default]
    pub plugins: BTreeMap<String, PluginSettings>,
    /// Where plugins given by name are looked for, in this order; relative to the file that says
    /// so. Without it: `../lib/ratchet` beside the program's folder, then the program's own folder.
    pub plugin_dirs: Option<Vec<String>>,
    /// Which provider answers for a service, by the service's id: a plugin's name, or
    /// `plugin/instance` where one plugin offers several.
    #[default]
    pub bind: BTreeMap<String, String>,
    /// Whether worker processes need the kernel's confinement.
    #[default(Sandbox::Preferred)]
    pub sandbox: Sandbox,
    /// How plugins start and stop.
    #[default]
    pub lifecycle: Lifecycle,
    /// Which plugin files are trusted.
    #[default]
    pub trust: Trust,
    /// What is logged, how and where.
    #[default]
    pub logging: Logging,
}

/// One plugin of the list.
#[config]
pub struct PluginSettings {
    /// Where its file is, instead of being looked for by name.
    pub path: Option<String>,
    /// Whether it loads.
    #[default(true)]
    pub enabled: bool,
    /// Whether it starts with the host, or when one of its services is first called. A plugin in
    /// processes of its own starts those as they are needed in any case.
    #[default]
    pub start: StartWhen,
    /// Whether it runs in the host's process or in processes of its own.
    #[default]
    pub placement: Placement,
    /// How many processes it runs in at most, up to 256, or 0 for one for each processor; they
    /// start as they are needed. For `placement: process`.
    #[default(1)]
    pub replicas: u16,
    /// Megabytes of memory each of its processes may hold; for `placement: process`.
    #[default(512)]
    pub memory_mb: u32,
    /// Calls after which one of its processes is replaced; 0 for never.
    #[default(0)]
    pub recycle_calls: u32,
    /// Megabytes of resident memory above which one of its processes is replaced between two
    /// calls; 0 for never.
    #[default(0)]
    pub recycle_mb: u32,
    /// Whether a process that ended unasked is replaced; if not, calls fail once none is left. For
    /// `placement: process`.
    #[default(true)]
    pub restart: bool,
    /// Seconds between two questions whether a process still answers; one that leaves three
    /// unanswered is replaced. For `placement: process`.
    #[default(5)]
    pub heartbeat_seconds: u32,
    /// Keys of this entry whose values are taken from elsewhere in the configuration, where they
    /// are set there: `replicas: server.workers.worker_count`. For `replicas`, `restart` and
    /// `heartbeat_seconds`.
    #[default]
    pub from: BTreeMap<String, String>,
    /// Which provider answers this plugin for a service; goes before the general `bind`.
    #[default]
    pub bind: BTreeMap<String, String>,
    /// The plugin's own configuration; `ratchet plugins inspect` shows its keys.
    #[default]
    pub config: Value,
}

/// Where a plugin runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Placement {
    /// In the host's own process.
    #[default]
    InProcess,
    /// In processes of its own.
    Process,
}

/// When a plugin starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StartWhen {
    /// With the host.
    #[default]
    AtOnce,
    /// When one of its services is first called.
    OnDemand,
}

impl Described for StartWhen {
    const SCHEMA: &'static Schema = &Schema::Choice(&[
        Choice { name: "at-once", help: "With the host." },
        Choice { name: "on-demand", help: "When one of its services is first called." },
    ]);
}

impl Placement {
    /// The word used in configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Placement::InProcess => "in-process",
            Placement::Process => "process",
        }
    }
}

impl Described for Placement {
    const SCHEMA: &'static Schema = &Schema::Choice(&[
        Choice { name: "in-process", help: "In the host's own process." },
        Choice { name: "process", help: "In processes of its own, behind a sandbox." },
    ]);
}

/// Whether worker processes need the kernel's confinement.
#[config]
#[derive(Default)]
pub enum Sandbox {
    /// Refuse to start a worker without it.
    Required,
    /// Use what the kernel offers and say what it lacks.
    #[default]
    Preferred,
    /// Do without.
    Off,
}

/// How plugins start and stop.
#[config]
pub struct Lifecycle {
    /// How long a plugin may take to start, in seconds.
    #[default(30)]
    pub start_timeout: u32,
    /// How long a plugin may take to stop, in seconds; then it is abandoned and named.
    #[default(10)]
    pub stop_timeout: u32,
}

impl Lifecycle {
    /// How long a plugin may take to start.
    pub fn start_timeout(&self) -> Duration {
        Duration::from_secs(self.start_timeout.into())
    }

    /// How long a plugin may take to stop.
    pub fn stop_timeout(&self) -> Duration {
        Duration::from_secs(self.stop_timeout.into())
    }
}

/// Which plugin files are trusted.
#[config]
pub struct Trust {
    /// The lock that pins each plugin's file by its SHA-256; `ratchet plugins lock` writes it.
    /// Without it: `plugins.lock` in the first plugin directory, if there is one.
    pub lock_file: Option<String>,
    /// Whether a plugin that the lock does not name is refused.
    #[default(false)]
    pub require_lock: bool,
    /// Whether a plugin's file and the folders above it must belong to root or the present user
    /// and be writable for nobody else.
    #[default(true)]
    pub check_owner: bool,
}

/// What is logged, how and where.
#[config]
pub struct Logging {
    /// The least important level that is logged (`error`, `warn`, `info`, `debug`, `trace`, `off`),
    /// or such a level for each target: `info,ratchet_http_fetch=debug`.
    #[default("info")]
    pub level: String,
    /// How a line looks.
    #[default(LogFormat::Text)]
    pub format: LogFormat,
    /// Whether fields stay apart from the message (`key=value`, or an object in JSON) instead of
    /// being folded into it.
    #[default(true)]
    pub structured: bool,
    /// Whether a line says which file and line of the source it comes from.
    #[default(false)]
    pub include_location: bool,
    /// Where lines go.
    #[default(Destination::Console)]
    pub destination: Destination,
    /// The file of `destination: file` and `both`.
    pub file_config: Option<LogFile>,
    /// What a line says about the work it belongs to.
    #[default]
    pub context: LogContext,
    /// Several destinations with levels of their own, instead of `destination` and `file_config`.
    #[default]
    pub targets: Vec<LogTarget>,
}

/// How a line of the log looks.
#[config]
#[derive(Default)]
pub enum LogFormat {
    /// For people: time of day, colours on a terminal.
    Pretty,
    /// One line with an RFC 3339 time.
    #[default]
    Text,
    /// One line without time.
    Compact,
    /// One JSON object on each line.
    Json,
}

/// Where lines of the log go.
#[config]
#[derive(Default)]
pub enum Destination {
    /// Standard error.
    #[default]
    Console,
    /// A file.
    File,
    /// Standard error and a file.
    Both,
}

/// A log file that is replaced when it has grown.
#[config]
pub struct LogFile {
    /// The file; folders above it are made.
    pub path: String,
    /// When a new one begins.
    #[default]
    pub rotation: Rotation,
}

/// When a new log file begins, and how many stay.
#[config]
pub struct Rotation {
    /// How large a file grows, in MiB.
    #[default(100)]
    pub max_size_mb: u32,
    /// How many files there are at most, the present one included.
    #[default(10)]
    pub max_files: u16,
}

/// What a line says about the work it belongs to.
#[config]
pub struct LogContext {
    /// Whether spans, trace and execution are shown.
    #[default(true)]
    pub enabled: bool,
    /// The same as `logging.include_location`.
    #[default(false)]
    pub include_file_location: bool,
}

/// One of several destinations.
#[config]
pub struct LogTarget {
    /// What it is.
    pub r#type: TargetType,
    /// Its own level; never more than `logging.level` lets through.
    pub level: Option<String>,
    /// The file, for `file`.
    pub path: Option<String>,
    /// How large a file grows, in bytes.
    #[default(10485760)]
    pub max_size_bytes: u64,
    /// How many files there are at most, the present one included.
    #[default(5)]
    pub max_files: u16,
    /// The facility, for `syslog`, such as `user`, `daemon` or `local0`.
    #[default("user")]
    pub facility: String,
    /// The name of the program, for `syslog`.
    #[default("ratchet")]
    pub ident: String,
}

/// What a destination is.
#[config]
pub enum TargetType {
    /// Standard error.
    Console,
    /// A file.
    File,
    /// The machine's system log.
    Syslog,
}

static SOURCE: ManifestSource = ManifestSource {
    id: "ratchet.host",
    version: env!("CARGO_PKG_VERSION"),
    summary: "Plugins, configuration and shell",
    panic: "unwind",
    provides: &[],
    requires: &[],
    wants: &[],
    commands: COMMANDS,
    concurrency: 0,
    config: Settings::SCHEMA,
};
const COMMANDS: &[CommandSource] = commands::COMMANDS;
static RENDERED: [u8; length(&SOURCE)] = render(&SOURCE);

/// The host's keys and commands, in the form in which a plugin's file carries its own.
pub static HOST: LazyLock<Manifest> = LazyLock::new(|| {
    let mut manifest =
        Manifest::parse(&RENDERED).expect("the host's own manifest is rendered by the compiler");
    // `#[default]` can say this only of types that `#[config]` declares.
    let plugin = &mut manifest.config["properties"]["plugins"]["additionalProperties"];
    plugin["properties"]["placement"]["default"] = Placement::default().as_str().into();
    manifest
});
