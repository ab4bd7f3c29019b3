//! What a plugin sees of its host: the registry, the log, standard output, and when to stop.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU8;

use ratchet_plugin_api::abi::{Binding, Host, HostHandle, LogRecord, ServiceHandle};
use ratchet_plugin_api::raw::{BoxFuture, Executor};
use ratchet_plugin_api::{Code, Error, Result};
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::registry::Registry;

/// Writes to standard output.
pub type Printer = Arc<dyn Fn(&[u8]) -> Result<()> + Send + Sync>;

/// Takes events for the log.
pub type LogSink = Arc<dyn Fn(LogRecord) + Send + Sync>;

/// Which provider (an instance's or a plugin's name) answers for a contract, by contract.
pub type Bindings = BTreeMap<String, String>;

/// Answers a question of a plugin about the host: what is asked, and its arguments.
pub type Answerer = Arc<dyn Fn(&str, &str) -> Result<String> + Send + Sync>;

/// What all plugins of a host have in common.
#[derive(Clone)]
pub struct Surroundings {
    /// Who provides what.
    pub registry: Arc<Registry>,
    /// Takes events for the log.
    pub log: LogSink,
    /// The most verbose level anything listens to.
    pub log_gate: &'static AtomicU8,
    /// Writes to standard output.
    pub print: Printer,
    /// Turns true when plugins shall stop.
    pub stopping: watch::Receiver<bool>,
    /// Answers questions about the host.
    pub answer: Answerer,
}

impl Surroundings {
    /// The view of the plugin called `plugin`, for which `bindings` (contract to provider) are
    /// decided; its futures need the present runtime.
    pub fn view(&self, plugin: &str, bindings: Bindings) -> HostHandle {
        let view = View { plugin: plugin.to_owned(), bindings, around: self.clone() };
        HostHandle::new(Arc::new(view), Executor::inline(Handle::current()))
    }
}

struct View {
    plugin: String,
    bindings: Bindings,
    around: Surroundings,
}

impl Host for View {
    fn bind(&self, service: &str, major: u16, instance: Option<&str>) -> Result<Binding> {
        let decided = self.bindings.get(service).map(String::as_str);
        self.around.registry.bind(service, major, instance.or(decided))
    }

    fn bind_all(&self, service: &str, major: u16) -> Vec<Binding> {
        self.around.registry.bind_all(service, major)
    }

    fn provide(
        &self,
        service: &str,
        major: u16,
        instance: &str,
        handle: ServiceHandle,
    ) -> Result<u64> {
        self.around.registry.provide(&self.plugin, service, major, instance, handle)
    }

    fn withdraw(&self, registration: u64) {
        self.around.registry.withdraw(registration);
    }

    fn changed(&self, seen: u64) -> BoxFuture<Result<u64>> {
        let mut changes = self.around.registry.changes();
        Box::pin(async move {
            let changed = changes.wait_for(|count| *count != seen).await;
            changed.map(|count| *count).map_err(|_| Error::new(Code::Gone, "the host is gone"))
        })
    }

    fn stopping(&self) -> BoxFuture<Result<()>> {
        let mut stopping = self.around.stopping.clone();
        Box::pin(async move {
            // An error means that the host is gone, which is a reason to stop as well.
            let _ = stopping.wait_for(|stopping| *stopping).await;
            Ok(())
        })
    }

    fn print(&self, text: &[u8]) -> Result<()> {
        (self.around.print)(text)
    }

    fn log(&self, record: LogRecord) {
        (self.around.log)(record);
    }

    fn log_gate(&self) -> &'static AtomicU8 {
        self.around.log_gate
    }

    fn query(&self, what: &str, arguments: &str) -> Result<String> {
        (self.around.answer)(what, arguments)
    }
}
