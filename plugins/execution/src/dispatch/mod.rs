//! Running jobs in this process: it enters the store as a host, takes what it has room for, runs
//! it on a JavaScript runtime, and settles what came of it.
//!
//! A host has places, one for each job it runs at the same time (see `backlog`). `claims` keeps
//! them filled and sleeps when there is nothing to do; `host` says that this host lives, `watch`
//! listens to what others do; `run` runs one attempt, and `settle` records how attempts ended.

mod backlog;
mod claims;
mod failure;
mod follow;
mod host;
mod orphans;
mod run;
mod settle;
mod watch;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ratchet_plugin_api::model::Id;
use ratchet_plugin_api::services::{ClaimedJob, HostInfo, Verdict};
use tokio::sync::{Notify, watch as watched};
use tokio::task::JoinHandle;

use crate::backoff::Backoff;
use crate::shared::Shared;
use backlog::{Backlog, Held};
use run::Unsettled;
use settle::Settler;

/// What is left of the time for stopping to put things in order after runs were cut short.
const TIDYING: Duration = Duration::from_secs(2);

/// What runs jobs in this process.
pub(crate) struct Dispatch {
    host: HostInfo,
    backlog: Backlog,
    settler: Settler,
    /// Told when there may be something to claim.
    woken: Notify,
    /// Told when the host shall say at once that it lives.
    beat: Notify,
    claiming: AtomicBool,
    /// Whether this host has ever entered.
    entered: watched::Sender<bool>,
    /// Why executions are being cancelled, where that was said in this process.
    reasons: Mutex<HashMap<Id, String>>,
    tasks: Mutex<Tasks>,
}

#[derive(Default)]
struct Tasks {
    settling: Option<JoinHandle<()>>,
    others: Vec<JoinHandle<()>>,
}

impl Dispatch {
    /// Enters as a host with so many places. Until [`Dispatch::claim`], it runs only what is
    /// accepted for it.
    pub(crate) fn start(shared: &Arc<Shared>, places: usize) -> Arc<Self> {
        let (settler, settling) = Settler::new(Arc::clone(shared));
        let host = HostInfo {
            id: Id::new(),
            name: host_name(),
            slots: u32::try_from(places).unwrap_or(u32::MAX),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let dispatch = Arc::new(Self {
            host,
            backlog: Backlog::new(places),
            settler,
            woken: Notify::new(),
            beat: Notify::new(),
            claiming: AtomicBool::new(false),
            entered: watched::Sender::new(false),
            reasons: Mutex::default(),
            tasks: Mutex::default(),
        });
        let mut tasks = dispatch.tasks();
        tasks.settling = Some(tokio::spawn(settling));
        tasks.others.push(tokio::spawn(host::live(Arc::clone(shared), Arc::clone(&dispatch))));
        tasks.others.push(tokio::spawn(watch::watch(Arc::clone(shared), Arc::clone(&dispatch))));
        for _ in 0..places {
            let place = supervise(Arc::clone(shared), Arc::clone(&dispatch));
            tasks.others.push(tokio::spawn(place));
        }
        drop(tasks);
        dispatch
    }

    /// Claims whatever waits, from now on.
    pub(crate) fn claim(self: &Arc<Self>, shared: &Arc<Shared>) {
        if !self.claiming.swap(true, Ordering::Relaxed) {
            self.backlog.set_idle(false);
            let claiming = claims::keep_filled(Arc::clone(shared), Arc::clone(self));
            self.tasks().others.push(tokio::spawn(claiming));
        }
    }

    /// Waits until this host has entered, so that jobs can be accepted for it. Where it does not
    /// claim, all its places are for those.
    pub(crate) async fn entered(&self) {
        // An error means that this is being taken down.
        let _ = self.entered.subscribe().wait_for(|entered| *entered).await;
        if !self.claims() {
            self.backlog.set_idle(true);
        }
    }

    /// Whether it claims whatever waits.
    pub(crate) fn claims(&self) -> bool {
        self.claiming.load(Ordering::Relaxed)
    }

    /// The host this is.
    pub(crate) fn host(&self) -> Id {
        self.host.id
    }

    /// Promises places to `count` jobs that are about to be accepted for this host, if they are
    /// free and nothing waits for them. The promise ends with [`Dispatch::accepted`].
    pub(crate) fn reserve(&self, count: usize) -> bool {
        self.backlog.reserve(count)
    }

    /// Runs the jobs that were accepted for this host, of so many for which places were promised.
    pub(crate) async fn accepted(&self, claims: Vec<ClaimedJob>, promised: usize) {
        self.admit(claims).await;
        self.backlog.unreserve(promised);
    }

    /// Whether an execution is here and has not begun.
    pub(crate) fn holds(&self, execution: Id) -> bool {
        self.backlog.holds(execution)
    }

    /// Remembers why an execution is about to be cancelled, until the result is dropped: the
    /// store's word of it, which does not say why, may be here first.
    pub(crate) fn remember(&self, execution: Id, reason: String) -> Remembered<'_> {
        lock(&self.reasons).insert(execution, reason);
        Remembered { reasons: &self.reasons, execution }
    }

    /// Stops an execution if it is here.
    pub(crate) async fn cancel(&self, execution: Id) {
        let reason = lock(&self.reasons).get(&execution).cloned();
        if let Some(held) = self.backlog.cancel(execution, reason.clone()) {
            let verdict = Verdict::Cancelled(failure::cancelled(reason));
            self.settler.send(Unsettled::without_run(self.host.id, &held, verdict)).await;
        }
    }

    /// Begins nothing more, lets run what runs, and cuts it short in time to have everything
    /// settled `within`. What has not ended goes back to the queue.
    pub(crate) async fn stop_running(&self, within: Duration) {
        let end = Instant::now() + within;
        let left = |spare: Duration| {
            end.saturating_duration_since(Instant::now()).saturating_sub(spare.min(within / 4))
        };
        self.begin_nothing_more().await;
        if tokio::time::timeout(left(TIDYING), self.backlog.quiet()).await.is_err() {
            tracing::warn!("jobs that still run are cut short and go back to the queue");
            self.backlog.release_running();
            let _ = tokio::time::timeout(left(TIDYING / 2), self.backlog.quiet()).await;
        }
        self.settler.close();
        let settling = self.tasks().settling.take();
        if let Some(settling) = settling {
            let _ = tokio::time::timeout(left(TIDYING / 4), settling).await;
        }
    }

    /// Ends everything and says so, `within` that time.
    pub(crate) async fn leave(&self, shared: &Shared, within: Duration) {
        std::mem::take(&mut self.tasks().others).iter().for_each(JoinHandle::abort);
        let leaving = async { shared.stores.jobs()?.leave(self.host.id).await };
        match tokio::time::timeout(within, leaving).await {
            Ok(Ok(())) => tracing::debug!("left the queue"),
            // Others find out when the lease ends.
            Ok(Err(error)) => tracing::warn!(%error, "this host could not say that it leaves"),
            Err(_) => tracing::warn!("there was no time left to say that this host leaves"),
        }
    }

    /// Begins nothing more and gives back what it has not begun.
    pub(crate) async fn begin_nothing_more(&self) {
        let held = self.backlog.close();
        self.woken.notify_one();
        self.release(held).await;
    }

    async fn admit(&self, claims: Vec<ClaimedJob>) {
        let refused = self.backlog.admit(claims, Instant::now());
        self.release(refused).await;
    }

    async fn release(&self, held: Vec<Held>) {
        for held in held {
            let released = Unsettled::without_run(self.host.id, &held, Verdict::Released);
            self.settler.send(released).await;
        }
    }

    /// There may be something to claim.
    fn wake(&self) {
        if self.claims() {
            self.backlog.set_idle(false);
        }
        self.woken.notify_one();
    }

    fn tasks(&self) -> MutexGuard<'_, Tasks> {
        lock(&self.tasks)
    }
}

/// A reason that is remembered until this is dropped.
pub(crate) struct Remembered<'a> {
    reasons: &'a Mutex<HashMap<Id, String>>,
    execution: Id,
}

impl Drop for Remembered<'_> {
    fn drop(&mut self) {
        lock(self.reasons).remove(&self.execution);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A name for people: the machine and the process.
fn host_name() -> String {
    let read = |path| std::fs::read_to_string(path).ok();
    let machine = read("/proc/sys/kernel/hostname").or_else(|| read("/etc/hostname"));
    let machine = machine.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    format!("{}/{}", machine.as_deref().unwrap_or("host"), std::process::id())
}

/// Keeps one place going, whatever happens in it.
async fn supervise(shared: Arc<Shared>, dispatch: Arc<Dispatch>) {
    loop {
        let place = tokio::spawn(place(Arc::clone(&shared), Arc::clone(&dispatch)));
        let _abort_with_us = AbortOnDrop(place.abort_handle());
        match place.await {
            Err(error) if error.is_panic() => {
                // What it ran is found to be nobody's, and goes back.
                tracing::error!(%error, "a fault while a job was run");
            }
            _ => return,
        }
    }
}

struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// One place: runs one job after the other.
async fn place(shared: Arc<Shared>, dispatch: Arc<Dispatch>) {
    let mut backoff = Backoff::default();
    while let Some(begun) = dispatch.backlog.next().await {
        let mut running =
            Running { backlog: &dispatch.backlog, execution: begun.execution(), lasted: None };
        let ran = run::run(&shared, dispatch.host.id, begun).await;
        running.lasted = ran.lasted;
        if let Some(unsettled) = ran.settlement {
            dispatch.settler.send(unsettled).await;
        }
        drop(running);
        match ran.unbegun {
            None => backoff.reset(),
            Some(error) => {
                if backoff.failures() == 0 {
                    tracing::warn!(%error, "a job could not be begun and goes back");
                }
                backoff.pause().await;
            }
        }
        if ran.worker_lost && !shared.config.workers.restart_on_crash {
            let left = dispatch.backlog.lose_place();
            tracing::warn!(left, "a lost worker is not replaced: server.workers.restart_on_crash");
            return;
        }
    }
}

/// Notes that an execution has ended here, also when its future is dropped.
struct Running<'a> {
    backlog: &'a Backlog,
    execution: Id,
    lasted: Option<Duration>,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.backlog.finish(self.execution, self.lasted);
    }
}
