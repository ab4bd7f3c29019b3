//! The friendly side of [`FakeHost`](crate::FakeHost).

use std::sync::{Arc, Mutex, PoisonError};

use ratchet_plugin_api::abi::{Host, HostHandle, LogRecord};
use ratchet_plugin_api::raw::{Executor, LogBridge};
use ratchet_plugin_api::{Code, Context, Error, Plugin, Provided, Result};
use ratchet_plugin_api::{Service, Slot};
use tokio::runtime::Handle;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::FakeHost;

/// The id under which [`TestHost::start`] starts a plugin.
const PLUGIN_UNDER_TEST: &str = "test.plugin";

/// The host of a plugin's tests. Cheap to clone; every clone is the same host.
///
/// It is made inside a tokio runtime, such as that of `#[tokio::test]`, which is also the runtime
/// of every plugin started here. Calls go through the same waist as in the real host: arguments are
/// encoded, panics become errors, deadlines hold.
#[derive(Clone)]
pub struct TestHost {
    fake: Arc<FakeHost>,
    handle: HostHandle,
    runtime: Handle,
    /// Keeps what [`TestHost::with`] provides in place.
    provided: Arc<Mutex<Vec<Provided>>>,
}

impl Default for TestHost {
    fn default() -> Self {
        Self::new()
    }
}

impl TestHost {
    /// A host in which nothing is provided yet.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn new() -> Self {
        let runtime = Handle::current();
        let fake = Arc::new(FakeHost::new());
        let executor = Executor::inline(runtime.clone());
        let handle = HostHandle::new(Arc::clone(&fake) as Arc<dyn Host>, executor);
        Self { fake, handle, runtime, provided: Arc::default() }
    }

    /// Provides `S` for as long as this host lives. A contract with one provider has the instance
    /// name `""`.
    ///
    /// # Panics
    /// When there is a provider of that contract and name already.
    #[must_use]
    pub fn with<S: Service + ?Sized>(self, instance: &str, provider: Arc<S>) -> Self {
        match self.provide::<S>(instance, provider) {
            Ok(provided) => {
                self.provided.lock().unwrap_or_else(PoisonError::into_inner).push(provided);
            }
            Err(error) => panic!("{error}"),
        }
        self
    }

    /// Provides `S` until the result is dropped, as when a plugin stops in mid-flight.
    ///
    /// # Errors
    /// `Conflict` when there is a provider of that contract and name already.
    pub fn provide<S: Service + ?Sized>(
        &self,
        instance: &str,
        provider: Arc<S>,
    ) -> Result<Provided> {
        self.context(PLUGIN_UNDER_TEST).provide::<S>(instance, provider)
    }

    /// A provider of `S` as other plugins see it, through the waist.
    ///
    /// # Errors
    /// `Gone` when nothing of that name is provided.
    pub fn service<S: Service + ?Sized>(&self, instance: &str) -> Result<Arc<S>> {
        let slot: Slot<S> = self.context(PLUGIN_UNDER_TEST).slot_named(instance);
        slot.get()
    }

    /// What a plugin called `plugin` is given to work with.
    pub fn context(&self, plugin: &str) -> Context {
        Context::new(plugin, self.handle.clone(), self.runtime.clone())
    }

    /// Starts a plugin as the real host would, with this configuration. What it provides is not
    /// offered by itself; [`TestHost::provide`] does that where a test wants it.
    ///
    /// # Errors
    /// `Configuration` when the configuration does not fit, else those of [`Plugin::start`].
    pub async fn start<P: Plugin>(&self, config: serde_json::Value) -> Result<Arc<P>> {
        let config = serde_json::from_value(config).map_err(|error| {
            Error::wrap(Code::Configuration, "the configuration does not fit", &error)
        })?;
        P::start(self.context(PLUGIN_UNDER_TEST), config).await.map(Arc::new)
    }

    /// Tells plugins that they shall stop; [`Plugin::stop`] is the test's to call.
    pub fn stop(&self) {
        self.fake.stop();
    }

    /// What plugins wrote to standard output so far.
    ///
    /// # Panics
    /// When that is not text; [`FakeHost::printed`] gives the bytes.
    pub fn printed(&self) -> String {
        match String::from_utf8(self.fake.printed()) {
            Ok(text) => text,
            Err(error) => panic!("what was printed is not text: {error}"),
        }
    }

    /// Sends what is traced on this thread to this host's log in the name of `plugin`, until the
    /// result is dropped. In a real plugin this is done for the whole library at once.
    #[must_use = "dropping it ends the capture"]
    pub fn capture_logs(&self, plugin: &str) -> tracing::subscriber::DefaultGuard {
        let host = self.handle.clone();
        let layer = LogBridge::new(plugin, host.log_gate(), move |record| host.log(record));
        tracing::subscriber::set_default(tracing_subscriber::registry().with(layer))
    }

    /// What was logged so far.
    pub fn logs(&self) -> Vec<LogRecord> {
        self.fake.logs()
    }

    /// The host behind this one, for the log gate and prepared answers.
    pub fn fake(&self) -> &FakeHost {
        &self.fake
    }

    /// The handle a plugin's library is given when it is made.
    pub fn handle(&self) -> HostHandle {
        self.handle.clone()
    }
}
