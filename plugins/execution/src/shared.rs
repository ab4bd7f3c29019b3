//! What every part of the plugin works with.

use ratchet_plugin_api::Context;

use crate::config::Config;
use crate::stores::Stores;

/// The plugin's surroundings. One for each plugin, behind an `Arc`.
pub(crate) struct Shared {
    pub(crate) context: Context,
    pub(crate) config: Config,
    pub(crate) stores: Stores,
}

impl Shared {
    pub(crate) fn new(context: Context, config: Config) -> Self {
        let stores = Stores::new(&context);
        Self { context, config, stores }
    }
}
