//! Streams across the waist: pulled in batches, so back-pressure costs nothing.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use abi_stable::sabi_trait;
use abi_stable::sabi_trait::TD_Opaque;
use abi_stable::std_types::{RBox, RVec};
use abi_stable::StableAbi;
use async_ffi::FfiFuture;
use futures_core::Stream;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::Mutex;

use super::future::{Imported, export};
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

#[sabi_trait]
pub trait BatchStream: Send + Sync {
    /// Waits for at least one item, then takes what is ready, up to `most`. One call at a time.
    #[sabi(last_prefix_field)]
    fn next(&self, most: u32) -> FfiFuture<Reply<Batch>>;
}

pub type BatchStreamBox = BatchStream_TO<'static, RBox<()>>;

type Source = Pin<Box<dyn Stream<Item = Result<Vec<u8>>> + Send>>;

/// A stream of encoded items, on either side of the waist.
pub struct RawStream(Kind);

enum Kind {
    Local(Source),
    Remote(Remote),
    Hosted(Box<BatchStreamBox>),
}

struct Remote {
    stream: Arc<BatchStreamBox>,
    waiting: VecDeque<Vec<u8>>,
    pending: Option<Imported<Reply<Batch>>>,
    ended: bool,
}

impl RawStream {
    /// A stream of this side.
    pub fn local(source: impl Stream<Item = Result<Vec<u8>>> + Send + 'static) -> Self {
        Self(Kind::Local(Box::pin(source)))
    }

    /// Binds a stream of this side to the executor that shall poll and drop it.
    pub(super) fn hosted_on(self, executor: &Executor) -> Self {
        match self.0 {
            Kind::Local(source) => {
                let hosted = Hosted {
                    state: Some(Arc::new(Mutex::new(State { source, failure: None }))),
                    executor: executor.clone(),
                };
                Self(Kind::Hosted(Box::new(BatchStream_TO::from_value(hosted, TD_Opaque))))
            }
            other => Self(other),
        }
    }

    pub(super) fn from_box(stream: BatchStreamBox) -> Self {
        Self(Kind::Remote(Remote {
            stream: Arc::new(stream),
            waiting: VecDeque::new(),
            pending: None,
            ended: false,
        }))
    }

    pub(super) fn into_box(self) -> BatchStreamBox {
        match self.0 {
            Kind::Hosted(stream) => *stream,
            // A stream handed over by a caller is polled where it was made; without a runtime of
            // its own it is polled by whoever pulls it.
            local => match Self(local).hosted_on(&Executor::current()).0 {
                Kind::Hosted(stream) => *stream,
                Kind::Remote(remote) => {
                    Self::local(RawStream(Kind::Remote(remote))).into_box()
                }
                Kind::Local(_) => unreachable!("a local stream was just hosted"),
            },
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
        if let Kind::Hosted(_) = &this.0 {
            let emptied = std::mem::replace(this, Self::local(futures_util::stream::empty()));
            *this = Self::from_box(emptied.into_box());
        }
        match &mut this.0 {
            Kind::Local(source) => source.as_mut().poll_next(context),
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
            let pending = self
                .pending
                .get_or_insert_with(|| Imported::new(self.stream.next(BATCH_ITEMS)));
            let reply = std::task::ready!(pending.poll_unpin(context));
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

struct State {
    source: Source,
    /// A failure that came behind items already taken; told at the next call.
    failure: Option<Error>,
}

struct Hosted {
    state: Option<Arc<Mutex<State>>>,
    executor: Executor,
}

impl BatchStream for Hosted {
    fn next(&self, most: u32) -> FfiFuture<Reply<Batch>> {
        let Some(state) = self.state.clone() else {
            return export::<Batch, _>(
                &self.executor,
                Box::pin(std::future::ready(Err(Error::internal("the stream was dropped")))),
            );
        };
        export::<Batch, _>(&self.executor, Box::pin(async move { fill(state, most).await }))
    }
}

async fn fill(state: Arc<Mutex<State>>, most: u32) -> Result<Batch> {
    let mut state = state.lock().await;
    if let Some(failure) = state.failure.take() {
        return Err(failure);
    }
    let mut items = RVec::new();
    let mut next = state.source.next().await;
    loop {
        match next {
            None => return Ok(Batch { items, end: true }),
            Some(Err(error)) if items.is_empty() => return Err(error),
            Some(Err(error)) => {
                state.failure = Some(error);
                return Ok(Batch { items, end: false });
            }
            Some(Ok(item)) => items.push(item.into()),
        }
        if items.len() >= most as usize {
            return Ok(Batch { items, end: false });
        }
        match state.source.next().now_or_never() {
            Some(ready) => next = ready,
            None => return Ok(Batch { items, end: false }),
        }
    }
}

impl Drop for Hosted {
    fn drop(&mut self) {
        let state = self.state.take();
        self.executor.drop_contained(state);
    }
}
