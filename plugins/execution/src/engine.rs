//! Bringing up what works in the background, and taking it down in order.
//!
//! With `ratchet serve` this process is a host like any other: it runs whatever waits, makes jobs
//! of schedules and delivers results. With any other command nothing works in the background, until
//! that command wants a task executed: then this process runs that, and leaves all else alone.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ratchet_plugin_api::model::{Id, Job, Key};
use ratchet_plugin_api::{Call, Error, Result};
use serde::Deserialize;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::deliver::deliver;
use crate::dispatch::Dispatch;
use crate::queue;
use crate::scheduler::Schedules;
use crate::shared::Shared;
use crate::workers;

/// How long stopping may take where nobody says.
const STOP_WITHIN: Duration = Duration::from_secs(30);

/// How long an executed task waits for this process to be let in as a host.
const ENTER_WITHIN: Duration = Duration::from_secs(10);

/// How long an executed job is waited for before it is looked at what keeps it.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What works in the background.
#[derive(Default)]
pub(crate) struct Engine {
    background: Mutex<Vec<JoinHandle<()>>>,
    delivering: Mutex<Option<JoinHandle<()>>>,
    stopping: watch::Sender<bool>,
}

/// The command this process was started with, as the host tells it.
#[derive(Deserialize)]
struct Purpose {
    serves: bool,
}

/// Whether this process was started to serve.
pub(crate) fn serves(shared: &Shared) -> bool {
    let purpose = shared.context.query("command", "").ok();
    let purpose = purpose.and_then(|answer| serde_json::from_str::<Purpose>(&answer).ok());
    purpose.is_some_and(|purpose| purpose.serves)
}

impl Engine {
    /// Brings everything up.
    pub(crate) fn start(&self, shared: &Arc<Shared>, schedules: Schedules) {
        let dispatch = running(shared);
        dispatch.claim(shared);
        let delivering =
            tokio::spawn(deliver(Arc::clone(shared), dispatch.host(), self.stopping.subscribe()));
        *lock(&self.delivering) = Some(delivering);
        let (ending, context) = (Arc::clone(&dispatch), shared.context.clone());
        *lock(&self.background) = vec![
            tokio::spawn(schedules.run(shared.context.clone())),
            tokio::spawn(workers::watch(Arc::clone(shared))),
            // From the first word on nothing is begun, while other plugins still stop.
            tokio::spawn(async move {
                context.stopping().await;
                ending.begin_nothing_more().await;
            }),
        ];
    }

    /// Takes everything down, within the time of the present call.
    pub(crate) async fn stop(&self, shared: &Shared) {
        let within = Call::current().remaining().unwrap_or(STOP_WITHIN);
        let end = Instant::now() + within;
        self.stopping.send_replace(true);
        std::mem::take(&mut *lock(&self.background)).iter().for_each(JoinHandle::abort);
        let delivering = lock(&self.delivering).take();
        if let Some(dispatch) = shared.dispatch() {
            // What is not delivered by then goes back with leaving.
            let left = || end.saturating_duration_since(Instant::now());
            dispatch.stop_running(left()).await;
            if let Some(delivering) = delivering {
                let abort = delivering.abort_handle();
                if tokio::time::timeout(left() / 2, delivering).await.is_err() {
                    abort.abort();
                }
            }
            dispatch.leave(shared, left()).await;
        }
    }
}

/// What runs jobs here, brought up if need be.
fn running(shared: &Arc<Shared>) -> Arc<Dispatch> {
    let start = || Dispatch::start(shared, shared.config.slots());
    Arc::clone(shared.dispatch.get_or_init(start))
}

/// Makes sure that what is executed here runs here, also where this process does not serve.
///
/// # Errors
/// `Unavailable` when the store does not let this process in.
pub(crate) async fn ensure_running(shared: &Arc<Shared>) -> Result<()> {
    let dispatch = running(shared);
    tokio::time::timeout(ENTER_WITHIN, dispatch.entered()).await.map_err(|_| {
        let message = format!("the job store did not let this process in within {ENTER_WITHIN:?}");
        Error::unavailable(message).with_reason("host.not_entered")
    })
}

/// Waits until an executed job has ended. Where this process does not serve and no other host is
/// there, it takes what waits, since nobody else would try the job again.
///
/// # Errors
/// `NotFound` when the job was removed meanwhile.
pub(crate) async fn wait_for(shared: &Arc<Shared>, id: Id) -> Result<Job> {
    loop {
        let job = queue::wait(shared, Key::Id(id), Instant::now().checked_add(LOOK_EVERY)).await?;
        if job.status.is_final() {
            return Ok(job);
        }
        let Some(dispatch) = shared.dispatch().filter(|dispatch| !dispatch.claims()) else {
            continue;
        };
        let hosts = shared.stores.jobs()?.hosts().await?;
        let alone = hosts.iter().all(|state| state.info.id == dispatch.host());
        if job.host.is_none() && alone {
            dispatch.claim(shared);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
