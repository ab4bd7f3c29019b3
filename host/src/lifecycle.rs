//! Brings the plugins of a plan up, level by level, and down again in reverse.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use ratchet_plugin_api::abi::{Host as _, PluginHandle};
use ratchet_plugin_api::raw::BoxFuture;
use ratchet_plugin_api::{Call, Code, Error, Result};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::config::settings::{Placement, Settings, StartWhen};
use crate::diagnostic::Diagnostic;
use crate::latent::Latent;
use crate::load;
use crate::placement::{Pool, PoolOptions, WorkerSetup};
use crate::plan::{Plan, Planned, Provider};
use crate::registry::Registry;
use crate::trust;
use crate::view::{Bindings, LogSink, Surroundings};

/// Where a host's plugins reach the world.
pub struct Outlets {
    /// Takes events for the log.
    pub log: LogSink,
    /// The most verbose level anything listens to.
    pub log_gate: &'static AtomicU8,
    /// The program that hosts a plugin in a process of its own: this one.
    pub program: PathBuf,
    /// What the plugins are brought up for.
    pub purpose: Purpose,
}

/// What the plugins are brought up for, which they can ask for by `command`.
#[derive(Clone, Debug, Default)]
pub struct Purpose {
    /// The shell command, such as `serve`.
    pub command: String,
    /// Whether it runs until told to stop, with every configured plugin.
    pub serves: bool,
}

/// The plugins that are up.
pub struct Running {
    plugins: Vec<Up>,
    around: Surroundings,
    stopping: watch::Sender<bool>,
    stop_timeout: Duration,
}

/// One plugin that is up.
struct Up {
    id: String,
    place: Place,
    /// Kept open for workers, which load what was checked.
    _file: File,
}

enum Place {
    Here(PluginHandle),
    Latent(Arc<Latent>),
    Elsewhere(Pool),
}

impl Running {
    /// Brings the plugins of `plan` up.
    ///
    /// # Errors
    /// What kept one from starting; those that had started have been stopped again.
    pub async fn start(
        plan: &Plan,
        settings: &Settings,
        outlets: Outlets,
    ) -> Result<Self, Vec<Diagnostic>> {
        let mut files = BTreeMap::new();
        let mut refusals = Vec::new();
        for plugin in &plan.plugins {
            match trust::open(plugin, settings) {
                Ok(file) => {
                    files.insert(plugin.manifest.id.as_str(), file);
                }
                Err(refusal) => refusals.push(refusal),
            }
        }
        if !refusals.is_empty() {
            return Err(refusals);
        }
        let (stopping, stopped) = watch::channel(false);
        let registry = Arc::new(Registry::new());
        let answering = Arc::clone(&registry);
        let purpose = outlets.purpose.clone();
        let around = Surroundings {
            registry,
            log: outlets.log,
            log_gate: outlets.log_gate,
            print: Arc::new(crate::stdio::print),
            stopping: stopped,
            answer: Arc::new(move |what: &str, _: &str| answer(&answering, &purpose, what)),
        };
        let mut running = Self {
            plugins: Vec::new(),
            around,
            stopping,
            stop_timeout: settings.lifecycle.stop_timeout(),
        };
        for level in plan.levels() {
            let starting = level.into_iter().filter_map(|plugin| {
                let file = files.remove(plugin.manifest.id.as_str())?;
                let foreseen = plan.binds_to(&plugin.manifest.id);
                Some(start_one(plugin, file, settings, &running.around, &outlets.program, foreseen))
            });
            let mut failures = Vec::new();
            for started in join_all(starting).await {
                match started {
                    Ok(up) => running.plugins.push(up),
                    Err(failure) => failures.push(failure),
                }
            }
            if !failures.is_empty() {
                running.stop().await;
                return Err(failures);
            }
        }
        Ok(running)
    }

    /// Waits until every plugin placed elsewhere has started a process.
    ///
    /// # Errors
    /// Why one has not.
    pub async fn settled(&self) -> Result<()> {
        for plugin in &self.plugins {
            if let Place::Elsewhere(pool) = &plugin.place {
                let ready = pool.ready().await;
                ready.map_err(|error| error.context(format!("{} did not start", plugin.id)))?;
            }
        }
        Ok(())
    }

    /// Who provides what.
    pub fn registry(&self) -> &Registry {
        &self.around.registry
    }

    /// What the plugins see of the host.
    pub fn surroundings(&self) -> &Surroundings {
        &self.around
    }

    /// Brings all plugins down, the last started first, and names those that miss the deadline.
    pub async fn stop(self) {
        self.stopping.send_replace(true);
        for plugin in self.plugins.into_iter().rev() {
            self.around.registry.withdraw_all(&plugin.id);
            let call = Call::root().within(self.stop_timeout);
            let stopped = match &plugin.place {
                Place::Elsewhere(pool) => {
                    pool.stop(self.stop_timeout).await;
                    Ok(())
                }
                Place::Here(handle) => stop_here(handle, call, self.stop_timeout).await,
                Place::Latent(latent) => match latent.started() {
                    Some(handle) => stop_here(handle, call, self.stop_timeout).await,
                    None => Ok(()),
                },
            };
            if let Err(error) = stopped {
                tracing::error!(plugin = plugin.id, %error, "a plugin did not stop well");
            }
        }
    }
}

/// Stops a plugin, which bounds itself by the call; one that does not is left behind.
async fn stop_here(handle: &PluginHandle, call: Call, timeout: Duration) -> Result<()> {
    let grace = timeout + Duration::from_millis(100);
    let stopped = tokio::time::timeout(grace, handle.stop(call)).await;
    stopped
        .unwrap_or_else(|_| Err(Error::new(Code::Timeout, "it did not stop in time and was left")))
}

/// Which provider answers the plugin for each contract, as the plan has decided.
fn bindings(plugin: &Planned) -> Bindings {
    let name = |provider: &Provider| match provider.instance.as_str() {
        "" => provider.plugin.clone(),
        instance => instance.to_owned(),
    };
    plugin.bindings.iter().map(|(service, provider)| (service.clone(), name(provider))).collect()
}

async fn start_one(
    plugin: &Planned,
    file: File,
    settings: &Settings,
    around: &Surroundings,
    program: &Path,
    foreseen: bool,
) -> Result<Up, Diagnostic> {
    let place = match plugin.settings.placement {
        Placement::InProcess if plugin.settings.start == StartWhen::OnDemand => {
            hold(plugin, &file, settings, around).map(Place::Latent)
        }
        Placement::InProcess => start_here(plugin, &file, settings, around).await.map(Place::Here),
        // A process costs time and memory, so one that may never be called waits for its call.
        Placement::Process => {
            start_elsewhere(plugin, &file, settings, around, program).and_then(|pool| {
                if foreseen {
                    pool.warm_up()?;
                }
                Ok(Place::Elsewhere(pool))
            })
        }
    };
    match place {
        Ok(place) => Ok(Up { id: plugin.manifest.id.clone(), place, _file: file }),
        Err(error) => Err(not_started(plugin, &error)),
    }
}

fn not_started(plugin: &Planned, error: &Error) -> Diagnostic {
    let id = &plugin.manifest.id;
    let diagnostic =
        Diagnostic::error(format!("plugin `{id}` did not start: {}", error.full_message()));
    diagnostic.file(&plugin.file)
}

/// Puts a plugin where its first call starts it.
fn hold(
    plugin: &Planned,
    file: &File,
    settings: &Settings,
    around: &Surroundings,
) -> Result<Arc<Latent>> {
    let file = Arc::new(file.try_clone()?);
    let (planned, settings, surroundings) = (plugin.clone(), settings.clone(), around.clone());
    let start = move || -> BoxFuture<Result<PluginHandle>> {
        let (planned, settings) = (planned.clone(), settings.clone());
        let (file, surroundings) = (Arc::clone(&file), surroundings.clone());
        Box::pin(async move { start_here(&planned, &file, &settings, &surroundings).await })
    };
    Latent::hold(&plugin.manifest, &around.registry, Box::new(start))
}

async fn start_here(
    plugin: &Planned,
    file: &File,
    settings: &Settings,
    around: &Surroundings,
) -> Result<PluginHandle> {
    let file = file.try_clone()?;
    let id = plugin.manifest.id.clone();
    let loaded = tokio::task::spawn_blocking(move || load::load(&file)).await;
    let module = loaded.map_err(|_| Error::internal("loading it panicked"))??;
    let handle = module.make(around.view(&id, bindings(plugin)))?;
    let limit = settings.lifecycle.start_timeout();
    let started = tokio::time::timeout(limit, handle.start(plugin.config.to_string())).await;
    started.unwrap_or_else(|_| {
        let seconds = limit.as_secs();
        Err(Error::new(Code::Timeout, format!("it took more than {seconds} s")))
    })?;
    Ok(handle)
}

fn start_elsewhere(
    plugin: &Planned,
    file: &File,
    settings: &Settings,
    around: &Surroundings,
    program: &Path,
) -> Result<Pool> {
    let manifest = &plugin.manifest;
    let own_pid = std::process::id();
    let services = manifest.requires.iter().chain(&manifest.wants).cloned().collect();
    let options = PoolOptions {
        program: program.to_owned(),
        setup: WorkerSetup {
            worker: 0,
            host_pid: own_pid,
            plugin: manifest.id.clone(),
            file: PathBuf::from(format!("/proc/{own_pid}/fd/{}", file.as_raw_fd())),
            config: plugin.config.to_string(),
            provides: manifest.provides.clone(),
            services,
            log_level: around.log_gate.load(Ordering::Relaxed),
            sandbox: settings.sandbox,
            memory_bytes: u64::from(plugin.settings.memory_mb) << 20,
        },
        replicas: replicas(plugin.settings.replicas),
        recycle_calls: plugin.settings.recycle_calls.into(),
        recycle_bytes: u64::from(plugin.settings.recycle_mb) << 20,
        restart: plugin.settings.restart,
        heartbeat: Duration::from_secs(plugin.settings.heartbeat_seconds.max(1).into()),
    };
    let registry = Arc::clone(&around.registry);
    let view = around.view(&manifest.id, Bindings::new());
    let decided = bindings(plugin);
    let find = move |service: &str, major: u16| {
        let wanted = decided.get(service).map(String::as_str);
        registry.bind(service, major, wanted).map(|binding| binding.service)
    };
    let pool = Pool::new(options, manifest, find, Arc::clone(&around.log));
    for (target, provision) in manifest.provides.iter().enumerate() {
        let handle = pool.service(target as u32);
        view.provide(&provision.service, provision.major(), &provision.instance, handle)?;
    }
    Ok(pool)
}

/// How many processes there may be: as many as configured, or one for each processor.
fn replicas(configured: u16) -> usize {
    match configured {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        many => many.into(),
    }
}

fn answer(registry: &Registry, purpose: &Purpose, what: &str) -> Result<String> {
    match what {
        "command" => Ok(json!({"name": purpose.command, "serves": purpose.serves}).to_string()),
        "plugins" => {
            let providers: Vec<_> = registry
                .report()
                .into_iter()
                .map(|provider| {
                    let used: Value =
                        serde_json::from_str(&provider.description).unwrap_or(Value::Null);
                    json!({
                        "plugin": provider.plugin,
                        "service": provider.service,
                        "instance": provider.instance,
                        "use": used,
                    })
                })
                .collect();
            Ok(Value::from(providers).to_string())
        }
        "workers" => Ok(workers(registry).to_string()),
        _ => Err(Error::new(
            Code::Unsupported,
            format!(
                "this host does not know the question `{what}`; it knows `command`, `plugins` \
                 and `workers`"
            ),
        )),
    }
}

/// The processes of all plugins placed elsewhere, each with its plugin's id.
fn workers(registry: &Registry) -> Value {
    let mut found: BTreeMap<(String, u64), Value> = BTreeMap::new();
    for provider in registry.report() {
        let described: Value = serde_json::from_str(&provider.description).unwrap_or_default();
        for worker in described["workers"].as_array().into_iter().flatten() {
            let mut worker = worker.clone();
            worker["plugin"] = provider.plugin.clone().into();
            // A process stands behind every service of its plugin.
            let number = worker["worker"].as_u64().unwrap_or_default();
            found.insert((provider.plugin.clone(), number), worker);
        }
    }
    found.into_values().collect()
}
