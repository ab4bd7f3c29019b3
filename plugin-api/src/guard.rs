//! Containment: where a provider's futures run, and what becomes of its panics.
//!
//! Every future that leaves its plugin is polled *and dropped* with that plugin's runtime entered
//! (a pooled connection dropped outside it would panic) and inside `catch_unwind` in the plugin's
//! own copy of std (a panic that reached the waist would end the process).

use std::any::Any;
use std::cell::RefCell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Once;
use std::task::{Context, Poll, ready};

use tokio::runtime::{EnterGuard, Handle};
use tokio::task::JoinHandle;

use crate::{Code, Error, Result};

/// A future without its type.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send + 'static>>;

/// Where a provider's futures are polled and dropped.
#[derive(Clone, Debug)]
pub struct Executor {
    runtime: Option<Handle>,
    mode: Mode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// On the caller's thread: quick, for code that is known not to block.
    Inline,
    /// As a task of the provider's own runtime: code that blocks or loops starves itself only.
    Spawned,
}

impl Executor {
    /// Polls on the caller's thread, with `runtime` entered.
    pub fn inline(runtime: Handle) -> Self {
        Self { runtime: Some(runtime), mode: Mode::Inline }
    }

    /// Spawns on `runtime`.
    pub fn spawned(runtime: Handle) -> Self {
        Self { runtime: Some(runtime), mode: Mode::Spawned }
    }

    /// Polls on the caller's thread without any runtime, for futures that need none.
    pub fn detached() -> Self {
        Self { runtime: None, mode: Mode::Inline }
    }

    /// Polls on the caller's thread with the present runtime, if there is one, entered.
    pub fn current() -> Self {
        Self { runtime: Handle::try_current().ok(), mode: Mode::Inline }
    }

    /// Enters the runtime until the result is dropped.
    pub fn enter(&self) -> Option<EnterGuard<'_>> {
        self.runtime.as_ref().map(Handle::enter)
    }

    /// Wraps `future` so that it runs where it should and its panics become errors.
    pub fn contain<T: Send + 'static>(&self, future: BoxFuture<Result<T>>) -> Contained<T> {
        let guarded = Guarded { executor: self.clone(), future: Some(future) };
        match (&self.runtime, self.mode) {
            (Some(runtime), Mode::Spawned) => Contained::Spawned(runtime.spawn(guarded)),
            _ => Contained::Inline(guarded),
        }
    }

    /// Drops `value` with the runtime entered, containing a panic.
    pub fn drop_contained<T>(&self, value: T) {
        let _entered = self.enter();
        if let Err(payload) = catch_unwind(AssertUnwindSafe(move || drop(value))) {
            // Outside the event's arguments, which are not evaluated while the event is disabled.
            let error = panicked("dropping", payload);
            tracing::error!("a destructor panicked: {}", error.message);
        }
    }
}

/// A future whose panics are errors and whose drop is safe anywhere.
pub enum Contained<T> {
    /// Polled here.
    Inline(Guarded<T>),
    /// Polled by its own runtime; dropping this cancels it there.
    Spawned(JoinHandle<Result<T>>),
}

impl<T> Future for Contained<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T>> {
        match &mut *self {
            Contained::Inline(guarded) => Pin::new(guarded).poll(context),
            Contained::Spawned(task) => Poll::Ready(match ready!(Pin::new(task).poll(context)) {
                Ok(result) => result,
                Err(failed) if failed.is_panic() => Err(panicked("a call", failed.into_panic())),
                Err(_) => Err(Error::new(Code::Gone, "the plugin was stopped during the call")),
            }),
        }
    }
}

impl<T> Drop for Contained<T> {
    fn drop(&mut self) {
        if let Contained::Spawned(task) = self {
            task.abort();
        }
    }
}

/// A future polled and dropped inside its runtime and inside `catch_unwind`.
pub struct Guarded<T> {
    executor: Executor,
    future: Option<BoxFuture<Result<T>>>,
}

impl<T> Future for Guarded<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T>> {
        let this = &mut *self;
        let Some(future) = &mut this.future else {
            return Poll::Ready(Err(Error::internal("a finished call was polled again")));
        };
        let polled = {
            let _entered = this.executor.enter();
            catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)))
        };
        let result = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(result)) => result,
            Err(payload) => Err(panicked("a call", payload)),
        };
        let finished = this.future.take();
        this.executor.drop_contained(finished);
        Poll::Ready(result)
    }
}

impl<T> Drop for Guarded<T> {
    fn drop(&mut self) {
        if let Some(future) = self.future.take() {
            self.executor.drop_contained(future);
        }
    }
}

thread_local! {
    static LAST_PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Makes this copy of std note where a panic happened instead of writing it to standard error.
pub(crate) fn install_panic_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|panic| {
            let message = message_of(panic.payload());
            let location = panic.location().map(|at| format!(" at {at}")).unwrap_or_default();
            let text = format!("{message}{location}");
            tracing::error!(target: "panic", "{text}");
            let _ = LAST_PANIC.try_with(|last| *last.borrow_mut() = Some(text));
        }));
    });
}

/// The error a caught panic becomes.
pub(crate) fn panicked(what: &str, payload: Box<dyn Any + Send>) -> Error {
    let noted = LAST_PANIC.try_with(|last| last.borrow_mut().take()).ok().flatten();
    let text = noted.unwrap_or_else(|| message_of(&*payload));
    discard(payload);
    Error::new(Code::Panicked, format!("{what} panicked: {text}"))
}

fn message_of(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "a value that is not text".to_owned()
    }
}

/// Drops a panic's payload, whose own destructor may panic too (rust-lang/rust#86027): then the
/// second payload is leaked.
pub(crate) fn discard(payload: Box<dyn Any + Send>) {
    if let Err(second) = catch_unwind(AssertUnwindSafe(move || drop(payload))) {
        std::mem::forget(second);
    }
}
