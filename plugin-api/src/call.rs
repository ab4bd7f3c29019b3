//! What every call carries along without being asked: its deadline and what it belongs to.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::model::Id;
use crate::{Code, Error, Result, wire};

tokio::task_local! {
    static CURRENT: Call;
}

/// The context of a call: how long it may take, and which trace and execution it is part of.
///
/// A call made while answering another inherits all of it, so authors rarely touch this:
/// [`Call::timeout`] tightens the deadline, and [`Call::current`] says what is in force.
#[derive(Clone, Debug)]
pub struct Call {
    deadline: Option<Instant>,
    /// Identifies the whole chain of calls (a W3C trace id); zero for none.
    pub trace: u128,
    /// Identifies this call within its trace.
    pub span: u64,
    /// The run this call is made for.
    pub execution: Option<Id>,
    baggage: Option<Arc<BTreeMap<String, String>>>,
}

impl Call {
    pub(crate) fn new(trace: u128, span: u64) -> Self {
        Self { deadline: None, trace, span, execution: None, baggage: None }
    }

    /// A call that belongs to nothing before it, with a trace of its own.
    pub fn root() -> Self {
        Self::new(Id::new().as_u128(), next_span())
    }

    /// The call being answered, or a fresh one outside of any.
    pub fn current() -> Self {
        CURRENT.try_with(Clone::clone).unwrap_or_else(|_| Self::new(0, 0))
    }

    /// The same call, ending `duration` from now at the latest.
    #[must_use]
    pub fn within(mut self, duration: Duration) -> Self {
        if let Some(deadline) = Instant::now().checked_add(duration) {
            self.deadline = Some(self.deadline.map_or(deadline, |present| present.min(deadline)));
        }
        self
    }

    /// The same call on behalf of a run.
    #[must_use]
    pub fn for_execution(mut self, execution: Id) -> Self {
        self.execution = Some(execution);
        self
    }

    /// Time left, or none if there is no deadline.
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// A value travelling with the call, such as the name of who made it.
    pub fn baggage(&self, key: &str) -> Option<&str> {
        self.baggage.as_ref()?.get(key).map(String::as_str)
    }

    /// The same call carrying `value` under `key` to everyone it reaches.
    #[must_use]
    pub fn with_baggage(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        let mut baggage = self.baggage.as_deref().cloned().unwrap_or_default();
        baggage.insert(key.into(), value.into());
        self.baggage = Some(Arc::new(baggage));
        self
    }

    /// Runs `future` with this call in force.
    pub fn scope<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, future)
    }

    /// Runs `future` with the present call shortened to `duration`, and gives up when it is over.
    ///
    /// # Errors
    /// `Timeout` when `duration` or an outer deadline passes first, else what `future` gives.
    pub async fn timeout<T>(
        duration: Duration,
        future: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let call = Self::current().within(duration);
        call.clone().scope(call.limit(future)).await
    }

    /// Ends `future` with `Timeout` when the deadline passes.
    pub(crate) async fn limit<T>(&self, future: impl Future<Output = Result<T>>) -> Result<T> {
        match self.remaining() {
            None => future.await,
            Some(left) => {
                tokio::time::timeout(left, future).await.unwrap_or_else(|_| Err(out_of_time()))
            }
        }
    }

    /// The context of a call made while this one is answered.
    pub(crate) fn child(&self) -> Self {
        let mut child = self.clone();
        if child.trace != 0 {
            child.span = next_span();
        }
        child
    }

    pub(crate) fn encode_baggage(&self) -> Vec<u8> {
        self.baggage.as_deref().and_then(|baggage| wire::encode(baggage).ok()).unwrap_or_default()
    }

    pub(crate) fn decode_baggage(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.baggage = wire::decode(bytes).ok().map(Arc::new);
        }
    }
}

fn out_of_time() -> Error {
    Error::new(Code::Timeout, "the deadline passed").with_reason("limit.time")
}

/// A call as it crosses to another process: what is left of its time instead of its deadline.
#[derive(Serialize, Deserialize)]
struct Travelling {
    timeout_us: Option<u64>,
    trace: (u64, u64),
    span: u64,
    execution: Option<Id>,
    baggage: Option<BTreeMap<String, String>>,
}

impl Serialize for Call {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Travelling {
            timeout_us: self
                .remaining()
                .map(|left| u64::try_from(left.as_micros()).unwrap_or(u64::MAX)),
            trace: ((self.trace >> 64) as u64, self.trace as u64),
            span: self.span,
            execution: self.execution,
            baggage: self.baggage.as_deref().cloned(),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Call {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let travelled = Travelling::deserialize(deserializer)?;
        let trace = (u128::from(travelled.trace.0) << 64) | u128::from(travelled.trace.1);
        let mut call = Self::new(trace, travelled.span);
        if let Some(left) = travelled.timeout_us {
            call = call.within(Duration::from_micros(left));
        }
        call.execution = travelled.execution;
        call.baggage = travelled.baggage.map(Arc::new);
        Ok(call)
    }
}

/// Span ids only need to differ within a trace; a counter from a random start does.
fn next_span() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let seed = NEXT.load(Ordering::Relaxed);
    if seed == 0 {
        let random = Id::new().as_u128() as u64 | 1;
        let _ = NEXT.compare_exchange(0, random, Ordering::Relaxed, Ordering::Relaxed);
    }
    NEXT.fetch_add(1, Ordering::Relaxed)
}
