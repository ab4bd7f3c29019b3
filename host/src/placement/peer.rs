//! One end of the connection between the host and a worker: calls out, calls in, streams both ways.
//!
//! The two ends are alike. Each serves the targets it was given and calls those of the other; what
//! only one of them says (logs, setup) is left to its owner.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use ratchet_plugin_api::abi::{RawStream, ServiceHandle};
use ratchet_plugin_api::{Call, Code, Error, Result};
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::net::unix::OwnedReadHalf;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use super::frame::{self, Frame};
use super::outlet::Outlet;

/// Finds what a target number stands for, at the time of the call.
pub(super) type Targets = Arc<dyn Fn(u32) -> Result<ServiceHandle> + Send + Sync>;

/// Bytes read at a time.
const READ_BYTES: usize = 64 << 10;

/// Stream items asked for at a time.
const BATCH_ITEMS: u32 = 64;

/// The reason of a request whose process ended before it answered.
pub(super) const LOST: &str = "worker.lost";

/// The reason of a request whose process ended before it had read it, so that nothing of it was
/// done.
pub(super) const UNREAD: &str = "worker.unread";

/// A stream that this end serves, until the other end closes it.
type ServedStream = Arc<tokio::sync::Mutex<Option<RawStream>>>;

/// How the other end went.
enum End {
    /// It had read everything.
    Closed,
    /// It had not: a Unix socket says so.
    Reset,
}

/// One end of a connection. Cheap to clone.
#[derive(Clone)]
pub(super) struct Peer {
    shared: Arc<Shared>,
}

struct Shared {
    /// Taken by whoever reads.
    inlet: Mutex<Option<OwnedReadHalf>>,
    outlet: Outlet,
    targets: Targets,
    next_id: AtomicU64,
    awaited: Mutex<HashMap<u64, oneshot::Sender<Result<Answer>>>>,
    answering: Mutex<HashMap<u64, JoinHandle<()>>>,
    streams: Mutex<HashMap<u64, ServedStream>>,
    closed: watch::Sender<bool>,
}

/// What answers a request.
pub(super) enum Answer {
    /// A value.
    Value(Bytes),
    /// A stream's number.
    Stream(u64),
    /// Items, and whether they are the last.
    Batch(Vec<Bytes>, bool),
}

impl Peer {
    /// The end that reads and writes `socket` and serves `targets`.
    pub(super) fn new(socket: UnixStream, targets: Targets) -> Self {
        let (inlet, outlet) = socket.into_split();
        Self {
            shared: Arc::new(Shared {
                inlet: Mutex::new(Some(inlet)),
                outlet: Outlet::new(outlet),
                targets,
                next_id: AtomicU64::new(1),
                awaited: Mutex::default(),
                answering: Mutex::default(),
                streams: Mutex::default(),
                closed: watch::Sender::new(false),
            }),
        }
    }

    /// Reads frames until the other end is gone, giving `other` those that are not requests or
    /// answers. Ends every open request with `Unavailable`.
    pub(super) async fn run(&self, mut other: impl FnMut(Frame)) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        let writer = tokio::spawn(async move { shared.outlet.write_overflow().await });
        let result = self.read(&mut other).await;
        writer.abort();
        self.close(matches!(result, Ok(End::Reset)));
        result.map(drop)
    }

    async fn read(&self, other: &mut impl FnMut(Frame)) -> Result<End> {
        let inlet = lock(&self.shared.inlet).take();
        let mut inlet = inlet.ok_or_else(|| Error::internal("a connection is read twice"))?;
        let mut buffer = BytesMut::with_capacity(READ_BYTES);
        loop {
            while let Some(frame) = frame::decode(&mut buffer)? {
                self.take(frame, other);
            }
            buffer.reserve(READ_BYTES);
            match inlet.read_buf(&mut buffer).await {
                Ok(0) => return Ok(End::Closed),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(End::Reset),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn take(&self, frame: Frame, other: &mut impl FnMut(Frame)) {
        match frame {
            Frame::Call { id, target, method, call, arguments } => {
                let peer = self.clone();
                self.answer(id, async move {
                    let result = peer.shared.call(target, &method, call, arguments).await;
                    Frame::Reply { id, result: result.map(Bytes::from) }
                });
            }
            Frame::Open { id, target, method, call, arguments, input } => {
                let peer = self.clone();
                self.answer(id, async move {
                    let result = peer.open_here(target, &method, call, arguments, input).await;
                    Frame::Opened { id, result }
                });
            }
            Frame::Next { id, stream, most } => {
                let found = lock(&self.shared.streams).get(&stream).cloned();
                self.answer(id, async move {
                    Frame::Batch { id, result: pull(found, most as usize).await }
                });
            }
            Frame::Close { id, stream } => {
                let found = lock(&self.shared.streams).remove(&stream);
                let peer = self.clone();
                tokio::spawn(async move {
                    if let Some(stream) = found {
                        *stream.lock().await = None;
                    }
                    peer.send(&Frame::Reply { id, result: Ok(Bytes::new()) });
                });
            }
            Frame::Cancel { id } => self.cancelled(id),
            Frame::Reply { id, result } => self.answered(id, result.map(Answer::Value)),
            Frame::Opened { id, result } => self.answered(id, result.map(Answer::Stream)),
            Frame::Batch { id, result } => {
                self.answered(id, result.map(|(items, end)| Answer::Batch(items, end)));
            }
            Frame::Ping => {
                self.send(&Frame::Pong);
            }
            own => other(own),
        }
    }

    /// Works on a request in the background.
    fn answer(&self, id: u64, work: impl Future<Output = Frame> + Send + 'static) {
        let peer = self.clone();
        // Held while the task starts, so that it cannot end before it is known here.
        let mut answering = lock(&self.shared.answering);
        let task = tokio::spawn(async move {
            let frame = work.await;
            // A cancelled request is answered by whoever took it off the list.
            if lock(&peer.shared.answering).remove(&id).is_some() {
                peer.send(&frame);
            }
        });
        answering.insert(id, task);
    }

    /// Ends the work on a request and says so when its future has been dropped.
    fn cancelled(&self, id: u64) {
        let Some(task) = lock(&self.shared.answering).remove(&id) else { return };
        task.abort();
        let peer = self.clone();
        tokio::spawn(async move {
            // The outcome is known: it was aborted. What counts is that its future is gone.
            let _ = task.await;
            let error = Error::new(Code::Cancelled, "the caller gave it up");
            peer.send(&Frame::Reply { id, result: Err(error) });
        });
    }

    fn answered(&self, id: u64, result: Result<Answer>) {
        if let Some(waiting) = lock(&self.shared.awaited).remove(&id) {
            // Nobody waits any more: a request that was given up.
            let _ = waiting.send(result);
        }
    }

    async fn open_here(
        &self,
        target: u32,
        method: &str,
        call: Call,
        arguments: Bytes,
        input: Option<u64>,
    ) -> Result<u64> {
        let service = (self.shared.targets)(target)?;
        let input = input.map(|number| self.remote_stream(number));
        let stream = service.open(method, call, arguments.into(), input).await?;
        Ok(self.serve_stream(stream))
    }

    fn serve_stream(&self, stream: RawStream) -> u64 {
        let number = self.shared.next_id.fetch_add(1, Ordering::Relaxed);
        lock(&self.shared.streams).insert(number, Arc::new(tokio::sync::Mutex::new(Some(stream))));
        number
    }

    /// Starts a request to a target of the other end.
    pub(super) fn call(&self, target: u32, method: &str, call: Call, arguments: Bytes) -> Request {
        self.request(|id| Frame::Call { id, target, method: method.to_owned(), call, arguments })
    }

    /// Starts a request for a stream.
    pub(super) fn open(
        &self,
        target: u32,
        method: &str,
        call: Call,
        arguments: Bytes,
        input: Option<RawStream>,
    ) -> Request {
        let input = input.map(|stream| self.serve_stream(stream));
        self.request(|id| Frame::Open {
            id,
            target,
            method: method.to_owned(),
            call,
            arguments,
            input,
        })
    }

    /// Drops a stream of the other end.
    pub(super) fn close_stream(&self, stream: u64) -> Request {
        self.request(|id| Frame::Close { id, stream })
    }

    fn next(&self, stream: u64, most: u32) -> Request {
        self.request(|id| Frame::Next { id, stream, most })
    }

    /// A stream of the other end as one of this; it is closed when it is dropped.
    pub(super) fn remote_stream(&self, number: u64) -> RawStream {
        let end = StreamEnd { peer: self.clone(), number };
        let batches = stream::try_unfold(Some(end), |end| async move {
            let Some(end) = end else { return Ok(None) };
            let (items, last) = end.peer.next_batch(end.number).await?;
            Ok(Some((items, (!last).then_some(end))))
        });
        RawStream::local(flatten(batches))
    }

    /// Some items of a stream of the other end, and whether they are the last.
    pub(super) async fn next_batch(&self, stream: u64) -> Result<(Vec<Bytes>, bool)> {
        match self.next(stream, BATCH_ITEMS).answer().await? {
            Answer::Batch(items, last) => Ok((items, last)),
            _ => Err(Error::internal("another kind of answer came")),
        }
    }

    fn request(&self, frame: impl FnOnce(u64) -> Frame) -> Request {
        let id = self.shared.next_id.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        lock(&self.shared.awaited).insert(id, sender);
        if *self.shared.closed.borrow() || !self.send(&frame(id)) {
            self.answered(id, Err(unread()));
        }
        Request { peer: self.clone(), id, answer: receiver, open: true }
    }

    /// Sends a frame: at once if the socket takes it, else as soon as it does. Tells whether the
    /// connection still stands.
    pub(super) fn send(&self, frame: &Frame) -> bool {
        let bytes = match frame::encode(frame) {
            Ok(bytes) => bytes,
            Err(error) => return self.send_failure(frame, error),
        };
        self.shared.outlet.send(&bytes, frame.asks())
    }

    /// An answer too large to send becomes an answer that says so.
    fn send_failure(&self, frame: &Frame, error: Error) -> bool {
        match *frame {
            Frame::Reply { id, .. } => self.send(&Frame::Reply { id, result: Err(error) }),
            Frame::Batch { id, .. } => self.send(&Frame::Batch { id, result: Err(error) }),
            Frame::Call { id, .. } | Frame::Open { id, .. } => {
                self.answered(id, Err(error));
                true
            }
            _ => {
                tracing::warn!(%error, "a frame was not sent");
                true
            }
        }
    }

    /// Ends every open request; `reset` says that the other end left something unread.
    fn close(&self, reset: bool) {
        self.shared.closed.send_replace(true);
        let last = self.shared.outlet.unread(reset);
        for (id, waiting) in lock(&self.shared.awaited).drain() {
            let _ = waiting.send(Err(if last == Some(id) { unread() } else { lost() }));
        }
        lock(&self.shared.answering).drain().for_each(|(_, task)| task.abort());
        lock(&self.shared.streams).clear();
    }
}

impl Shared {
    async fn call(
        &self,
        target: u32,
        method: &str,
        call: Call,
        arguments: Bytes,
    ) -> Result<Vec<u8>> {
        (self.targets)(target)?.call(method, call, arguments.into()).await
    }
}

/// A request under way. Dropping it unanswered gives it up.
pub(super) struct Request {
    peer: Peer,
    id: u64,
    answer: oneshot::Receiver<Result<Answer>>,
    open: bool,
}

impl Request {
    /// Waits for the answer.
    pub(super) async fn answer(mut self) -> Result<Answer> {
        self.wait().await
    }

    /// Waits for the answer; can be given up and taken up again.
    pub(super) async fn wait(&mut self) -> Result<Answer> {
        let result = (&mut self.answer).await.unwrap_or_else(|_| Err(lost()));
        self.open = false;
        result
    }

    /// Tells the other end to give it up. Its answer then says when it has.
    pub(super) fn cancel(&self) {
        if self.open {
            self.peer.send(&Frame::Cancel { id: self.id });
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if self.open && lock(&self.peer.shared.awaited).remove(&self.id).is_some() {
            self.cancel();
        }
    }
}

/// Closes a stream of the other end when dropped.
struct StreamEnd {
    peer: Peer,
    number: u64,
}

impl Drop for StreamEnd {
    fn drop(&mut self) {
        let closing = self.peer.close_stream(self.number);
        // Nothing waits for it here, and a close must not be given up.
        closing.forget();
    }
}

impl Request {
    fn forget(mut self) {
        self.open = false;
        lock(&self.peer.shared.awaited).remove(&self.id);
    }
}

async fn pull(stream: Option<ServedStream>, most: usize) -> Result<(Vec<Bytes>, bool)> {
    let closed = || Error::new(Code::Gone, "the stream was closed");
    let stream = stream.ok_or_else(closed)?;
    let mut stream = stream.lock().await;
    let (items, end) = stream.as_mut().ok_or_else(closed)?.next_batch(most).await?;
    Ok((items.into_iter().map(Bytes::from).collect(), end))
}

/// The items of batches, one by one.
pub(super) fn flatten(
    batches: impl Stream<Item = Result<Vec<Bytes>>> + Send + 'static,
) -> impl Stream<Item = Result<Vec<u8>>> + Send + 'static {
    batches.map_ok(|items| stream::iter(items).map(|item| Ok(Vec::from(item)))).try_flatten()
}

fn lost() -> Error {
    Error::unavailable("the worker process ended").with_reason(LOST)
}

fn unread() -> Error {
    Error::unavailable("the worker process ended").with_reason(UNREAD)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
