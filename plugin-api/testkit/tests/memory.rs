//! The store in memory passes the checks of every contract it provides.

use std::sync::Arc;

use ratchet_plugin_api::model::Timestamp;
use ratchet_testkit::contract::{self, MakeStores, Stores, make_stores};
use ratchet_testkit::memory::{Clock, MemoryStore};

fn stores() -> MakeStores {
    make_stores(|| async {
        let start = Timestamp::from_microseconds(1_764_000_000_000_000);
        let store = Arc::new(MemoryStore::with_clock(Clock::stopped_at(start)));
        let clock = Arc::clone(&store);
        Stores::new(&store, move |by| clock.advance(by))
    })
}

#[tokio::test]
async fn it_is_a_store_of_jobs() {
    contract::job_store(stores()).await.assert_passed();
}

#[tokio::test]
async fn it_is_a_store_of_tasks() {
    contract::task_store(stores()).await.assert_passed();
}

#[tokio::test]
async fn it_is_a_store_of_executions() {
    contract::execution_store(stores()).await.assert_passed();
}

#[tokio::test]
async fn it_is_a_store_of_schedules() {
    contract::schedule_store(stores()).await.assert_passed();
}

#[tokio::test]
async fn it_is_a_store_of_results() {
    contract::result_store(stores()).await.assert_passed();
}
