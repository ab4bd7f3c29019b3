//! What every part of the plugin works with.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use ratchet_plugin_api::services::JsRuntime;
use ratchet_plugin_api::{Context, Result, Slot};
use tokio::sync::Notify;

use crate::config::Config;
use crate::dispatch::Dispatch;
use crate::events::Bus;
use crate::stores::Stores;
use crate::tasks::Tasks;
use crate::waits::Waits;

/// The plugin's surroundings. One for each plugin, behind an `Arc`.
pub(crate) struct Shared {
    pub(crate) context: Context,
    pub(crate) config: Config,
    pub(crate) stores: Stores,
    pub(crate) tasks: Tasks,
    pub(crate) bus: Bus,
    pub(crate) waits: Arc<Waits>,
    pub(crate) runtimes: Runtimes,
    /// Told when deliveries may wait.
    pub(crate) deliveries: Notify,
    /// What runs jobs in this process, once something does.
    pub(crate) dispatch: OnceLock<Arc<Dispatch>>,
}

impl Shared {
    pub(crate) fn new(context: Context, config: Config) -> Self {
        Self {
            stores: Stores::new(&context),
            tasks: Tasks::default(),
            bus: Bus::default(),
            waits: Arc::default(),
            runtimes: Runtimes::default(),
            deliveries: Notify::new(),
            dispatch: OnceLock::new(),
            context,
            config,
        }
    }

    /// What runs jobs here, if anything does.
    pub(crate) fn dispatch(&self) -> Option<&Arc<Dispatch>> {
        self.dispatch.get()
    }
}

/// The JavaScript runtimes that were asked for, by name; the one that is bound has none.
#[derive(Default)]
pub(crate) struct Runtimes {
    slots: RwLock<HashMap<Option<String>, Slot<dyn JsRuntime>>>,
}

impl Runtimes {
    /// The runtime of that name.
    ///
    /// # Errors
    /// `Gone` when there is none.
    pub(crate) fn get(&self, context: &Context, name: Option<&str>) -> Result<Arc<dyn JsRuntime>> {
        let key = name.map(str::to_owned);
        if let Some(slot) = self.slots.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return slot.get();
        }
        let slot = name.map_or_else(|| context.slot(), |name| context.slot_named(name));
        let runtime = slot.get()?;
        self.slots.write().unwrap_or_else(PoisonError::into_inner).insert(key, slot);
        Ok(runtime)
    }
}
