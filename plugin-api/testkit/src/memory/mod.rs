//! The stores of durable execution in memory: the plainest code that is right.
//!
//! It is the reference for what the contracts mean: consumers are tested on it, and other providers
//! are compared with it. It keeps everything in ordered maps under one lock, looks through all of
//! them where a database would use an index, and survives nothing.

mod accept;
mod clock;
mod edit;
mod execution_store;
mod follow;
mod hosts;
mod job_store;
mod listing;
mod query;
mod result_store;
mod schedule_store;
mod settle;
mod state;
mod task_store;
mod task_sync;
mod waiting;

pub use clock::Clock;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ratchet_plugin_api::services::Change;
use tokio::sync::broadcast;

use state::State;

/// Changes kept for whoever listens before the oldest are dropped.
const CHANGES: usize = 4096;

/// A store in memory that provides `TaskStore`, `JobStore`, `ExecutionStore`, `ScheduleStore` and
/// `ResultStore`. Cheap to clone; every clone is the same store.
///
/// ```
/// use ratchet_plugin_api::services::JobStore;
/// use ratchet_testkit::memory::MemoryStore;
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let store = MemoryStore::new();
/// assert_eq!(JobStore::stats(&store).await?.queued, 0);
/// # ratchet_plugin_api::Result::<()>::Ok(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
    clock: Arc<Clock>,
    changes: broadcast::Sender<Change>,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStore {
    /// An empty store on the system's time.
    pub fn new() -> Self {
        Self::with_clock(Clock::system())
    }

    /// An empty store on this time. The ids it makes are the same in every run.
    pub fn with_clock(clock: Clock) -> Self {
        let state = Arc::new(Mutex::new(State::new(clock.now())));
        Self { state, clock: Arc::new(clock), changes: broadcast::Sender::new(CHANGES) }
    }

    /// Its clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Lets time pass, with everything that follows from it.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
        self.with(|_| ());
    }

    /// One transaction: first everything that time alone has brought about, then `work` and
    /// what follows from it.
    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.now = self.clock.now();
        state.bring_up_to_date();
        let outcome = work(&mut state);
        state.bring_up_to_date();
        let news = std::mem::take(&mut state.news);
        drop(state);
        for change in news {
            // An error means that nobody listens.
            let _ = self.changes.send(change);
        }
        outcome
    }
}
