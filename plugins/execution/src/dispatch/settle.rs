//! Settling attempts: whatever has ended while the last call was under way goes into the next.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ratchet_plugin_api::model::{EventKind, ExecutionStatus, FailureKind, Id, JobStatus};
use ratchet_plugin_api::services::{Settled, Settlement, Verdict};
use ratchet_plugin_api::{Call, Code, Result};
use tokio::sync::mpsc;

use super::failure::task_error;
use super::run::Unsettled;
use crate::backoff::Backoff;
use crate::events::Subject;
use crate::shared::Shared;

/// Settlements in one call at most.
const MOST: usize = 256;

/// Settlements that wait for a call. Beyond that, places keep what they have and begin no more.
const WAITING: usize = 1_024;

/// What one call may take before it is made again. A repeat is harmless: what was recorded by the
/// first is stale for the second.
const WITHIN: Duration = Duration::from_secs(10);

/// Where settlements go.
pub(super) struct Settler {
    sender: Mutex<Option<mpsc::Sender<Unsettled>>>,
    /// Executions that are on their way.
    pending: Arc<Mutex<HashSet<Id>>>,
}

impl Settler {
    /// A settler, and what settles until the settler is closed and everything is settled.
    pub(super) fn new(shared: Arc<Shared>) -> (Self, impl Future<Output = ()> + Send) {
        let (sender, mut incoming) = mpsc::channel::<Unsettled>(WAITING);
        let pending: Arc<Mutex<HashSet<Id>>> = Arc::default();
        let settler = Self { sender: Mutex::new(Some(sender)), pending: Arc::clone(&pending) };
        let run = async move {
            let mut batch = Vec::new();
            while incoming.recv_many(&mut batch, MOST).await > 0 {
                let ids: HashSet<Id> = batch.iter().map(|one| one.subject.execution).collect();
                settle(&shared, std::mem::take(&mut batch)).await;
                let mut pending = lock(&pending);
                pending.retain(|id| !ids.contains(id));
            }
        };
        (settler, run)
    }

    /// Hands a settlement over, waiting while too many are on their way.
    pub(super) async fn send(&self, unsettled: Unsettled) {
        let sender = lock(&self.sender).clone();
        let execution = unsettled.subject.execution;
        lock(&self.pending).insert(execution);
        let sent = match sender {
            Some(sender) => sender.send(unsettled).await.is_ok(),
            None => false,
        };
        if !sent {
            // Too late for this host: what it still has goes back when it leaves.
            lock(&self.pending).remove(&execution);
        }
    }

    /// Whether an execution is on its way.
    pub(super) fn has(&self, execution: Id) -> bool {
        lock(&self.pending).contains(&execution)
    }

    /// Takes no more.
    pub(super) fn close(&self) {
        lock(&self.sender).take();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Settles a batch, for as long as it takes: what has ended is not lost because the store is away
/// for a while.
async fn settle(shared: &Shared, batch: Vec<Unsettled>) {
    let mut backoff = Backoff::default();
    loop {
        match call(shared, &batch).await {
            Ok(answers) => {
                if backoff.failures() > 0 {
                    tracing::info!("settling goes on");
                }
                return conclude(shared, batch, answers);
            }
            // The store cannot take something in it: each has to stand for itself.
            Err(error) if is_refusal(error.code) => {
                for unsettled in batch {
                    settle_alone(shared, unsettled).await;
                }
                return;
            }
            Err(error) => {
                if backoff.failures() == 0 {
                    tracing::warn!(%error, attempts = batch.len(), "settling is tried again");
                }
                backoff.pause().await;
            }
        }
    }
}

/// Settles one by itself. Where its result cannot be recorded, that becomes its failure.
async fn settle_alone(shared: &Shared, unsettled: Unsettled) {
    let mut unsettled = [unsettled];
    let mut reduced = false;
    let mut backoff = Backoff::default();
    loop {
        match call(shared, &unsettled).await {
            Ok(answers) => return conclude(shared, unsettled.into(), answers),
            Err(error) if is_refusal(error.code) => {
                let settlement = &mut unsettled[0].settlement;
                let (job, execution) = (settlement.job, settlement.execution);
                tracing::error!(%error, %job, %execution, "an attempt's end cannot be recorded");
                if reduced {
                    return;
                }
                reduced = true;
                reduce(settlement, &error.full_message());
            }
            Err(_) => backoff.pause().await,
        }
    }
}

/// Leaves of a settlement what any store can record.
fn reduce(settlement: &mut Settlement, why: &str) {
    (settlement.logs, settlement.http, settlement.deliveries) = Default::default();
    if matches!(settlement.verdict, Verdict::Released) {
        return;
    }
    let message = format!("what came of it could not be recorded: {why}");
    settlement.verdict = Verdict::Failed(task_error(FailureKind::Other, "Unrecordable", message));
}

/// Whether trying again without a change is no use.
fn is_refusal(code: Code) -> bool {
    matches!(code, Code::Invalid | Code::LimitExceeded | Code::Unsupported)
}

async fn call(shared: &Shared, batch: &[Unsettled]) -> Result<Vec<Settled>> {
    let store = shared.stores.jobs()?;
    let settlements = batch.iter().map(|unsettled| {
        let mut settlement = unsettled.settlement.clone();
        if settlement.began_ms_ago.is_some() {
            let ago = unsettled.began.elapsed().as_millis();
            settlement.began_ms_ago = Some(u64::try_from(ago).unwrap_or(u64::MAX));
        }
        settlement
    });
    Call::timeout(WITHIN, store.settle(settlements.collect())).await
}

fn conclude(shared: &Shared, batch: Vec<Unsettled>, answers: Vec<Settled>) {
    for (unsettled, answer) in batch.into_iter().zip(answers) {
        let Unsettled { settlement, subject, .. } = unsettled;
        match answer {
            Settled::Recorded => tell(shared, subject, &settlement.verdict),
            Settled::Stale => tracing::warn!(
                job = %subject.job, execution = %subject.execution,
                "an attempt ended after this host had lost it; nothing was recorded"
            ),
        }
        shared.waits.tell(subject.job);
    }
}

/// Tells those who listen what was recorded.
fn tell(shared: &Shared, subject: Subject, verdict: &Verdict) {
    if !shared.bus.is_heard() {
        return;
    }
    let (execution, job) = match verdict {
        Verdict::Completed(_) => (ExecutionStatus::Completed, JobStatus::Completed),
        Verdict::Failed(_) => (ExecutionStatus::Failed, JobStatus::Failed),
        Verdict::Retry { .. } => (ExecutionStatus::Failed, JobStatus::Retrying),
        Verdict::Cancelled(_) => (ExecutionStatus::Cancelled, JobStatus::Cancelled),
        Verdict::Released => (ExecutionStatus::Pending, JobStatus::Queued),
    };
    shared.bus.tell(subject, EventKind::Execution(execution));
    shared.bus.tell_once(subject, job);
}
