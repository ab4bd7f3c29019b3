//! Histories are the same for the same seed, and a store agrees with itself.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use ratchet_plugin_api::model::Timestamp;
use ratchet_testkit::contract::Stores;
use ratchet_testkit::history::{Database, generate, play};
use ratchet_testkit::memory::{Clock, MemoryStore};

/// A store in memory in the place of the one under test.
struct Mirror(Arc<MemoryStore>);

impl Database for Mirror {
    async fn open(&mut self) -> Stores {
        let clock = Arc::clone(&self.0);
        Stores::new(&self.0, move |by| clock.advance(by))
    }
}

#[tokio::test]
async fn a_store_agrees_with_itself() {
    for seed in 0..200 {
        let history = generate(seed, 60);
        let start = Timestamp::from_microseconds(1_764_000_000_000_000);
        let mirror = Mirror(Arc::new(MemoryStore::with_clock(Clock::stopped_at(start))));
        if let Err(why) = play(&history, mirror).await {
            panic!("seed {seed}: {why}");
        }
    }
}

#[test]
fn a_seed_makes_the_same_history_each_time() {
    assert_eq!(generate(7, 60), generate(7, 60));
    assert_ne!(generate(7, 60), generate(8, 60));
}
