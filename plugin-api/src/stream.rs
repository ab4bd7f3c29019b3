//! Typed streams.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::StreamExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;

use crate::abi::RawStream;
use crate::{Code, Error, Result, wire};

/// A stream of `T` that a service returns or takes. It is pulled: nothing is produced faster than
/// it is read, and dropping it cancels whatever produces it.
pub struct Stream<T>(Pin<Box<dyn futures_core::Stream<Item = Result<T>> + Send>>);

impl<T: Send + 'static> Stream<T> {
    /// Makes a stream of any other.
    pub fn new(source: impl futures_core::Stream<Item = Result<T>> + Send + 'static) -> Self {
        Self(Box::pin(source))
    }

    /// A stream fed from elsewhere, holding at most `capacity` items that nobody has read.
    pub fn channel(capacity: usize) -> (StreamSender<T>, Self) {
        let (sender, mut receiver) = mpsc::channel(capacity);
        let stream = futures_util::stream::poll_fn(move |context| receiver.poll_recv(context));
        (StreamSender(sender), Self::new(stream))
    }

    /// The next item; none at the end.
    pub async fn next(&mut self) -> Option<Result<T>> {
        self.0.next().await
    }
}

impl<T> futures_core::Stream for Stream<T> {
    type Item = Result<T>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<T>>> {
        self.0.as_mut().poll_next(context)
    }
}

impl<T: Serialize + Send + 'static> Stream<T> {
    #[doc(hidden)]
    pub fn into_raw(self) -> RawStream {
        RawStream::local(self.map(|item| item.and_then(|item| wire::encode(&item))))
    }
}

impl<T: DeserializeOwned + Send + 'static> Stream<T> {
    #[doc(hidden)]
    pub fn from_raw(raw: RawStream) -> Self {
        Self::new(raw.map(|item| item.and_then(|bytes| wire::decode(&bytes))))
    }
}

/// The feeding end of [`Stream::channel`].
pub struct StreamSender<T>(mpsc::Sender<Result<T>>);

impl<T> Clone for StreamSender<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> StreamSender<T> {
    /// Sends `item`, waiting while the stream is full.
    ///
    /// # Errors
    /// `Cancelled` when nobody reads any more.
    pub async fn send(&self, item: Result<T>) -> Result<()> {
        self.0.send(item).await.map_err(|_| unread())
    }

    /// Sends `item` from a thread that may block, waiting while the stream is full.
    ///
    /// # Errors
    /// `Cancelled` when nobody reads any more.
    pub fn send_blocking(&self, item: Result<T>) -> Result<()> {
        self.0.blocking_send(item).map_err(|_| unread())
    }

    /// Ends when nobody reads any more.
    pub async fn closed(&self) {
        self.0.closed().await;
    }
}

fn unread() -> Error {
    Error::new(Code::Cancelled, "nobody reads the stream any more")
}
