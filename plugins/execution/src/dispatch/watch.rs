//! Listening to what changes in the store, here and in other processes.

use std::sync::Arc;

use ratchet_plugin_api::Result;
use ratchet_plugin_api::model::{EventKind, Id, Key};
use ratchet_plugin_api::services::Change;

use super::Dispatch;
use crate::backoff::Backoff;
use crate::shared::Shared;

/// Listens for as long as this host runs.
pub(super) async fn watch(shared: Arc<Shared>, dispatch: Arc<Dispatch>) {
    let mut backoff = Backoff::default();
    loop {
        match listen(&shared, &dispatch).await {
            Ok(()) => backoff.reset(),
            Err(error) if backoff.failures() == 0 => {
                tracing::warn!(%error, "changes of the store are not heard");
            }
            Err(_) => {}
        }
        backoff.pause().await;
    }
}

/// Listens until the store goes away.
async fn listen(shared: &Shared, dispatch: &Dispatch) -> Result<()> {
    let mut changes = shared.stores.jobs()?.changes().await?;
    // What changed while nobody listened is not known.
    shared.tasks.changed();
    shared.deliveries.notify_one();
    dispatch.wake();
    while let Some(change) = changes.next().await {
        match change? {
            Change::Ready => dispatch.wake(),
            Change::Cancel(execution) => dispatch.cancel(execution).await,
            Change::Job(job) => {
                shared.waits.tell(job);
                tell(shared, job).await;
            }
            Change::Tasks => {
                shared.tasks.changed();
                shared.bus.announce(EventKind::Tasks);
                // A task that was enabled or resumed has jobs that may run now.
                dispatch.wake();
            }
            Change::Deliveries => shared.deliveries.notify_one(),
            Change::Schedules => {}
        }
    }
    Ok(())
}

/// Tells those who listen how a job stands that has changed, unless that was told here already.
async fn tell(shared: &Shared, job: Id) {
    if !shared.bus.is_heard() {
        return;
    }
    let Ok(store) = shared.stores.jobs() else { return };
    if let Ok(job) = store.get(Key::Id(job)).await {
        shared.bus.tell_once((&job).into(), job.status);
    }
}
