//! A plugin from being made to being dropped: what stands between [`Plugin`] and the waist.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Runtime;

use crate::abi::{HostHandle, RawPlugin};
use crate::call::Call;
use crate::context::Provided;
use crate::guard::{BoxFuture, Executor, install_panic_hook};
use crate::{Code, Context, Error, Plugin, Result, bridge};

/// Worker threads of a plugin's runtime. Plugins wait far more than they compute, and what blocks
/// belongs on `spawn_blocking`; a second thread keeps one careless future from stopping the rest.
const WORKER_THREADS: usize = 2;

/// Threads for blocking work that a plugin may have at once.
const BLOCKING_THREADS: usize = 32;

/// How long the runtime of a dropped plugin may take to end blocking work.
const RUNTIME_GRACE: Duration = Duration::from_millis(50);

/// What `plugin!` knows of a plugin's type.
pub trait Provides: Plugin {
    /// The plugin's id.
    const ID: &'static str;

    /// Offers every service of the plugin.
    ///
    /// # Errors
    /// `Conflict` when one is offered by someone else.
    fn provide(context: &Context, plugin: &Arc<Self>) -> Result<Vec<Provided>>;
}

/// A made plugin of type `P`.
pub(crate) struct Instance<P> {
    context: Context,
    running: Arc<Mutex<Option<Running<P>>>>,
    runtime: Option<Runtime>,
}

struct Running<P> {
    plugin: Arc<P>,
    provided: Vec<Provided>,
}

/// Makes a plugin: its runtime, its panic hook and its way to the host's log.
///
/// # Errors
/// `Unavailable` when no thread can be started.
pub fn make<P: Provides>(host: HostHandle) -> Result<(Arc<dyn RawPlugin>, Executor)> {
    bridge::install(P::ID, host.clone());
    install_panic_hook();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKER_THREADS)
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_name(format!("rt-{}", P::ID.rsplit('.').next().unwrap_or(P::ID)))
        .enable_all()
        .build()?;
    let executor = Executor::spawned(runtime.handle().clone());
    let context = Context::new(P::ID, host, runtime.handle().clone());
    let running = Arc::new(Mutex::new(None));
    let instance = Instance::<P> { context, running, runtime: Some(runtime) };
    Ok((Arc::new(instance), executor))
}

impl<P: Provides> RawPlugin for Instance<P> {
    fn start(&self, config: String) -> BoxFuture<Result<()>> {
        let (context, running) = (self.context.clone(), Arc::clone(&self.running));
        Box::pin(async move {
            let config = serde_json::from_str(&config).map_err(|error| {
                let message = format!("the configuration of {} does not fit", P::ID);
                Error::wrap(Code::Configuration, message, &error)
            })?;
            let plugin = Arc::new(P::start(context.clone(), config).await?);
            let provided = P::provide(&context, &plugin)?;
            *running.lock().unwrap_or_else(PoisonError::into_inner) =
                Some(Running { plugin, provided });
            Ok(())
        })
    }

    fn stop(&self, call: Call) -> BoxFuture<Result<()>> {
        let running = Arc::clone(&self.running);
        Box::pin(call.clone().scope(async move {
            let taken = running.lock().unwrap_or_else(PoisonError::into_inner).take();
            let Some(Running { plugin, provided }) = taken else { return Ok(()) };
            drop(provided);
            call.limit(async { plugin.stop().await }).await
        }))
    }
}

impl<P> Drop for Instance<P> {
    fn drop(&mut self) {
        drop(self.running.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(runtime) = self.runtime.take() {
            // Elsewhere, because this may be a thread that must not block, even one of its own.
            let _ = std::thread::Builder::new()
                .name("rt-shutdown".into())
                .spawn(move || runtime.shutdown_timeout(RUNTIME_GRACE));
        }
    }
}
