//! Plugins that are loaded and started by the first call of one of their services.
//!
//! Until then their place in the registry is held by services that start them. A call that comes
//! while they start waits for it, within its own time; a start that fails is tried again by the
//! next call.

use std::sync::Arc;

use ratchet_plugin_api::abi::{PluginHandle, RawService, RawStream, ServiceHandle};
use ratchet_plugin_api::manifest::{Manifest, Provision};
use ratchet_plugin_api::raw::{BoxFuture, Executor};
use ratchet_plugin_api::{Call, Code, Error, Result};
use tokio::runtime::Handle;
use tokio::sync::OnceCell;

use crate::registry::Registry;

/// Loads and starts a plugin.
type Start = Box<dyn Fn() -> BoxFuture<Result<PluginHandle>> + Send + Sync>;

/// A plugin that may not have started yet.
pub struct Latent {
    plugin: String,
    registry: Arc<Registry>,
    start: Start,
    started: OnceCell<PluginHandle>,
}

impl Latent {
    /// Holds the places of all services of a plugin that `start` starts.
    ///
    /// # Errors
    /// `Conflict` when one of them is taken.
    pub fn hold(manifest: &Manifest, registry: &Arc<Registry>, start: Start) -> Result<Arc<Self>> {
        let latent = Arc::new(Self {
            plugin: manifest.id.clone(),
            registry: Arc::clone(registry),
            start,
            started: OnceCell::new(),
        });
        for provision in &manifest.provides {
            let service = Held { latent: Arc::clone(&latent), provision: provision.clone() };
            let executor = Executor::inline(Handle::current());
            let handle = ServiceHandle::new(Arc::new(service), executor);
            let major = provision.major();
            registry.hold(&manifest.id, &provision.service, major, &provision.instance, handle)?;
        }
        Ok(latent)
    }

    /// The plugin, if it has started.
    pub fn started(&self) -> Option<&PluginHandle> {
        self.started.get()
    }

    /// The plugin's own service, started if need be.
    async fn service(&self, wanted: &Provision) -> Result<ServiceHandle> {
        self.started
            .get_or_try_init(|| {
                tracing::debug!(plugin = self.plugin, "started by its first call");
                (self.start)()
            })
            .await
            .map_err(|error| error.context(format!("plugin {} did not start", self.plugin)))?;
        let (service, instance) = (&wanted.service, &wanted.instance);
        let own = self.registry.offer_of(&self.plugin, service, wanted.major(), instance);
        own.ok_or_else(|| {
            Error::new(Code::Gone, format!("{} no longer provides {service}", self.plugin))
        })
    }
}

/// Holds the place of one service.
struct Held {
    latent: Arc<Latent>,
    provision: Provision,
}

impl RawService for Held {
    fn call(&self, method: &str, call: Call, arguments: Vec<u8>) -> BoxFuture<Result<Vec<u8>>> {
        let (latent, provision) = (Arc::clone(&self.latent), self.provision.clone());
        let method = method.to_owned();
        Box::pin(
            async move { latent.service(&provision).await?.call(&method, call, arguments).await },
        )
    }

    fn open(
        &self,
        method: &str,
        call: Call,
        arguments: Vec<u8>,
        input: Option<RawStream>,
    ) -> BoxFuture<Result<RawStream>> {
        let (latent, provision) = (Arc::clone(&self.latent), self.provision.clone());
        let method = method.to_owned();
        Box::pin(async move {
            latent.service(&provision).await?.open(&method, call, arguments, input).await
        })
    }

    fn describe(&self) -> String {
        let methods: [(); 0] = [];
        let service = &self.provision.service;
        serde_json::json!({"service": service, "methods": methods, "started": false}).to_string()
    }
}
