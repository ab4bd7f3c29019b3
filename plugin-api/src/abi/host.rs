//! What the host offers a plugin.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use abi_stable::StableAbi;
use abi_stable::sabi_trait;
use abi_stable::sabi_trait::TD_Opaque;
use abi_stable::std_types::{RArc, RBox, RStr, RString, RVec};
use async_ffi::FfiFuture;

use super::future::{Imported, export};
use super::growth::{growing, rehearsed};
use super::service::{ServiceBox, ServiceHandle};
use super::{Reply, guarded, reply, unreply};
use crate::Result;
use crate::guard::{BoxFuture, Executor};

/// A found service: how to call it, and whether it still stands.
#[derive(Clone)]
pub struct Binding {
    /// The service.
    pub service: ServiceHandle,
    /// Turns false for ever when the provider withdraws.
    pub alive: Alive,
    /// The provider's instance name; empty for the only one.
    pub instance: String,
    /// The plugin that provides it.
    pub plugin: String,
}

/// Whether a binding still stands.
#[derive(Clone)]
pub struct Alive(RArc<AtomicBool>);

impl Alive {
    /// A binding that stands until [`Alive::end`].
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self(RArc::new(AtomicBool::new(true)))
    }

    /// Whether it still stands.
    pub fn get(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Ends it.
    pub fn end(&self) {
        self.0.store(false, Ordering::Release);
    }
}

/// One event or message on its way to the host's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRecord {
    /// 1 error, 2 warn, 3 info, 4 debug, 5 trace.
    pub level: u8,
    /// The plugin it comes from.
    pub plugin: String,
    /// Which part of the code speaks, such as `ratchet_http_fetch::policy`.
    pub target: String,
    /// The source file it is written in; empty where it is not known.
    pub file: String,
    /// The line in that file; 0 where it is not known.
    pub line: u32,
    /// What happened.
    pub message: String,
    /// The event's fields: a JSON object, or empty.
    pub fields: String,
    /// The spans it happened in, outermost first, joined by `:`; or empty.
    pub spans: String,
    /// The trace; zero for none.
    pub trace: u128,
    /// The execution's id; zero for none.
    pub execution: u128,
}

/// What the host implements, in plain Rust.
pub trait Host: Send + Sync + 'static {
    /// Finds the provider of a contract: the only one, the one bound by configuration, or the one
    /// called `instance`.
    fn bind(&self, service: &str, major: u16, instance: Option<&str>) -> Result<Binding>;

    /// All providers of a contract, in plan order.
    fn bind_all(&self, service: &str, major: u16) -> Vec<Binding>;

    /// Offers a service in the name of a plugin; the number withdraws it.
    fn provide(
        &self,
        service: &str,
        major: u16,
        instance: &str,
        handle: ServiceHandle,
    ) -> Result<u64>;

    /// Takes an offer back.
    fn withdraw(&self, registration: u64);

    /// Ends when the set of providers has changed since the `seen`-th change; gives the present
    /// number of changes.
    fn changed(&self, seen: u64) -> BoxFuture<Result<u64>>;

    /// Ends when the plugin shall stop.
    fn stopping(&self) -> BoxFuture<Result<()>>;

    /// Writes to the process's standard output, which only the host holds.
    fn print(&self, text: &[u8]) -> Result<()>;

    /// Takes an event for the log.
    fn log(&self, record: LogRecord);

    /// The most verbose level (1 to 5) anything listens to.
    fn log_gate(&self) -> &'static AtomicU8;

    /// Answers a question about the host itself, such as `plugins`: JSON in, JSON out. Room for
    /// what later hosts can tell.
    fn query(&self, what: &str, arguments: &str) -> Result<String>;
}

#[repr(C)]
#[derive(StableAbi)]
pub struct RawBinding {
    service: ServiceBox,
    alive: RArc<AtomicBool>,
    instance: RString,
    plugin: RString,
}

#[repr(C)]
#[derive(StableAbi)]
pub struct RawRecord {
    level: u8,
    plugin: RString,
    target: RString,
    file: RString,
    line: u32,
    message: RString,
    fields: RString,
    spans: RString,
    trace_high: u64,
    trace_low: u64,
    execution_high: u64,
    execution_low: u64,
}

growing! {
    #[sabi_trait]
    pub trait HostObject: Send + Sync {
        fn bind(&self, service: RStr<'_>, major: u16, instance: RStr<'_>) -> Reply<RawBinding>;
        fn bind_all(&self, service: RStr<'_>, major: u16) -> RVec<RawBinding>;
        fn provide(
            &self,
            service: RStr<'_>,
            major: u16,
            instance: RStr<'_>,
            handle: ServiceBox,
        ) -> Reply<u64>;
        fn withdraw(&self, registration: u64);
        fn changed(&self, seen: u64) -> FfiFuture<Reply<u64>>;
        fn stopping(&self) -> FfiFuture<Reply<()>>;
        fn print(&self, text: RVec<u8>) -> Reply<()>;
        fn log(&self, record: RawRecord);
        fn log_gate(&self) -> &'static AtomicU8;
        #[sabi(last_prefix_field)]
        fn query(&self, what: RStr<'_>, arguments: RStr<'_>) -> Reply<RString>;
    }
}

pub type HostBox = RArc<HostObject_TO<'static, RBox<()>>>;

/// A plugin's view of its host. Cheap to clone.
#[derive(Clone)]
pub struct HostHandle(pub(super) HostBox);

impl HostHandle {
    /// Offers `host`, whose futures `executor` polls and drops.
    pub fn new(host: Arc<dyn Host>, executor: Executor) -> Self {
        Self(RArc::new(HostObject_TO::from_value(Exported { host, executor }, TD_Opaque)))
    }
}

impl Host for HostHandle {
    fn bind(&self, service: &str, major: u16, instance: Option<&str>) -> Result<Binding> {
        unreply(self.0.bind(service.into(), major, instance.unwrap_or_default().into()))
    }

    fn bind_all(&self, service: &str, major: u16) -> Vec<Binding> {
        self.0.bind_all(service.into(), major).into_iter().map(Binding::from).collect()
    }

    fn provide(
        &self,
        service: &str,
        major: u16,
        instance: &str,
        handle: ServiceHandle,
    ) -> Result<u64> {
        unreply(self.0.provide(service.into(), major, instance.into(), handle.0))
    }

    fn withdraw(&self, registration: u64) {
        self.0.withdraw(registration);
    }

    fn changed(&self, seen: u64) -> BoxFuture<Result<u64>> {
        let reply = Imported::new(self.0.changed(seen));
        Box::pin(async move { unreply(reply.await) })
    }

    fn stopping(&self) -> BoxFuture<Result<()>> {
        let reply = Imported::new(self.0.stopping());
        Box::pin(async move { unreply(reply.await) })
    }

    fn print(&self, text: &[u8]) -> Result<()> {
        unreply(self.0.print(text.into()))
    }

    fn log(&self, record: LogRecord) {
        self.0.log(record.into());
    }

    fn log_gate(&self) -> &'static AtomicU8 {
        self.0.log_gate()
    }

    fn query(&self, what: &str, arguments: &str) -> Result<String> {
        unreply(self.0.query(what.into(), arguments.into()))
    }
}

struct Exported {
    host: Arc<dyn Host>,
    executor: Executor,
}

impl HostObject for Exported {
    fn bind(&self, service: RStr<'_>, major: u16, instance: RStr<'_>) -> Reply<RawBinding> {
        let instance = Some(instance.as_str()).filter(|name| !name.is_empty());
        reply(guarded("bind", || self.host.bind(service.as_str(), major, instance)))
    }

    fn bind_all(&self, service: RStr<'_>, major: u16) -> RVec<RawBinding> {
        let found = guarded("bind_all", || Ok(self.host.bind_all(service.as_str(), major)));
        found.unwrap_or_default().into_iter().map(RawBinding::from).collect()
    }

    fn provide(
        &self,
        service: RStr<'_>,
        major: u16,
        instance: RStr<'_>,
        handle: ServiceBox,
    ) -> Reply<u64> {
        reply(guarded("provide", || {
            self.host.provide(service.as_str(), major, instance.as_str(), ServiceHandle(handle))
        }))
    }

    fn withdraw(&self, registration: u64) {
        drop(guarded("withdraw", || {
            self.host.withdraw(registration);
            Ok(())
        }));
    }

    fn changed(&self, seen: u64) -> FfiFuture<Reply<u64>> {
        export(&self.executor, self.host.changed(seen))
    }

    fn stopping(&self) -> FfiFuture<Reply<()>> {
        export(&self.executor, self.host.stopping())
    }

    fn print(&self, text: RVec<u8>) -> Reply<()> {
        reply(guarded("print", || self.host.print(&text)))
    }

    fn log(&self, record: RawRecord) {
        drop(guarded("log", || {
            self.host.log(record.into());
            Ok(())
        }));
    }

    fn log_gate(&self) -> &'static AtomicU8 {
        self.host.log_gate()
    }

    fn query(&self, what: RStr<'_>, arguments: RStr<'_>) -> Reply<RString> {
        reply(guarded("query", || self.host.query(what.as_str(), arguments.as_str())))
    }

    rehearsed! {}
}

impl From<Binding> for RawBinding {
    fn from(binding: Binding) -> Self {
        Self {
            service: binding.service.0,
            alive: binding.alive.0,
            instance: binding.instance.into(),
            plugin: binding.plugin.into(),
        }
    }
}

impl From<RawBinding> for Binding {
    fn from(raw: RawBinding) -> Self {
        Self {
            service: ServiceHandle(raw.service),
            alive: Alive(raw.alive),
            instance: raw.instance.into(),
            plugin: raw.plugin.into(),
        }
    }
}

impl From<LogRecord> for RawRecord {
    fn from(record: LogRecord) -> Self {
        Self {
            level: record.level,
            plugin: record.plugin.into(),
            target: record.target.into(),
            file: record.file.into(),
            line: record.line,
            message: record.message.into(),
            fields: record.fields.into(),
            spans: record.spans.into(),
            trace_high: (record.trace >> 64) as u64,
            trace_low: record.trace as u64,
            execution_high: (record.execution >> 64) as u64,
            execution_low: record.execution as u64,
        }
    }
}

impl From<RawRecord> for LogRecord {
    fn from(raw: RawRecord) -> Self {
        let join = |high: u64, low: u64| (u128::from(high) << 64) | u128::from(low);
        Self {
            level: raw.level,
            plugin: raw.plugin.into(),
            target: raw.target.into(),
            file: raw.file.into(),
            line: raw.line,
            message: raw.message.into(),
            fields: raw.fields.into(),
            spans: raw.spans.into(),
            trace: join(raw.trace_high, raw.trace_low),
            execution: join(raw.execution_high, raw.execution_low),
        }
    }
}
