//! Futures across the waist.
//!
//! `async-ffi` aborts the process when a future panics while it is dropped, and an `async-ffi`
//! waker aborts when waking panics. So a future goes out only wrapped by the callee's guard, and
//! is polled only with a waker that contains panics of the caller's executor.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use async_ffi::{FfiFuture, FutureExt};

use super::{Reply, reply};
use crate::Result;
use crate::guard::{BoxFuture, Executor};

/// Hands `future` out, to be polled and dropped as `executor` says.
pub(super) fn export<T, U>(executor: &Executor, future: BoxFuture<Result<T>>) -> FfiFuture<Reply<U>>
where
    T: Send + 'static,
    U: From<T> + Send + 'static,
{
    let contained = executor.contain(future);
    async move { reply(contained.await) }.into_ffi()
}

/// Polls a future that came across.
pub(super) struct Imported<T> {
    future: FfiFuture<T>,
    /// The caller's waker and the same one made safe.
    waker: Option<(Waker, Waker)>,
}

impl<T> Imported<T> {
    pub(super) fn new(future: FfiFuture<T>) -> Self {
        Self { future, waker: None }
    }
}

impl<T> Future for Imported<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let this = &mut *self;
        if !matches!(&this.waker, Some((known, _)) if known.will_wake(context.waker())) {
            let known = context.waker().clone();
            let contained = Waker::from(Arc::new(ContainedWaker(known.clone())));
            this.waker = Some((known, contained));
        }
        match &this.waker {
            Some((_, contained)) => {
                Pin::new(&mut this.future).poll(&mut Context::from_waker(contained))
            }
            None => Poll::Pending,
        }
    }
}

/// Wakes the caller's executor and swallows a panic it answers with: the panic belongs to the
/// caller, and must not unwind through the callee's stack.
struct ContainedWaker(Waker);

impl Wake for ContainedWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| self.0.wake_by_ref())) {
            crate::guard::discard(payload);
        }
    }
}
