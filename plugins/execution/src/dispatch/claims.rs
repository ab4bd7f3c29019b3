//! Keeping this host's places filled.

use std::sync::Arc;
use std::time::Duration;

use ratchet_plugin_api::services::{ClaimJobs, Claims};
use ratchet_plugin_api::{Code, Result};
use tokio::sync::futures::Notified;
use tokio::time::Instant;

use super::Dispatch;
use super::backlog::HELD_TOO_LONG;
use crate::backoff::Backoff;
use crate::shared::Shared;

/// Claims jobs whenever there is room and something may wait, until this host stops. When nothing
/// waits it sleeps until it is woken or the next job is due.
pub(super) async fn keep_filled(shared: Arc<Shared>, dispatch: Arc<Dispatch>) {
    let batch = shared.config.queue.max_dequeue_batch_size as usize;
    let mut backoff = Backoff::default();
    loop {
        let room = dispatch.backlog.room.notified();
        if dispatch.backlog.is_closed() {
            return;
        }
        let max = dispatch.backlog.wanted().min(batch);
        if max == 0 {
            wait_for_room(&dispatch, room).await;
            continue;
        }
        match claim(&shared, &dispatch, max).await {
            Ok(claims) => {
                if backoff.failures() > 0 {
                    tracing::info!("claiming goes on");
                    backoff.reset();
                }
                let all = claims.jobs.len() < max;
                dispatch.admit(claims.jobs).await;
                if all {
                    dispatch.backlog.set_idle(true);
                    sleep_until_due(&dispatch, claims.next_due_ms).await;
                }
            }
            Err(error) => {
                if error.code == Code::Conflict {
                    // This host counts as dead; saying that it lives puts that right.
                    dispatch.beat.notify_one();
                } else if backoff.failures() == 0 {
                    tracing::warn!(%error, "claiming is tried again");
                }
                let pause = tokio::time::sleep(backoff.next());
                tokio::select! {
                    () = pause => {}
                    () = dispatch.woken.notified(), if backoff.failures() == 1 => {}
                }
            }
        }
    }
}

/// Waits until there is room. What is held meanwhile for too long goes back.
async fn wait_for_room(dispatch: &Dispatch, room: Notified<'_>) {
    if !dispatch.backlog.holds_any() {
        return room.await;
    }
    if tokio::time::timeout(HELD_TOO_LONG, room).await.is_err() {
        give_back_overdue(dispatch).await;
    }
}

/// Asks for jobs. The call is not cut short: jobs it gave to nobody would be this host's all the
/// same.
async fn claim(shared: &Shared, dispatch: &Dispatch, max: usize) -> Result<Claims> {
    let max = u32::try_from(max).unwrap_or(u32::MAX);
    shared.stores.jobs()?.claim(ClaimJobs { host: dispatch.host.id, max }).await
}

/// Sleeps until something may wait. What is held meanwhile for too long goes back.
async fn sleep_until_due(dispatch: &Dispatch, next_due_ms: Option<u64>) {
    let due = next_due_ms.and_then(|due| Instant::now().checked_add(Duration::from_millis(due)));
    loop {
        let overdue = dispatch.backlog.holds_any().then(|| Instant::now() + HELD_TOO_LONG);
        let until = match (due, overdue) {
            (Some(due), Some(overdue)) => Some(due.min(overdue)),
            (due, overdue) => due.or(overdue),
        };
        let Some(until) = until else {
            return dispatch.woken.notified().await;
        };
        if tokio::time::timeout_at(until, dispatch.woken.notified()).await.is_ok()
            || due.is_some_and(|due| Instant::now() >= due)
        {
            return;
        }
        give_back_overdue(dispatch).await;
    }
}

async fn give_back_overdue(dispatch: &Dispatch) {
    let overdue = dispatch.backlog.take_overdue(std::time::Instant::now());
    dispatch.release(overdue).await;
}
