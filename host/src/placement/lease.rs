//! One call of a pooled service, from finding a worker to leaving it free again.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use ratchet_plugin_api::abi::{RawService, RawStream};
use ratchet_plugin_api::raw::BoxFuture;
use ratchet_plugin_api::{Call, Code, Error, Result};
use tokio::sync::OwnedSemaphorePermit;

use super::peer::{self, Answer, Peer, Request, flatten};
use super::pool::Pool;
use super::worker::Worker;

/// How long a worker may take to end a call that was given up or is out of time.
const GRACE: Duration = Duration::from_millis(100);

/// The right to make one call of one worker.
pub(super) struct Lease {
    pool: Pool,
    worker: Arc<Worker>,
    _permit: OwnedSemaphorePermit,
}

impl Lease {
    pub(super) fn new(pool: Pool, worker: Arc<Worker>, permit: OwnedSemaphorePermit) -> Self {
        Self { pool, worker, _permit: permit }
    }

    /// Waits until the worker has started.
    pub(super) async fn ready(&self) -> Result<()> {
        self.worker.ready().await
    }

    /// The error to give instead of `error`: why the worker ended, if it has.
    async fn explain(&self, error: Error) -> Failure {
        match error.reason.as_deref() {
            Some(peer::LOST) => self.worker.death().await.into(),
            Some(peer::UNREAD) => Failure { error: self.worker.death().await, unread: true },
            _ => error.into(),
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.pool.finished(&self.worker);
    }
}

/// Why a call was not answered.
struct Failure {
    error: Error,
    /// The worker ended before it had read the call, so another may be asked.
    unread: bool,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, unread: false }
    }
}

/// A call under way. However it is left, its worker is free again or dead afterwards.
struct InFlight {
    lease: Option<Lease>,
    request: Option<Request>,
}

impl InFlight {
    async fn answer(mut self, call: &Call) -> Result<(Answer, Lease), Failure> {
        let (Some(lease), Some(request)) = (&self.lease, &mut self.request) else {
            return Err(Error::internal("a call was answered twice").into());
        };
        let result = match call.remaining() {
            None => request.wait().await,
            Some(left) => match tokio::time::timeout(left + GRACE, request.wait()).await {
                Ok(result) => result,
                Err(_) => {
                    lease.worker.kill(out_of_time());
                    Err(lease.worker.death().await)
                }
            },
        };
        // Answered, so there is nothing left to give up.
        self.request = None;
        let result = match result {
            Ok(answer) => Ok(answer),
            Err(error) => Err(lease.explain(error).await),
        };
        match (result, self.lease.take()) {
            (Ok(answer), Some(lease)) => Ok((answer, lease)),
            (Ok(_), None) => Err(Error::internal("a call lost its worker").into()),
            (Err(error), _) => Err(error),
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if let (Some(lease), Some(request)) = (self.lease.take(), self.request.take()) {
            tokio::spawn(give_up(lease, request));
        }
    }
}

/// Tells the worker to give a call up, and ends it if it cannot.
async fn give_up(lease: Lease, mut request: Request) {
    request.cancel();
    if tokio::time::timeout(GRACE, request.wait()).await.is_err() {
        lease.worker.kill(
            Error::new(Code::Cancelled, "the caller gave the call up").with_reason("run.cancelled"),
        );
        lease.worker.death().await;
    }
}

fn out_of_time() -> Error {
    Error::new(Code::Timeout, "the call took longer than it may, and its worker was ended")
        .with_reason("limit.time")
}

impl Pool {
    /// Has a worker answer what `ask` asks it.
    async fn ask(
        &self,
        call: &Call,
        ask: &mut (impl FnMut(&Peer) -> Request + Send),
    ) -> Result<(Answer, Lease), Failure> {
        let lease = self.lease(call).await?;
        let request = ask(&lease.worker.peer);
        InFlight { lease: Some(lease), request: Some(request) }.answer(call).await
    }
}

/// A service that a pool's workers offer as their `target`-th.
pub(super) struct PooledService {
    pool: Pool,
    target: u32,
}

impl PooledService {
    pub(super) fn new(pool: Pool, target: u32) -> Self {
        Self { pool, target }
    }
}

impl RawService for PooledService {
    fn call(&self, method: &str, call: Call, arguments: Vec<u8>) -> BoxFuture<Result<Vec<u8>>> {
        let (pool, target, method) = (self.pool.clone(), self.target, method.to_owned());
        Box::pin(async move {
            let arguments = Bytes::from(arguments);
            let mut ask = |peer: &Peer| peer.call(target, &method, call.clone(), arguments.clone());
            let answer = match pool.ask(&call, &mut ask).await {
                // Nobody has begun with it, so whoever killed the worker was another.
                Err(failure) if failure.unread => pool.ask(&call, &mut ask).await,
                first => first,
            };
            match answer.map_err(|failure| failure.error)? {
                (Answer::Value(bytes), _lease) => Ok(bytes.into()),
                _ => Err(Error::internal("another kind of answer came")),
            }
        })
    }

    fn open(
        &self,
        method: &str,
        call: Call,
        arguments: Vec<u8>,
        input: Option<RawStream>,
    ) -> BoxFuture<Result<RawStream>> {
        let (pool, target, method) = (self.pool.clone(), self.target, method.to_owned());
        Box::pin(async move {
            let arguments = Bytes::from(arguments);
            // A stream can be given only once.
            let repeatable = input.is_none();
            let mut input = input;
            let mut ask = |peer: &Peer| {
                peer.open(target, &method, call.clone(), arguments.clone(), input.take())
            };
            let answer = match pool.ask(&call, &mut ask).await {
                Err(failure) if failure.unread && repeatable => pool.ask(&call, &mut ask).await,
                first => first,
            };
            match answer.map_err(|failure| failure.error)? {
                (Answer::Stream(number), lease) => {
                    Ok(PooledStream { lease: Some(lease), number, call }.into_raw())
                }
                _ => Err(Error::internal("another kind of answer came")),
            }
        })
    }

    fn describe(&self) -> String {
        let workers = self.pool.report();
        let methods: [(); 0] = [];
        let service = self.pool.plugin();
        serde_json::json!({"service": service, "methods": methods, "workers": workers}).to_string()
    }
}

/// A stream of a worker. The worker is busy until it has ended or been closed.
struct PooledStream {
    lease: Option<Lease>,
    number: u64,
    call: Call,
}

impl PooledStream {
    fn into_raw(self) -> RawStream {
        let batches = stream::try_unfold(Some(self), |stream| async move {
            let Some(mut stream) = stream else { return Ok(None) };
            let (items, last) = stream.next().await?;
            if last {
                // It has ended by itself, so there is nothing to close.
                stream.lease = None;
                return Ok(Some((items, None)));
            }
            Ok(Some((items, Some(stream))))
        });
        RawStream::local(flatten(batches))
    }

    async fn next(&mut self) -> Result<(Vec<Bytes>, bool)> {
        let Some(lease) = &self.lease else { return Ok((Vec::new(), true)) };
        let pulled = lease.worker.peer.next_batch(self.number);
        let result = match self.call.remaining() {
            None => pulled.await,
            Some(left) => match tokio::time::timeout(left, pulled).await {
                Ok(result) => result,
                Err(_) => Err(out_of_time()),
            },
        };
        match result {
            Ok(batch) => Ok(batch),
            Err(error) => Err(lease.explain(error).await.error),
        }
    }
}

impl Drop for PooledStream {
    fn drop(&mut self) {
        if let Some(lease) = self.lease.take() {
            let request = lease.worker.peer.close_stream(self.number);
            tokio::spawn(give_up(lease, request));
        }
    }
}
