//! Bringing results where they are wanted. A delivery is made by one host at a time, again and
//! again until it succeeds or its policy gives up; what became of it is kept.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use ratchet_plugin_api::model::{Delivery, DeliveryEnd, DeliveryOutcome, Id, PendingDelivery};
use ratchet_plugin_api::services::OutputSink;
use ratchet_plugin_api::{Call, Code, Error, Result, did_you_mean, nearest};
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::backoff::Backoff;
use crate::retry::{delay_ms, random};
use crate::shared::Shared;

/// What telling the store may take before it is told again.
const SETTLE_WITHIN: Duration = Duration::from_secs(10);

/// Delivers whatever waits for this host, until `stopping`; what is under way then is finished.
pub(crate) async fn deliver(shared: Arc<Shared>, host: Id, mut stopping: watch::Receiver<bool>) {
    let most = shared.config.output.max_concurrent_deliveries as usize;
    let mut under_way: JoinSet<DeliveryOutcome> = JoinSet::new();
    let mut backoff = Backoff::default();
    // Whether more may wait, and when that is so by time alone.
    let (mut hungry, mut due) = (true, None);
    loop {
        let stop = *stopping.borrow();
        if stop && under_way.is_empty() {
            return;
        }
        let room = most.saturating_sub(under_way.len());
        if hungry && room > 0 && !stop {
            match claim(&shared, host, room).await {
                Ok((claimed, next)) => {
                    backoff.reset();
                    hungry = claimed.len() == room;
                    due = next.and_then(|wait| Instant::now().checked_add(wait));
                    for pending in claimed {
                        under_way.spawn(make(Arc::clone(&shared), pending));
                    }
                    continue;
                }
                Err(error) => {
                    // A host that has not entered yet is about to.
                    let enters = error.reason.as_deref() == Some("host.expired");
                    if backoff.failures() == 0 && !enters {
                        tracing::warn!(%error, "deliveries cannot be taken; trying again");
                    }
                    hungry = false;
                    due = Instant::now().checked_add(backoff.next());
                }
            }
        }
        let due_again = async {
            match due {
                Some(due) => tokio::time::sleep_until(due.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(first) = under_way.join_next(), if !under_way.is_empty() => {
                let mut ended = vec![first];
                while let Some(next) = under_way.try_join_next() {
                    ended.push(next);
                }
                let outcomes: Vec<_> = ended.into_iter().filter_map(Result::ok).collect();
                settle(&shared, host, outcomes).await;
                // One that failed may be due before anything else.
                hungry = true;
            }
            () = shared.deliveries.notified(), if !stop => hungry = true,
            () = due_again, if !stop => (hungry, due) = (true, None),
            _ = stopping.changed(), if !stop => {}
        }
    }
}

/// Deliveries for this host, and how long until the next is due.
async fn claim(
    shared: &Shared,
    host: Id,
    room: usize,
) -> Result<(Vec<PendingDelivery>, Option<Duration>)> {
    let store = shared.stores.results()?;
    let claimed = store.claim_deliveries(host, u32::try_from(room).unwrap_or(u32::MAX)).await?;
    // With all places filled, this is asked when one is free again.
    let next = if claimed.len() < room { store.next_delivery_ms().await? } else { None };
    Ok((claimed, next.map(Duration::from_millis)))
}

/// Makes one attempt.
async fn make(shared: Arc<Shared>, pending: PendingDelivery) -> DeliveryOutcome {
    let began = Instant::now();
    let (id, sink) = (pending.id, pending.destination.sink.clone());
    let configured = || shared.config.output.retry_policy();
    let policy = pending.destination.retry.clone().unwrap_or_else(configured);
    let attempt = pending.attempt;
    let call = Call::root().for_execution(pending.run.execution);
    let delivering = async {
        let delivery = delivery(pending)?;
        let provider = sink_called(&shared, &sink)?;
        Call::timeout(shared.config.output.timeout(), provider.deliver(delivery)).await
    };
    let end = match call.scope(delivering).await {
        Ok(receipt) => DeliveryEnd::Delivered(receipt),
        Err(error) => {
            let retries = attempt.saturating_sub(1);
            let message = error.full_message();
            let last = error.code == Code::Invalid || retries >= policy.max_retries;
            if last {
                tracing::warn!(%error, %sink, delivery = %id, "a result was not delivered");
                DeliveryEnd::Failed(message)
            } else {
                let delay_ms = delay_ms(&policy, retries, error.retry_after_ms, random());
                DeliveryEnd::Retry { error: message, delay_ms }
            }
        }
    };
    let duration_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
    DeliveryOutcome { id, duration_us, end }
}

fn sink_called(shared: &Shared, name: &str) -> Result<Arc<dyn OutputSink>> {
    shared.context.slot_named::<dyn OutputSink>(name).get().map_err(|error| {
        if error.code != Code::Gone {
            return error;
        }
        let present = shared.context.all::<dyn OutputSink>();
        let names: Vec<&str> = present.iter().map(|(name, _)| name.as_str()).collect();
        let hint = did_you_mean(nearest(name, names.iter().copied()));
        let there = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        let message = format!("there is no output sink called `{name}`; there is: {there}{hint}");
        // It may be one of another host, or one that is just being started.
        Error::unavailable(message).with_reason("output.no_sink")
    })
}

/// A result as sinks get it: the output as it is, or the error under `error`.
fn delivery(pending: PendingDelivery) -> Result<Delivery> {
    let PendingDelivery { id, attempt, destination, run, output, error } = pending;
    let body = match (output, error) {
        (Some(output), _) => output.as_str().to_owned(),
        (None, Some(error)) => json!({ "error": error }).to_string(),
        (None, None) => "null".to_owned(),
    };
    let content_type = "application/json".to_owned();
    let body = Bytes::from(body);
    Ok(Delivery { id, attempt, run, target: destination.target, content_type, body })
}

/// Tells the store what became of deliveries, for as long as that takes.
async fn settle(shared: &Shared, host: Id, outcomes: Vec<DeliveryOutcome>) {
    let mut backoff = Backoff::default();
    loop {
        let settled = async {
            let store = shared.stores.results()?;
            Call::timeout(SETTLE_WITHIN, store.settle_deliveries(host, outcomes.clone())).await
        };
        match settled.await {
            Ok(()) => return,
            Err(error) if error.code == Code::Invalid => {
                tracing::error!(%error, "what became of deliveries cannot be recorded");
                return;
            }
            Err(error) => {
                if backoff.failures() == 0 {
                    tracing::warn!(%error, "what became of deliveries is told again");
                }
                backoff.pause().await;
            }
        }
    }
}
