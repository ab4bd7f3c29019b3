//! The replicas of one plugin, and the services they stand behind.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::stream;
use ratchet_plugin_api::abi::{RawService, RawStream, ServiceHandle};
use ratchet_plugin_api::manifest::Manifest;
use ratchet_plugin_api::{BoxFuture, Call, Code, Error, Executor, Result};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{WorkerSetup, major_of};
use super::peer::{Answer, Request, Targets, flatten};
use super::worker::{Voice, Worker};
use crate::view::LogSink;

/// How long a worker may take to end a call that was given up or is out of time.
const GRACE: Duration = Duration::from_millis(100);

/// The first pause before a worker that failed to start is tried again; it doubles each time.
const RESTART_PAUSE: Duration = Duration::from_millis(50);

/// The longest such pause.
const RESTART_PAUSE_MAX: Duration = Duration::from_secs(5);

/// A worker's resident size is looked at after this many calls.
const CALLS_PER_SIZE_CHECK: u64 = 16;

/// Calls one worker answers at once when its plugin sets no bound.
const CONCURRENCY_DEFAULT: usize = 256;

/// How a plugin is placed in processes.
#[derive(Clone)]
pub struct PoolOptions {
    /// The program to run.
    pub program: PathBuf,
    /// What each worker is told; its number is filled in.
    pub setup: WorkerSetup,
    /// The most workers at once; they are started as they are needed.
    pub replicas: usize,
    /// Calls after which a worker is replaced; 0 for never.
    pub recycle_calls: u64,
    /// Resident bytes above which a worker is replaced between calls; 0 for never.
    pub recycle_bytes: u64,
}

/// The replicas of one plugin. Cheap to clone.
#[derive(Clone)]
pub struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    options: PoolOptions,
    concurrency: usize,
    targets: Targets,
    log: LogSink,
    /// Calls that may be answered at once; those beyond wait here, first come first served.
    capacity: Arc<Semaphore>,
    workers: Mutex<Vec<Arc<Worker>>>,
    restart: Mutex<Restart>,
    next_number: AtomicU64,
    stopping: AtomicBool,
}

/// Start failures in a row.
#[derive(Default)]
struct Restart {
    failures: u32,
    not_before: Option<Instant>,
    last: Option<Error>,
}

impl Pool {
    /// Starts the first worker of a plugin.
    ///
    /// # Errors
    /// When no process can be started.
    pub fn start(
        options: PoolOptions,
        manifest: &Manifest,
        find: impl Fn(&str, u16) -> Result<ServiceHandle> + Send + Sync + 'static,
        log: LogSink,
    ) -> Result<Self> {
        let concurrency =
            manifest.concurrency.map_or(CONCURRENCY_DEFAULT, |calls| calls.max(1) as usize);
        let services = options.setup.services.clone();
        let targets: Targets = Arc::new(move |target| {
            let wanted = services
                .get(target as usize)
                .ok_or_else(|| Error::not_found(format!("there is no target {target}")))?;
            find(&wanted.service, major_of(&wanted.version))
        });
        let replicas = options.replicas.max(1);
        let shared = Arc::new(Shared {
            concurrency,
            targets,
            log,
            capacity: Arc::new(Semaphore::new(replicas.saturating_mul(concurrency))),
            workers: Mutex::default(),
            restart: Mutex::default(),
            next_number: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            options: PoolOptions { replicas, ..options },
        });
        let pool = Self { shared };
        let first = pool.spawn()?;
        lock(&pool.shared.workers).push(first);
        Ok(pool)
    }

    /// The service that the workers offer as their `target`-th.
    pub fn service(&self, target: u32) -> ServiceHandle {
        let runtime = tokio::runtime::Handle::current();
        let service = PooledService { pool: self.clone(), target };
        ServiceHandle::new(Arc::new(service), Executor::inline(runtime))
    }

    /// Waits until a worker has started.
    ///
    /// # Errors
    /// Why the first one did not.
    pub async fn ready(&self) -> Result<()> {
        let first = lock(&self.shared.workers).first().cloned();
        match first {
            Some(worker) => worker.ready().await,
            None => Ok(()),
        }
    }

    /// Process ids, resident bytes and answered calls of the workers that live.
    pub fn report(&self) -> Vec<serde_json::Value> {
        let workers = lock(&self.shared.workers).clone();
        workers
            .iter()
            .map(|worker| {
                serde_json::json!({
                    "worker": worker.number,
                    "pid": worker.pid,
                    "ready": worker.is_ready(),
                    "in_flight": worker.in_flight.load(Ordering::Relaxed),
                    "answered": worker.answered.load(Ordering::Relaxed),
                    "resident_bytes": worker.resident_bytes(),
                })
            })
            .collect()
    }

    /// Stops all workers, killing those that have not ended after `deadline`.
    pub async fn stop(&self, deadline: Duration) {
        self.shared.stopping.store(true, Ordering::Relaxed);
        let workers = std::mem::take(&mut *lock(&self.shared.workers));
        workers.iter().for_each(|worker| worker.stop());
        let ended = async {
            for worker in &workers {
                worker.death().await;
            }
        };
        if tokio::time::timeout(deadline, ended).await.is_err() {
            for worker in &workers {
                worker.kill(Error::new(Code::Gone, "the worker did not stop in time"));
                worker.death().await;
            }
        }
    }

    fn spawn(&self) -> Result<Arc<Worker>> {
        let shared = &self.shared;
        let mut setup = shared.options.setup.clone();
        setup.worker = shared.next_number.fetch_add(1, Ordering::Relaxed);
        let voice = Voice { log: Arc::clone(&shared.log), print: crate::stdio::print };
        let worker = Worker::spawn(&shared.options.program, setup, Arc::clone(&shared.targets), voice)?;
        let (pool, watched) = (self.clone(), Arc::clone(&worker));
        tokio::spawn(async move { pool.watch(&watched).await });
        Ok(worker)
    }

    /// Replaces a worker when it has ended.
    async fn watch(&self, worker: &Arc<Worker>) {
        let started = worker.ready().await;
        {
            let mut restart = lock(&self.shared.restart);
            match started {
                Ok(()) => *restart = Restart::default(),
                Err(error) => {
                    let pause = RESTART_PAUSE.saturating_mul(1 << restart.failures.min(10));
                    restart.failures += 1;
                    restart.not_before = Some(Instant::now() + pause.min(RESTART_PAUSE_MAX));
                    restart.last = Some(error);
                }
            }
        }
        worker.death().await;
        let mut workers = lock(&self.shared.workers);
        let before = workers.len();
        workers.retain(|other| other.number != worker.number);
        // One that was retired has been replaced already.
        let unexpected = workers.len() < before;
        let idle = self.shared.stopping.load(Ordering::Relaxed) || !workers.is_empty();
        if unexpected && !idle && lock(&self.shared.restart).failures == 0 {
            match self.spawn() {
                Ok(replacement) => workers.push(replacement),
                Err(error) => tracing::error!(%error, "a worker could not be replaced"),
            }
        }
    }

    /// Waits for a worker that can take a call, within the call's time.
    async fn lease(&self, call: &Call) -> Result<Lease> {
        let waiting = Arc::clone(&self.shared.capacity).acquire_owned();
        let permit = match call.remaining() {
            None => waiting.await,
            Some(left) => tokio::time::timeout(left, waiting).await.map_err(|_| {
                Error::new(Code::Timeout, "no worker became free in time")
                    .with_reason("worker.busy")
            })?,
        };
        let permit = permit.map_err(|_| Error::new(Code::Gone, "the workers were stopped"))?;
        let worker = self.pick()?;
        let lease = Lease { pool: self.clone(), worker, _permit: permit };
        lease.worker.ready().await?;
        Ok(lease)
    }

    /// The worker with the fewest calls, or a new one if all are busy and there may be more.
    fn pick(&self) -> Result<Arc<Worker>> {
        let mut workers = lock(&self.shared.workers);
        workers.retain(|worker| !worker.is_dead());
        let best = workers
            .iter()
            .min_by_key(|worker| (worker.in_flight.load(Ordering::Relaxed), !worker.is_ready()))
            .cloned();
        let worker = match best {
            Some(worker) if worker.in_flight.load(Ordering::Relaxed) == 0 => worker,
            Some(worker)
                if workers.len() >= self.shared.options.replicas
                    && worker.in_flight.load(Ordering::Relaxed) < self.shared.concurrency =>
            {
                worker
            }
            _ => {
                self.check_pause()?;
                let worker = self.spawn()?;
                workers.push(Arc::clone(&worker));
                worker
            }
        };
        worker.in_flight.fetch_add(1, Ordering::Relaxed);
        Ok(worker)
    }

    fn check_pause(&self) -> Result<()> {
        if self.shared.stopping.load(Ordering::Relaxed) {
            return Err(Error::new(Code::Gone, "the workers were stopped"));
        }
        let restart = lock(&self.shared.restart);
        match (&restart.last, restart.not_before) {
            (Some(error), Some(not_before)) if Instant::now() < not_before => Err(error.clone()),
            _ => Ok(()),
        }
    }

    /// Counts a finished call, and replaces the worker if it has done its share.
    fn finished(&self, worker: &Arc<Worker>) {
        worker.in_flight.fetch_sub(1, Ordering::Relaxed);
        let answered = worker.answered.fetch_add(1, Ordering::Relaxed) + 1;
        let options = &self.shared.options;
        let worn = options.recycle_calls > 0 && answered >= options.recycle_calls;
        let grown = || {
            options.recycle_bytes > 0
                && answered.is_multiple_of(CALLS_PER_SIZE_CHECK)
                && worker.resident_bytes().is_some_and(|bytes| bytes > options.recycle_bytes)
        };
        if worker.is_ready() && (worn || grown()) {
            self.retire(worker);
        }
    }

    fn retire(&self, worker: &Arc<Worker>) {
        let mut workers = lock(&self.shared.workers);
        if worker.in_flight.load(Ordering::Relaxed) > 0 {
            return;
        }
        let before = workers.len();
        workers.retain(|other| other.number != worker.number);
        if workers.len() == before {
            return;
        }
        tracing::debug!(worker = worker.number, "recycled");
        worker.stop();
        if workers.is_empty() && !self.shared.stopping.load(Ordering::Relaxed) {
            match self.spawn() {
                Ok(replacement) => workers.push(replacement),
                Err(error) => tracing::error!(%error, "a worker could not be replaced"),
            }
        }
    }
}

/// The right to make one call of one worker.
struct Lease {
    pool: Pool,
    worker: Arc<Worker>,
    _permit: OwnedSemaphorePermit,
}

impl Lease {
    /// The error to give instead of `error`: why the worker ended, if it has.
    async fn explain(&self, error: Error) -> Error {
        if error.reason.as_deref() == Some("worker.lost") {
            return self.worker.death().await;
        }
        error
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.pool.finished(&self.worker);
    }
}

/// A call under way. However it is left, its worker is free again or dead afterwards.
struct InFlight {
    lease: Option<Lease>,
    request: Option<Request>,
}

impl InFlight {
    async fn answer(mut self, call: &Call) -> Result<(Answer, Lease)> {
        let Some(lease) = &self.lease else {
            return Err(Error::internal("a call was answered twice"));
        };
        let Some(request) = &mut self.request else {
            return Err(Error::internal("a call was answered twice"));
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
            (Ok(_), None) => Err(Error::internal("a call lost its worker")),
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

struct PooledService {
    pool: Pool,
    target: u32,
}

impl RawService for PooledService {
    fn call(&self, method: &str, call: Call, arguments: Vec<u8>) -> BoxFuture<Result<Vec<u8>>> {
        let (pool, target, method) = (self.pool.clone(), self.target, method.to_owned());
        Box::pin(async move {
            let lease = pool.lease(&call).await?;
            let request = lease.worker.peer.call(target, &method, call.clone(), arguments);
            let in_flight = InFlight { lease: Some(lease), request: Some(request) };
            match in_flight.answer(&call).await? {
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
            let lease = pool.lease(&call).await?;
            let request = lease.worker.peer.open(target, &method, call.clone(), arguments, input);
            let in_flight = InFlight { lease: Some(lease), request: Some(request) };
            match in_flight.answer(&call).await? {
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
        let service = &self.pool.shared.options.setup.plugin;
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

    async fn next(&mut self) -> Result<(Vec<bytes::Bytes>, bool)> {
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
            Err(error) => Err(lease.explain(error).await),
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
