//! A plugin's way to everything outside itself.

use std::future::Future;
use std::marker::PhantomData;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::abi::{Binding, Host, HostHandle};
use crate::call::Call;
use crate::guard::Executor;
use crate::service::{Remote, Service, export};
use crate::{Code, Error, Result};

/// What a plugin is given to work with. Cheap to clone; every clone is the same.
#[derive(Clone)]
pub struct Context {
    plugin: Arc<str>,
    host: HostHandle,
    runtime: Handle,
}

impl Context {
    /// A context for the plugin called `plugin`, for hosts and tests.
    pub fn new(plugin: &str, host: HostHandle, runtime: Handle) -> Self {
        Self { plugin: plugin.into(), host, runtime }
    }

    /// The plugin's id, such as `acme.output.s3`.
    pub fn id(&self) -> &str {
        &self.plugin
    }

    /// A place for the provider of `S`: the only one, or the one configuration binds. It need not
    /// be there yet.
    pub fn slot<S: Service + ?Sized>(&self) -> Slot<S> {
        Slot::new(self.host.clone(), None)
    }

    /// A place for the provider of `S` called `instance`.
    pub fn slot_named<S: Service + ?Sized>(&self, instance: &str) -> Slot<S> {
        Slot::new(self.host.clone(), Some(instance.to_owned()))
    }

    /// All present providers of `S` by their instance names, in plan order.
    pub fn all<S: Service + ?Sized>(&self) -> Vec<(String, Arc<S>)> {
        let bindings = self.host.bind_all(S::DECLARATION.id, S::DECLARATION.major);
        bindings
            .into_iter()
            .map(|binding| (binding.instance, S::client(Remote::new(binding.service))))
            .collect()
    }

    /// Ends when providers have come or gone since the `seen`-th change (0 at first); gives the
    /// number to pass next time.
    ///
    /// # Errors
    /// `Gone` when the host is stopping.
    pub async fn changed(&self, seen: u64) -> Result<u64> {
        self.host.changed(seen).await
    }

    /// Offers a provider that is only known at run time; those of `plugin!` are offered by
    /// themselves. It is withdrawn when the result is dropped, and when the plugin stops.
    ///
    /// # Errors
    /// `Conflict` when there is one of that name already, or may only be one.
    pub fn provide<S: Service + ?Sized>(
        &self,
        instance: &str,
        provider: Arc<S>,
    ) -> Result<Provided> {
        let executor = Executor::spawned(self.runtime.clone());
        self.provide_on(instance, provider, executor)
    }

    pub(crate) fn provide_on<S: Service + ?Sized>(
        &self,
        instance: &str,
        provider: Arc<S>,
        executor: Executor,
    ) -> Result<Provided> {
        let declared = &S::DECLARATION;
        let handle = export::<S>(provider, executor);
        let registration = self.host.provide(declared.id, declared.major, instance, handle)?;
        Ok(Provided { host: self.host.clone(), registration })
    }

    /// Runs `future` in the background as part of the present call's trace.
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.runtime.spawn(Call::current().scope(future))
    }

    /// The plugin's own tokio runtime, for code that has to enter or block on it from a thread of
    /// its own.
    pub fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Ends when the plugin shall stop.
    pub async fn stopping(&self) {
        // An error means the host is gone, which is a reason to stop too.
        let _ = self.host.stopping().await;
    }

    /// Writes to the process's standard output. A plugin's own `println!` goes to standard error,
    /// so that it cannot damage what the host or a protocol writes there.
    ///
    /// # Errors
    /// `Unavailable` when the reader has closed it.
    pub fn print(&self, text: impl AsRef<[u8]>) -> Result<()> {
        self.host.print(text.as_ref())
    }

    /// The host, for the rehearsal of growth.
    #[cfg(feature = "next-minor")]
    pub fn host(&self) -> &HostHandle {
        &self.host
    }

    /// Asks the host about itself, such as `plugins`; the answer is JSON.
    ///
    /// # Errors
    /// `Unsupported` when this host does not know the question.
    pub fn query(&self, what: &str, arguments: &str) -> Result<String> {
        self.host.query(what, arguments)
    }
}

/// An offer that stands until it is dropped.
#[must_use = "dropping it withdraws the service"]
pub struct Provided {
    host: HostHandle,
    registration: u64,
}

impl Drop for Provided {
    fn drop(&mut self) {
        self.host.withdraw(self.registration);
    }
}

/// Where a service is plugged in. What is in it may change or go while the program runs, so it is
/// asked each time: [`Slot::get`] gives a live provider or an error, and never waits.
pub struct Slot<S: ?Sized> {
    inner: Arc<Inner<S>>,
}

struct Inner<S: ?Sized> {
    host: HostHandle,
    instance: Option<String>,
    bound: RwLock<Option<(Binding, Arc<S>)>>,
    service: PhantomData<fn() -> Arc<S>>,
}

impl<S: ?Sized> Clone for Slot<S> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<S: Service + ?Sized> Slot<S> {
    fn new(host: HostHandle, instance: Option<String>) -> Self {
        let bound = RwLock::new(None);
        Self { inner: Arc::new(Inner { host, instance, bound, service: PhantomData }) }
    }

    /// The live provider.
    ///
    /// # Errors
    /// `Gone` when there is none: not loaded, not yet started, or withdrawn.
    pub fn get(&self) -> Result<Arc<S>> {
        if let Some((binding, service)) =
            &*self.inner.bound.read().unwrap_or_else(PoisonError::into_inner)
            && binding.alive.get()
        {
            return Ok(Arc::clone(service));
        }
        self.rebind()
    }

    #[cold]
    fn rebind(&self) -> Result<Arc<S>> {
        let declared = &S::DECLARATION;
        let mut bound = self.inner.bound.write().unwrap_or_else(PoisonError::into_inner);
        *bound = None;
        let instance = self.inner.instance.as_deref();
        let binding = self.inner.host.bind(declared.id, declared.major, instance)?;
        if !binding.alive.get() {
            return Err(Error::new(Code::Gone, format!("{} was withdrawn", declared.id)));
        }
        let service = S::client(Remote::new(binding.service.clone()));
        *bound = Some((binding, Arc::clone(&service)));
        Ok(service)
    }
}
