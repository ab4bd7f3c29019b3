//! Streams across the waist: pulled in batches, so back-pressure costs nothing.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use abi_stable::StableAbi;
use abi_stable::sabi_trait;
use abi_stable::sabi_trait::TD_Opaque;
use abi_stable::std_types::{RBox, RVec};
use async_ffi::FfiFuture;
use futures_core::Stream;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::Mutex;

use super::future::{Imported, export};
use super::growth::{growing, rehearsed};
use super::{Reply, unreply};
use crate::guard::Executor;
use crate::{Error, Result};

/// Items asked for at a time: enough that a hop's cost vanishes, few enough to stay prompt.
const BATCH_ITEMS: u32 = 64;

#[repr(C)]
#[derive(StableAbi)]
pub struct Batch {
    items: RVec<RVec<u8>>,
    /// Nothing follows.
    end: bool,
}

growing! {
    #[sabi_trait]
    pub trait BatchStream: Send + Sync {
        /// Waits for at least one item, then takes what is ready, up to `most`. One call at a time.
        #[sabi(last_prefix_field)]
        fn next(&self, most: u32) -> FfiFuture<Reply<Batch>>;
    }
}

pub type BatchStreamBox = BatchStream_TO<'static, RBox<()>>;

/// A stream of encoded items, on either side of the waist.
pub struct RawStream {
    kind: Kind,
    /// A failure that came behind items already taken as a batch; told by the next one.
    failure: Option<Error>,
}

enum Kind {
    /// Of this side.
    Local(Pin<Box<dyn Stream<Item = Result<Vec<u8>>> + Send>>),
    /// Of the other side.
    Remote(Remote),
    /// Of this side, ready to be handed to the other.
    Hosted(Box<BatchStreamBox>),
}

struct Remote {
    stream: Arc<BatchStreamBox>,
    waiting: VecDeque<Vec<u8>>,
    pending: Option<Imported<Reply<Batch>>>,
    ended: bool,
}

impl From<Kind> for RawStream {
    fn from(kind: Kind) -> Self {
        Self { kind, failure: None }
    }
}

impl RawStream {
    /// A stream of this side.
    pub fn local(source: impl Stream<Item = Result<Vec<u8>>> + Send + 'static) -> Self {
        Kind::Local(Box::pin(source)).into()
    }

    /// Waits for at least one item, then takes what is ready, up to `most`; the flag says that
    /// nothing follows.
    ///
    /// # Errors
    /// That of the stream, after which nothing follows.
    pub async fn next_batch(&mut self, most: usize) -> Result<(Vec<Vec<u8>>, bool)> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        let mut items = Vec::new();
        let mut next = self.next().await;
        loop {
            match next {
                None => return Ok((items, true)),
                Some(Err(error)) if items.is_empty() => return Err(error),
                Some(Err(error)) => {
                    self.failure = Some(error);
                    return Ok((items, false));
                }
                Some(Ok(item)) => items.push(item),
            }
            if items.len() >= most {
                return Ok((items, false));
            }
            match self.next().now_or_never() {
                Some(ready) => next = ready,
                None => return Ok((items, false)),
            }
        }
    }

    #[cfg(feature = "next-minor")]
    pub(super) fn boxed(&self) -> Option<&BatchStreamBox> {
        match &self.kind {
            Kind::Remote(remote) => Some(&remote.stream),
            Kind::Hosted(stream) => Some(stream),
            Kind::Local(_) => None,
        }
    }

    /// Binds a stream of this side to the executor that shall poll and drop it.
    pub(super) fn hosted_on(self, executor: &Executor) -> Self {
        match self.kind {
            Kind::Hosted(_) => self,
            Kind::Local(_) | Kind::Remote(_) => {
                let hosted =
                    Hosted { stream: Some(Arc::new(Mutex::new(self))), executor: executor.clone() };
                Kind::Hosted(Box::new(BatchStream_TO::from_value(hosted, TD_Opaque))).into()
            }
        }
    }

    pub(super) fn from_box(stream: BatchStreamBox) -> Self {
        let stream = Arc::new(stream);
        Kind::Remote(Remote { stream, waiting: VecDeque::new(), pending: None, ended: false })
            .into()
    }

    /// The form in which it crosses. A stream that a caller hands over is polled with the caller's
    /// runtime.
    pub(super) fn into_box(self) -> BatchStreamBox {
        match self.hosted_on(&Executor::current()).kind {
            Kind::Hosted(stream) => *stream,
            Kind::Local(_) | Kind::Remote(_) => unreachable!("it was just hosted"),
        }
    }
}

impl From<RawStream> for BatchStreamBox {
    fn from(stream: RawStream) -> Self {
        stream.into_box()
    }
}

impl From<BatchStreamBox> for RawStream {
    fn from(stream: BatchStreamBox) -> Self {
        Self::from_box(stream)
    }
}

impl Stream for RawStream {
    type Item = Result<Vec<u8>>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if let Kind::Hosted(_) = &this.kind {
            let hosted = std::mem::replace(this, Self::local(futures_util::stream::empty()));
            *this = Self::from_box(hosted.into_box());
        }
        match &mut this.kind {
            Kind::Local(source) => {
                // Contained item by item, so that those before a panic still arrive.
                let polled = catch_unwind(AssertUnwindSafe(|| source.as_mut().poll_next(context)));
                polled.unwrap_or_else(|payload| {
                    let error = crate::guard::panicked("a stream", payload);
                    *this = Self::local(futures_util::stream::empty());
                    Poll::Ready(Some(Err(error)))
                })
            }
            Kind::Remote(remote) => remote.poll_next(context),
            Kind::Hosted(_) => Poll::Ready(None),
        }
    }
}

impl Remote {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Vec<u8>>>> {
        loop {
            if let Some(item) = self.waiting.pop_front() {
                return Poll::Ready(Some(Ok(item)));
            }
            if self.ended {
                return Poll::Ready(None);
            }
            let pending =
                self.pending.get_or_insert_with(|| Imported::new(self.stream.next(BATCH_ITEMS)));
            let reply = ready!(pending.poll_unpin(context));
            self.pending = None;
            match unreply::<_, Batch>(reply) {
                Ok(batch) => {
                    self.ended = batch.end;
                    self.waiting.extend(batch.items.into_iter().map(Vec::from));
                }
                Err(error) => {
                    self.ended = true;
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }
}

struct Hosted {
    /// Taken when dropped, so that dropping it can be guarded.
    stream: Option<Arc<Mutex<RawStream>>>,
    executor: Executor,
}

impl BatchStream for Hosted {
    fn next(&self, most: u32) -> FfiFuture<Reply<Batch>> {
        let stream = self.stream.clone();
        export::<Batch, _>(
            &self.executor,
            Box::pin(async move {
                let Some(stream) = stream else {
                    return Err(Error::internal("the stream was dropped"));
                };
                let (items, end) = stream.lock().await.next_batch(most as usize).await?;
                Ok(Batch { items: items.into_iter().map(Into::into).collect(), end })
            }),
        )
    }

    rehearsed! {}
}

impl Drop for Hosted {
    fn drop(&mut self) {
        let stream = self.stream.take();
        self.executor.drop_contained(stream);
    }
}
