//! The stores pass the checks of every contract they provide, on every kind of database.

#![allow(clippy::unwrap_used)]

mod support;

use std::sync::{Arc, Mutex};

use ratchet_storage::Storage;
use ratchet_testkit::TestHost;
use ratchet_testkit::contract::{self, MakeStores, Report, Stores, make_stores};
use serde_json::json;
use support::Postgres;

/// What is dropped when the checks are done: folders and databases.
type Kept = Arc<Mutex<Vec<Box<dyn Send>>>>;

async fn stores(url: &str) -> Stores {
    let config = json!({"database": {"url": url, "max_connections": 4}});
    let storage = TestHost::new().start::<Storage>(config).await.unwrap();
    let clock = Arc::clone(&storage);
    Stores::new(&storage, move |by| clock.advance_clock(by).unwrap())
}

fn in_memory() -> MakeStores {
    make_stores(|| async { stores("sqlite::memory:").await })
}

fn in_files() -> MakeStores {
    let kept = Kept::default();
    make_stores(move || {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("ratchet.db").display());
        kept.lock().unwrap().push(Box::new(folder));
        async move { stores(&url).await }
    })
}

/// None where there is no server.
async fn on_postgres() -> Option<MakeStores> {
    Postgres::fresh().await?;
    let kept = Kept::default();
    Some(make_stores(move || {
        let kept = Arc::clone(&kept);
        async move {
            let database = Postgres::fresh().await.unwrap();
            let url = database.url();
            kept.lock().unwrap().push(Box::new(database));
            stores(&url).await
        }
    }))
}

/// Checks a contract on one kind of database after the other.
macro_rules! checks {
    ($($contract:ident)*) => {$(
        mod $contract {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn in_memory() {
                passed(contract::$contract(super::in_memory()).await);
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn in_a_file() {
                passed(contract::$contract(in_files()).await);
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgresql() {
                if let Some(stores) = on_postgres().await {
                    passed(contract::$contract(stores).await);
                }
            }
        }
    )*};
}

checks! { job_store task_store execution_store schedule_store result_store }

#[track_caller]
fn passed(report: Report) {
    report.assert_passed();
}
