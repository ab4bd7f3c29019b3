//! Saying that this host lives, and hearing what it is told in return.

use std::sync::Arc;
use std::time::Duration;

use ratchet_plugin_api::services::Renewal;
use ratchet_plugin_api::{Call, Result};

use super::Dispatch;
use super::orphans::Orphans;
use crate::backoff::Backoff;
use crate::shared::Shared;

/// Enters, and renews the lease every third of its time for as long as this host runs.
pub(super) async fn live(shared: Arc<Shared>, dispatch: Arc<Dispatch>) {
    let lease = shared.config.queue.lease();
    enter(&shared, &dispatch, lease).await;
    let (mut backoff, mut orphans) = (Backoff::default(), Orphans::default());
    let mut pause = lease / 3;
    loop {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = dispatch.beat.notified() => {}
        }
        match renew(&shared, &dispatch, lease).await {
            Ok(renewal) => {
                if backoff.failures() > 0 {
                    tracing::info!("the store answers again");
                    backoff.reset();
                    dispatch.wake();
                }
                pause = lease / 3;
                follow(&shared, &dispatch, renewal, lease).await;
                orphans.look(&shared, &dispatch).await;
            }
            Err(error) => {
                if backoff.failures() == 0 {
                    tracing::warn!(%error, "the lease could not be renewed");
                }
                // More often than usual, so that a short outage does not cost the lease.
                pause = backoff.next().min(lease / 3);
            }
        }
    }
}

async fn renew(shared: &Shared, dispatch: &Dispatch, lease: Duration) -> Result<Renewal> {
    let store = shared.stores.jobs()?;
    Call::timeout(lease / 3, store.renew(dispatch.host.id, milliseconds(lease))).await
}

/// Enters, for as long as that takes.
async fn enter(shared: &Shared, dispatch: &Dispatch, lease: Duration) {
    let mut backoff = Backoff::default();
    loop {
        let entered = async {
            let store = shared.stores.jobs()?;
            Call::timeout(lease, store.enter(dispatch.host.clone(), milliseconds(lease))).await
        };
        match entered.await {
            Ok(()) => {
                dispatch.entered.send_replace(true);
                dispatch.wake();
                return;
            }
            Err(error) => {
                if backoff.failures() == 0 {
                    tracing::warn!(%error, "this host cannot enter the queue yet");
                }
                backoff.pause().await;
            }
        }
    }
}

async fn follow(shared: &Shared, dispatch: &Dispatch, renewal: Renewal, lease: Duration) {
    for execution in renewal.cancel {
        dispatch.cancel(execution).await;
    }
    if renewal.rescued > 0 {
        tracing::info!(jobs = renewal.rescued, "jobs of a host that was lost wait again");
        dispatch.wake();
    }
    if renewal.expired {
        tracing::warn!("this host counted as dead; what it had is run elsewhere");
        // Before it enters again, so that nothing it is given from then on is forgotten.
        dispatch.backlog.forget_all();
        enter(shared, dispatch, lease).await;
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
