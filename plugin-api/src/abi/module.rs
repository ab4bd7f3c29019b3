//! The one thing a plugin exports: a module that makes the plugin.

use std::sync::Arc;

use abi_stable::StableAbi;
use abi_stable::library::{
    __call_root_module_loader, CheckTypeLayout, LibHeader, RootModule, RootModuleResult,
};
use abi_stable::package_version_strings;
use abi_stable::prefix_type::PrefixTypeTrait;
use abi_stable::sabi_trait;
use abi_stable::sabi_trait::TD_Opaque;
use abi_stable::sabi_types::VersionStrings;
use abi_stable::std_types::{RBox, RString};
use async_ffi::FfiFuture;

use super::frame::CallFrame;
use super::future::{Imported, export as export_future};
use super::growth::{growing, rehearsed};
use super::host::{HostBox, HostHandle};
use super::{Reply, guarded, reply, unreply};
use crate::Result;
use crate::call::Call;
use crate::guard::{BoxFuture, Executor};

/// A plugin before it has a type.
pub trait RawPlugin: Send + Sync + 'static {
    /// Brings the plugin up with this configuration, a JSON object.
    fn start(&self, config: String) -> BoxFuture<Result<()>>;

    /// Brings it down.
    fn stop(&self, call: Call) -> BoxFuture<Result<()>>;
}

growing! {
    #[sabi_trait]
    pub trait PluginObject: Send + Sync {
        fn start(&self, config: RString) -> FfiFuture<Reply<()>>;

        #[sabi(last_prefix_field)]
        fn stop(&self, frame: CallFrame) -> FfiFuture<Reply<()>>;
    }
}

pub type PluginBox = PluginObject_TO<'static, RBox<()>>;

/// The root module of a plugin's file.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = PluginModuleRef)))]
#[sabi(missing_field(panic))]
pub struct PluginModule {
    #[sabi(last_prefix_field)]
    create: extern "C" fn(host: HostBox) -> Reply<PluginBox>,
    #[cfg(feature = "next-minor")]
    #[sabi(missing_field(option))]
    pub(super) rehearsal: extern "C" fn(what: RString) -> Reply<RString>,
}

impl RootModule for PluginModuleRef {
    abi_stable::declare_root_module_statics! {PluginModuleRef}
    const BASE_NAME: &'static str = "ratchet_plugin";
    const NAME: &'static str = "ratchet_plugin";
    const VERSION_STRINGS: VersionStrings = package_version_strings!();
}

impl PluginModuleRef {
    /// Makes the plugin; it is not started yet.
    ///
    /// # Errors
    /// What kept the plugin from being made, a panic included.
    pub fn make(self, host: HostHandle) -> Result<PluginHandle> {
        unreply(self.create()(host.0)).map(|plugin: PluginBox| PluginHandle(Arc::new(plugin)))
    }
}

/// A plugin that was made. Dropping the last clone unmakes it; its code stays in memory.
#[derive(Clone)]
pub struct PluginHandle(pub(super) Arc<PluginBox>);

impl PluginHandle {
    /// Brings it up.
    ///
    /// # Errors
    /// Those of [`Plugin::start`](crate::Plugin::start), and `Configuration` for a configuration
    /// that does not fit.
    pub fn start(&self, config: String) -> impl Future<Output = Result<()>> + Send + 'static {
        let started = Imported::new(self.0.start(config.into()));
        async move { unreply(started.await) }
    }

    /// Brings it down within the deadline of `call`.
    ///
    /// # Errors
    /// Those of [`Plugin::stop`](crate::Plugin::stop).
    pub fn stop(&self, call: Call) -> impl Future<Output = Result<()>> + Send + 'static {
        let stopped = Imported::new(self.0.stop(call.into()));
        async move { unreply(stopped.await) }
    }
}

/// Makes a plugin of one type; implemented by `plugin!`.
pub trait Make: 'static {
    /// Makes it, with the executor that shall run its start and stop.
    ///
    /// # Errors
    /// What kept it from being made.
    fn make(host: HostHandle) -> Result<(Arc<dyn RawPlugin>, Executor)>;
}

struct Exported {
    plugin: Option<Arc<dyn RawPlugin>>,
    executor: Executor,
}

impl Exported {
    fn begin(
        &self,
        what: &str,
        begin: impl FnOnce(&dyn RawPlugin) -> BoxFuture<Result<()>>,
    ) -> FfiFuture<Reply<()>> {
        let begun = guarded(what, || {
            let _entered = self.executor.enter();
            match &self.plugin {
                Some(plugin) => Ok(begin(&**plugin)),
                None => Err(crate::Error::internal("the plugin was dropped")),
            }
        });
        let future = begun.unwrap_or_else(|error| Box::pin(std::future::ready(Err(error))));
        export_future(&self.executor, future)
    }
}

impl PluginObject for Exported {
    fn start(&self, config: RString) -> FfiFuture<Reply<()>> {
        self.begin("starting the plugin", |plugin| plugin.start(config.into()))
    }

    fn stop(&self, frame: CallFrame) -> FfiFuture<Reply<()>> {
        self.begin("stopping the plugin", |plugin| plugin.stop(frame.into()))
    }

    rehearsed! {}
}

impl Drop for Exported {
    fn drop(&mut self) {
        let plugin = self.plugin.take();
        self.executor.drop_contained(plugin);
    }
}

extern "C" fn create<M: Make>(host: HostBox) -> Reply<PluginBox> {
    let made = guarded("making the plugin", || M::make(HostHandle(host)));
    reply(made.map(|(plugin, executor)| create_with(plugin, executor)))
}

fn create_with(plugin: Arc<dyn RawPlugin>, executor: Executor) -> PluginBox {
    PluginObject_TO::from_value(Exported { plugin: Some(plugin), executor }, TD_Opaque)
}

extern "C" fn construct<M: Make>() -> RootModuleResult {
    __call_root_module_loader(|| {
        let module = PluginModule {
            create: create::<M>,
            #[cfg(feature = "next-minor")]
            rehearsal: super::growth::rehearsal,
        };
        module.leak_into_prefix()
    })
}

/// The value of a plugin's one exported symbol.
#[repr(transparent)]
pub struct Header(LibHeader);

/// The header that makes plugins with `M`.
pub const fn export<M: Make>() -> Header {
    // SAFETY: `construct` returns the erased form of a `PluginModuleRef`, which is the module type
    // named here.
    Header(unsafe {
        LibHeader::from_constructor::<PluginModuleRef>(construct::<M>, CheckTypeLayout::Yes)
    })
}
