//! A host that keeps everything in memory and writes down what plugins do with it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ratchet_plugin_api::abi::{Alive, Binding, Host, LogRecord, ServiceHandle};
use ratchet_plugin_api::raw::BoxFuture;
use ratchet_plugin_api::{Code, Error, Result};
use tokio::sync::watch;

/// Lets every level through.
const EVERYTHING: u8 = 5;

/// A [`Host`] for tests: a registry, a standard output and a log in memory.
///
/// [`TestHost`](crate::TestHost) is the friendly way to one.
#[derive(Debug)]
pub struct FakeHost {
    state: Mutex<State>,
    /// How often the set of providers has changed.
    changes: watch::Sender<u64>,
    stopping: watch::Sender<bool>,
    gate: &'static AtomicU8,
}

#[derive(Debug, Default)]
struct State {
    offers: Vec<Offer>,
    registrations: u64,
    printed: Vec<u8>,
    logs: Vec<LogRecord>,
    answers: HashMap<String, String>,
}

struct Offer {
    registration: u64,
    service: String,
    major: u16,
    binding: Binding,
}

impl std::fmt::Debug for Offer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { registration, service, major, binding } = self;
        write!(f, "{registration}: {service} {major} `{}`", binding.instance)
    }
}

impl Offer {
    fn is(&self, service: &str, major: u16) -> bool {
        self.service == service && self.major == major
    }
}

impl Default for FakeHost {
    fn default() -> Self {
        Self::new()
    }
}

impl FakeHost {
    /// A host with nothing in it that listens to every level of the log.
    pub fn new() -> Self {
        Self {
            state: Mutex::default(),
            changes: watch::Sender::new(0),
            stopping: watch::Sender::new(false),
            // Each host has a gate of its own, so tests in one process do not disturb each other;
            // the api wants it to live for ever.
            gate: Box::leak(Box::new(AtomicU8::new(EVERYTHING))),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells plugins that they shall stop.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// What was written to standard output so far.
    pub fn printed(&self) -> Vec<u8> {
        self.state().printed.clone()
    }

    /// What was logged so far.
    pub fn logs(&self) -> Vec<LogRecord> {
        self.state().logs.clone()
    }

    /// Sets the most verbose level anything listens to: 1 error to 5 trace, 0 none.
    pub fn set_log_gate(&self, level: u8) {
        self.gate.store(level, Ordering::Relaxed);
    }

    /// Prepares the answer to a question plugins may ask the host.
    pub fn answer(&self, what: &str, json: impl Into<String>) {
        self.state().answers.insert(what.to_owned(), json.into());
    }

    fn changed_now(&self) {
        self.changes.send_modify(|changes| *changes += 1);
    }
}

impl Host for FakeHost {
    fn bind(&self, service: &str, major: u16, instance: Option<&str>) -> Result<Binding> {
        let state = self.state();
        let mut found = state.offers.iter().filter(|offer| {
            offer.is(service, major) && instance.is_none_or(|name| offer.binding.instance == name)
        });
        let Some(first) = found.next() else {
            let named = instance.map(|name| format!(" called `{name}`")).unwrap_or_default();
            let message = format!("nothing provides {service} {major}{named}");
            return Err(Error::new(Code::Gone, message));
        };
        if let Some(second) = found.next() {
            let (one, other) = (&first.binding.instance, &second.binding.instance);
            let message = format!("both `{one}` and `{other}` provide {service} {major}; name one");
            return Err(Error::new(Code::Conflict, message));
        }
        Ok(first.binding.clone())
    }

    fn bind_all(&self, service: &str, major: u16) -> Vec<Binding> {
        let state = self.state();
        let found = state.offers.iter().filter(|offer| offer.is(service, major));
        found.map(|offer| offer.binding.clone()).collect()
    }

    fn provide(
        &self,
        service: &str,
        major: u16,
        instance: &str,
        handle: ServiceHandle,
    ) -> Result<u64> {
        let mut state = self.state();
        let taken = |offer: &Offer| offer.is(service, major) && offer.binding.instance == instance;
        if state.offers.iter().any(taken) {
            let message = format!("{service} {major} is provided as `{instance}` already");
            return Err(Error::new(Code::Conflict, message));
        }
        state.registrations += 1;
        let registration = state.registrations;
        let binding = Binding {
            service: handle,
            alive: Alive::new(),
            instance: instance.to_owned(),
            plugin: String::new(),
        };
        state.offers.push(Offer { registration, service: service.to_owned(), major, binding });
        drop(state);
        self.changed_now();
        Ok(registration)
    }

    fn withdraw(&self, registration: u64) {
        let mut state = self.state();
        let place = state.offers.iter().position(|offer| offer.registration == registration);
        let withdrawn = place.map(|place| state.offers.remove(place));
        // Dropping a provider may call the host again.
        drop(state);
        if let Some(offer) = withdrawn {
            offer.binding.alive.end();
            self.changed_now();
        }
    }

    fn changed(&self, seen: u64) -> BoxFuture<Result<u64>> {
        let (mut changes, mut stopping) = (self.changes.subscribe(), self.stopping.subscribe());
        Box::pin(async move {
            let stopped = || Error::new(Code::Gone, "the host is stopping");
            tokio::select! {
                biased;
                _ = stopping.wait_for(|stopping| *stopping) => Err(stopped()),
                changed = changes.wait_for(|now| *now > seen) => {
                    changed.map(|now| *now).map_err(|_| stopped())
                }
            }
        })
    }

    fn stopping(&self) -> BoxFuture<Result<()>> {
        let mut stopping = self.stopping.subscribe();
        Box::pin(async move {
            // An error means that this host was dropped, which is a way of stopping.
            let _ = stopping.wait_for(|stopping| *stopping).await;
            Ok(())
        })
    }

    fn print(&self, text: &[u8]) -> Result<()> {
        self.state().printed.extend_from_slice(text);
        Ok(())
    }

    fn log(&self, record: LogRecord) {
        self.state().logs.push(record);
    }

    fn log_gate(&self) -> &'static AtomicU8 {
        self.gate
    }

    fn query(&self, what: &str, _arguments: &str) -> Result<String> {
        self.state().answers.get(what).cloned().ok_or_else(|| {
            let message = format!("this host has no answer to `{what}`");
            Error::new(Code::Unsupported, message)
        })
    }
}
