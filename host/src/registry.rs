//! The service registry: who provides what, now.
//!
//! Consumers keep a binding and ask whether it still stands; a provider that withdraws ends all
//! bindings to it. Every change is counted, and watchers are told.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use ratchet_plugin_api::abi::{Alive, Binding, ServiceHandle};
use ratchet_plugin_api::{Code, Error, Result};
use tokio::sync::watch;

/// Who provides what. Providers stand in the order in which they came, which is plan order.
pub struct Registry {
    providers: RwLock<Vec<Provider>>,
    changes: watch::Sender<u64>,
    registrations: AtomicU64,
}

struct Provider {
    registration: u64,
    plugin: String,
    service: String,
    major: u16,
    instance: String,
    handle: ServiceHandle,
    alive: Alive,
    /// Stands in for a plugin that has not started, and gives way to it.
    holds_place: bool,
}

impl Provider {
    fn offers(&self, service: &str, major: u16) -> bool {
        self.service == service && self.major == major
    }

    fn binding(&self) -> Binding {
        Binding {
            service: self.handle.clone(),
            alive: self.alive.clone(),
            instance: self.instance.clone(),
            plugin: self.plugin.clone(),
        }
    }
}

/// A provider as reports show it.
pub struct ProviderReport {
    /// The plugin it belongs to.
    pub plugin: String,
    /// The contract and its major version, such as `ratchet.output-sink/1`.
    pub service: String,
    /// Its instance name; empty for the only one.
    pub instance: String,
    /// Its methods and how they have been used: a JSON object.
    pub description: String,
}

impl Registry {
    /// An empty registry.
    #[allow(clippy::new_without_default, reason = "a registry is made where a host begins")]
    pub fn new() -> Self {
        Self {
            providers: RwLock::default(),
            changes: watch::Sender::new(0),
            registrations: AtomicU64::new(1),
        }
    }

    /// Finds the provider of a contract; see [`Host::bind`](ratchet_plugin_api::abi::Host::bind).
    ///
    /// `wanted` is an instance's or a plugin's name.
    pub fn bind(&self, service: &str, major: u16, wanted: Option<&str>) -> Result<Binding> {
        let providers = self.read();
        let mut offers = providers.iter().filter(|provider| provider.offers(service, major));
        if let Some(wanted) = wanted {
            let found = offers
                .clone()
                .find(|provider| provider.instance == wanted || provider.plugin == wanted);
            return found.map(Provider::binding).ok_or_else(|| {
                let names: Vec<_> = offers.map(|provider| provider.instance.as_str()).collect();
                absent(service, major, Some(wanted), &names)
            });
        }
        let Some(first) = offers.next() else { return Err(absent(service, major, None, &[])) };
        match offers.next() {
            None => Ok(first.binding()),
            Some(second) => Err(Error::new(
                Code::Conflict,
                format!(
                    "{service}/{major} is provided by both {} and {}; name one, or set \
                     `bind: {{{service}: …}}`",
                    first.plugin, second.plugin
                ),
            )),
        }
    }

    /// All providers of a contract.
    pub fn bind_all(&self, service: &str, major: u16) -> Vec<Binding> {
        let providers = self.read();
        providers.iter().filter(|it| it.offers(service, major)).map(Provider::binding).collect()
    }

    /// The service that `plugin` offers under this contract and name.
    pub fn offer_of(
        &self,
        plugin: &str,
        service: &str,
        major: u16,
        instance: &str,
    ) -> Option<ServiceHandle> {
        let providers = self.read();
        let mut offers = providers.iter().filter(|it| it.offers(service, major));
        let found = offers.find(|it| it.plugin == plugin && it.instance == instance)?;
        Some(found.handle.clone())
    }

    /// Takes an offer in; it takes the place that was held for it, if any.
    ///
    /// # Errors
    /// `Conflict` when there is one of that contract and name already.
    pub fn provide(
        &self,
        plugin: &str,
        service: &str,
        major: u16,
        instance: &str,
        handle: ServiceHandle,
    ) -> Result<u64> {
        self.enter(plugin, service, major, instance, handle, false)
    }

    /// Holds the place of an offer of a plugin that has not started.
    ///
    /// # Errors
    /// `Conflict` when there is one of that contract and name already.
    pub fn hold(
        &self,
        plugin: &str,
        service: &str,
        major: u16,
        instance: &str,
        handle: ServiceHandle,
    ) -> Result<u64> {
        self.enter(plugin, service, major, instance, handle, true)
    }

    fn enter(
        &self,
        plugin: &str,
        service: &str,
        major: u16,
        instance: &str,
        handle: ServiceHandle,
        holds_place: bool,
    ) -> Result<u64> {
        let registration = self.registrations.fetch_add(1, Ordering::Relaxed);
        let entered = Provider {
            registration,
            plugin: plugin.to_owned(),
            service: service.to_owned(),
            major,
            instance: instance.to_owned(),
            handle,
            alive: Alive::new(),
            holds_place,
        };
        let mut providers = self.write();
        let taken =
            providers.iter_mut().find(|it| it.offers(service, major) && it.instance == instance);
        match taken {
            None => providers.push(entered),
            Some(held) if held.holds_place && held.plugin == plugin => {
                held.alive.end();
                *held = entered;
            }
            Some(taken) => {
                let message = format!(
                    "{service}/{major} is provided by {} already{}",
                    taken.plugin,
                    if instance.is_empty() { String::new() } else { format!(", as `{instance}`") },
                );
                return Err(Error::new(Code::Conflict, message));
            }
        }
        drop(providers);
        self.changes.send_modify(|count| *count += 1);
        Ok(registration)
    }

    /// Takes an offer back; one that is gone already is no matter.
    pub fn withdraw(&self, registration: u64) {
        self.remove(|provider| provider.registration == registration);
    }

    /// Takes back all offers of a plugin.
    pub fn withdraw_all(&self, plugin: &str) {
        self.remove(|provider| provider.plugin == plugin);
    }

    fn remove(&self, gone: impl Fn(&Provider) -> bool) {
        let mut providers = self.write();
        let (out, kept) = std::mem::take(&mut *providers).into_iter().partition(gone);
        *providers = kept;
        drop(providers);
        let out: Vec<Provider> = out;
        if !out.is_empty() {
            out.iter().for_each(|provider| provider.alive.end());
            self.changes.send_modify(|count| *count += 1);
        }
    }

    /// Follows the number of changes.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// All providers, with how they have been used.
    pub fn report(&self) -> Vec<ProviderReport> {
        let providers: Vec<_> = {
            let providers = self.read();
            providers.iter().map(|it| (it.binding(), it.service.clone(), it.major)).collect()
        };
        providers
            .into_iter()
            .map(|(binding, service, major)| ProviderReport {
                plugin: binding.plugin,
                service: format!("{service}/{major}"),
                instance: binding.instance,
                description: binding.service.describe(),
            })
            .collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, Vec<Provider>> {
        self.providers.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Vec<Provider>> {
        self.providers.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn absent(service: &str, major: u16, wanted: Option<&str>, present: &[&str]) -> Error {
    let message = match (wanted, present) {
        (None, _) => format!("no loaded plugin provides {service}/{major}"),
        (Some(wanted), []) => {
            format!("no loaded plugin provides {service}/{major}, so not `{wanted}` either")
        }
        (Some(wanted), present) => format!(
            "no provider of {service}/{major} is called `{wanted}`; there is {}",
            present.join(", ")
        ),
    };
    Error::new(Code::Gone, message)
}
