//! The replicas of one plugin, and the services they stand behind.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ratchet_plugin_api::abi::ServiceHandle;
use ratchet_plugin_api::manifest::Manifest;
use ratchet_plugin_api::raw::Executor;
use ratchet_plugin_api::{Call, Code, Error, Result};
use tokio::sync::Semaphore;

use super::WorkerSetup;
use super::lease::{Lease, PooledService};
use super::peer::Targets;
use super::worker::{Voice, Worker};
use crate::view::LogSink;

/// The first pause before a worker that failed to start is tried again; it doubles each time.
const RESTART_PAUSE: Duration = Duration::from_millis(50);

/// The longest such pause.
const RESTART_PAUSE_MAX: Duration = Duration::from_secs(5);

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
    /// Whether a worker that was lost is replaced.
    pub restart: bool,
    /// Time between two questions whether a worker still answers.
    pub heartbeat: Duration,
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
    /// Workers that were lost and are not replaced.
    lost: AtomicUsize,
}

/// Start failures in a row.
#[derive(Default)]
struct Restart {
    failures: u32,
    not_before: Option<Instant>,
    last: Option<Error>,
}

impl Pool {
    /// A pool without a worker: the first one starts with the first call, or when asked for.
    pub fn new(
        options: PoolOptions,
        manifest: &Manifest,
        find: impl Fn(&str, u16) -> Result<ServiceHandle> + Send + Sync + 'static,
        log: LogSink,
    ) -> Self {
        let concurrency =
            manifest.concurrency.map_or(CONCURRENCY_DEFAULT, |calls| calls.max(1) as usize);
        let services = options.setup.services.clone();
        let targets: Targets = Arc::new(move |target| {
            let wanted = services
                .get(target as usize)
                .ok_or_else(|| Error::not_found(format!("there is no target {target}")))?;
            find(&wanted.service, wanted.major())
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
            lost: AtomicUsize::new(0),
            options: PoolOptions { replicas, ..options },
        });
        Self { shared }
    }

    /// Starts the first worker, unless there is one, and does not wait for it.
    ///
    /// # Errors
    /// When no process can be started.
    pub fn warm_up(&self) -> Result<()> {
        self.first().map(drop)
    }

    fn first(&self) -> Result<Arc<Worker>> {
        let mut workers = lock(&self.shared.workers);
        if let Some(first) = workers.first() {
            return Ok(Arc::clone(first));
        }
        let first = self.spawn()?;
        workers.push(Arc::clone(&first));
        Ok(first)
    }

    /// The service that the workers offer as their `target`-th.
    pub fn service(&self, target: u32) -> ServiceHandle {
        let runtime = tokio::runtime::Handle::current();
        let service = PooledService::new(self.clone(), target);
        ServiceHandle::new(Arc::new(service), Executor::inline(runtime))
    }

    /// Waits until a worker has started.
    ///
    /// # Errors
    /// Why the first one did not.
    pub async fn ready(&self) -> Result<()> {
        self.first()?.ready().await
    }

    /// The plugin whose replicas these are.
    pub(super) fn plugin(&self) -> &str {
        &self.shared.options.setup.plugin
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
                    "resident_bytes": worker.memory.held().map(|held| held.resident),
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
        let worker = Worker::spawn(&shared.options, setup, Arc::clone(&shared.targets), voice)?;
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
        let death = worker.death().await;
        if self.gives_up(worker, &death) {
            lock(&self.shared.workers).retain(|other| other.number != worker.number);
            self.do_without().await;
            return;
        }
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

    /// Whether the worker was lost, rather than ended by us, and is not to be replaced.
    fn gives_up(&self, worker: &Worker, death: &Error) -> bool {
        !self.shared.options.restart
            && !self.shared.stopping.load(Ordering::Relaxed)
            && !worker.retired.load(Ordering::Acquire)
            && death.reason.as_deref() == Some("run.worker_lost")
    }

    /// Goes on with one worker fewer, or not at all if it was the last.
    async fn do_without(&self) {
        let lost = self.shared.lost.fetch_add(1, Ordering::AcqRel) + 1;
        let left = self.shared.options.replicas.saturating_sub(lost);
        tracing::error!(left, "a lost worker is not replaced, as configured");
        if left == 0 {
            self.shared.capacity.close();
            return;
        }
        let calls = u32::try_from(self.shared.concurrency).unwrap_or(u32::MAX);
        if let Ok(permits) = Arc::clone(&self.shared.capacity).acquire_many_owned(calls).await {
            permits.forget();
        }
    }

    /// How many workers there may be.
    fn places(&self) -> usize {
        self.shared.options.replicas.saturating_sub(self.shared.lost.load(Ordering::Acquire))
    }

    /// Why no call is taken any more.
    fn closed(&self) -> Error {
        if self.places() > 0 || self.shared.stopping.load(Ordering::Relaxed) {
            return Error::new(Code::Gone, "the workers were stopped");
        }
        Error::unavailable(
            "all workers were lost, and `restart: false` keeps them from coming back",
        )
        .with_reason("worker.none")
    }

    /// Waits for a worker that can take a call, within the call's time.
    pub(super) async fn lease(&self, call: &Call) -> Result<Lease> {
        let waiting = Arc::clone(&self.shared.capacity).acquire_owned();
        let permit = match call.remaining() {
            None => waiting.await,
            Some(left) => tokio::time::timeout(left, waiting).await.map_err(|_| {
                Error::new(Code::Timeout, "no worker became free in time")
                    .with_reason("worker.busy")
            })?,
        };
        let permit = permit.map_err(|_| self.closed())?;
        let worker = self.pick()?;
        let lease = Lease::new(self.clone(), worker, permit);
        lease.ready().await?;
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
                if workers.len() >= self.places()
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
        if self.shared.stopping.load(Ordering::Relaxed) || self.places() == 0 {
            return Err(self.closed());
        }
        let restart = lock(&self.shared.restart);
        match (&restart.last, restart.not_before) {
            (Some(error), Some(not_before)) if Instant::now() < not_before => Err(error.clone()),
            _ => Ok(()),
        }
    }

    /// Counts a finished call. A worker that has done its share, or that holds memory which the
    /// next call may need, gets no other: it is replaced.
    pub(super) fn finished(&self, worker: &Arc<Worker>) {
        let answered = worker.answered.fetch_add(1, Ordering::Relaxed) + 1;
        let options = &self.shared.options;
        let worn = options.recycle_calls > 0 && answered >= options.recycle_calls;
        if worker.is_ready() && (worn || worker.memory.is_overgrown(options.recycle_bytes)) {
            self.retire(worker);
        }
        let others = worker.in_flight.fetch_sub(1, Ordering::AcqRel) - 1;
        if others == 0 && worker.retired.load(Ordering::Acquire) {
            worker.stop();
        }
    }

    /// Takes a worker off the list, so that no call is given to it any more.
    fn retire(&self, worker: &Arc<Worker>) {
        let mut workers = lock(&self.shared.workers);
        let before = workers.len();
        workers.retain(|other| other.number != worker.number);
        if workers.len() == before {
            return;
        }
        tracing::debug!(worker = worker.number, held = ?worker.memory.held(), "recycled");
        worker.retired.store(true, Ordering::Release);
        if workers.is_empty() && !self.shared.stopping.load(Ordering::Relaxed) {
            match self.spawn() {
                Ok(replacement) => workers.push(replacement),
                Err(error) => tracing::error!(%error, "a worker could not be replaced"),
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
