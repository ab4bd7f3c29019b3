//! Typed services over the untyped waist: what `#[service]` generates against.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::abi::{RawService, RawStream, ServiceHandle};
use crate::call::Call;
use crate::guard::{BoxFuture, Executor};
use crate::{Code, Error, Result, Stream, wire};

/// A contract, implemented by `#[service]` for `dyn Contract`. Never implemented by hand.
pub trait Service: Send + Sync + 'static {
    /// What the contract is called and consists of.
    const DECLARATION: Declaration;

    /// A provider that forwards every method to `remote`.
    fn client(remote: Remote) -> Arc<Self>;

    /// Answers the method with this index on behalf of `provider`.
    fn call(provider: Arc<Self>, method: usize, arguments: Vec<u8>) -> BoxFuture<Result<Vec<u8>>>;

    /// Answers the streaming method with this index on behalf of `provider`.
    fn open(
        provider: Arc<Self>,
        method: usize,
        arguments: Vec<u8>,
        input: Option<RawStream>,
    ) -> BoxFuture<Result<RawStream>>;
}

/// A contract's name, version and methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Declaration {
    /// Such as `ratchet.output-sink`.
    pub id: &'static str,
    /// Providers and consumers of one major version understand each other.
    pub major: u16,
    /// Counts the additions since.
    pub minor: u16,
    /// How many providers there may be.
    pub cardinality: Cardinality,
    /// Method names, in the order of their declaration.
    pub methods: &'static [&'static str],
}

/// How many providers of a contract there may be at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cardinality {
    /// One; where two plugins offer it, configuration must say which.
    One,
    /// Any number, told apart by their instance names.
    Many,
}

/// The consumer's end of a service.
#[derive(Clone)]
pub struct Remote {
    handle: ServiceHandle,
}

impl Remote {
    /// Speaks to `handle`.
    pub fn new(handle: ServiceHandle) -> Self {
        Self { handle }
    }

    /// Calls a method that returns a value. The present [`Call`] goes along and bounds it.
    ///
    /// # Errors
    /// Those of the provider, and `Timeout` when the deadline passes first.
    pub async fn call<A, R>(&self, method: &'static str, arguments: &A) -> Result<R>
    where
        A: Serialize + Sync + ?Sized,
        R: DeserializeOwned,
    {
        let call = Call::current().child();
        let encoded = wire::encode(arguments)?;
        let reply = call.limit(self.handle.call(method, call.clone(), encoded)).await?;
        wire::decode(&reply)
    }

    /// Calls a method that returns a stream.
    ///
    /// # Errors
    /// Those of the provider, and `Timeout` when the deadline passes before the stream opens.
    pub async fn open<A, T>(
        &self,
        method: &'static str,
        arguments: &A,
        input: Option<RawStream>,
    ) -> Result<Stream<T>>
    where
        A: Serialize + Sync + ?Sized,
        T: DeserializeOwned + Send + 'static,
    {
        let call = Call::current().child();
        let encoded = wire::encode(arguments)?;
        let stream = call.limit(self.handle.open(method, call.clone(), encoded, input)).await?;
        Ok(Stream::from_raw(stream))
    }
}

/// Offers `provider` as a service whose futures `executor` runs.
pub fn export<S: Service + ?Sized>(provider: Arc<S>, executor: Executor) -> ServiceHandle {
    let methods = S::DECLARATION.methods.iter().map(|_| MethodUse::default()).collect();
    ServiceHandle::new(Arc::new(Provider { provider, methods }), executor)
}

struct Provider<S: ?Sized> {
    provider: Arc<S>,
    methods: Arc<[MethodUse]>,
}

impl<S: Service + ?Sized> Provider<S> {
    fn method(&self, name: &str) -> Result<usize> {
        let declared = &S::DECLARATION;
        declared.methods.iter().position(|method| *method == name).ok_or_else(|| {
            let (id, major, minor) = (declared.id, declared.major, declared.minor);
            let message = format!("this provider of {id} {major}.{minor} has no `{name}`");
            Error::new(Code::Unsupported, message)
        })
    }

    fn answer<T: Send + 'static>(
        &self,
        method: &str,
        call: Call,
        begin: impl FnOnce(Arc<S>, usize) -> BoxFuture<Result<T>>,
    ) -> BoxFuture<Result<T>> {
        let index = match self.method(method) {
            Ok(index) => index,
            Err(error) => return Box::pin(std::future::ready(Err(error))),
        };
        let answer = begin(Arc::clone(&self.provider), index);
        let tally = Tally::new(Arc::clone(&self.methods), index);
        Box::pin(call.clone().scope(async move {
            let result = call.limit(answer).await;
            tally.ended(result.is_err());
            result
        }))
    }
}

impl<S: Service + ?Sized> RawService for Provider<S> {
    fn call(&self, method: &str, call: Call, arguments: Vec<u8>) -> BoxFuture<Result<Vec<u8>>> {
        self.answer(method, call, |provider, index| S::call(provider, index, arguments))
    }

    fn open(
        &self,
        method: &str,
        call: Call,
        arguments: Vec<u8>,
        input: Option<RawStream>,
    ) -> BoxFuture<Result<RawStream>> {
        self.answer(method, call, |provider, index| S::open(provider, index, arguments, input))
    }

    fn describe(&self) -> String {
        let declared = &S::DECLARATION;
        let methods: Vec<_> = declared
            .methods
            .iter()
            .zip(self.methods.iter())
            .map(|(name, usage)| usage.describe(name))
            .collect();
        serde_json::json!({
            "service": declared.id,
            "version": format!("{}.{}", declared.major, declared.minor),
            "methods": methods,
        })
        .to_string()
    }
}

/// How a method has been used since its provider started.
#[derive(Default)]
struct MethodUse {
    calls: AtomicU64,
    failures: AtomicU64,
    total_ns: AtomicU64,
    slowest_ns: AtomicU64,
}

impl MethodUse {
    fn describe(&self, name: &str) -> serde_json::Value {
        let calls = self.calls.load(Ordering::Relaxed);
        let mean_ns = self.total_ns.load(Ordering::Relaxed).checked_div(calls).unwrap_or(0);
        serde_json::json!({
            "name": name,
            "calls": calls,
            "failures": self.failures.load(Ordering::Relaxed),
            "mean_us": mean_ns as f64 / 1e3,
            "slowest_us": self.slowest_ns.load(Ordering::Relaxed) as f64 / 1e3,
        })
    }
}

/// Counts one call when it ends, however it ends: an answer that is dropped was cancelled, and
/// counts as failed.
struct Tally {
    methods: Arc<[MethodUse]>,
    index: usize,
    began: Instant,
    failed: bool,
}

impl Tally {
    fn new(methods: Arc<[MethodUse]>, index: usize) -> Self {
        Self { methods, index, began: Instant::now(), failed: true }
    }

    fn ended(mut self, failed: bool) {
        self.failed = failed;
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        let elapsed = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let method = &self.methods[self.index];
        method.calls.fetch_add(1, Ordering::Relaxed);
        method.failures.fetch_add(u64::from(self.failed), Ordering::Relaxed);
        method.total_ns.fetch_add(elapsed, Ordering::Relaxed);
        method.slowest_ns.fetch_max(elapsed, Ordering::Relaxed);
    }
}
