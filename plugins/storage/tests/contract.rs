//! The stores pass the checks of every contract they provide, on every kind of database.

#![allow(clippy::unwrap_used)]

mod support;

use std::sync::{Arc, Mutex};

use ratchet_plugin_api::Plugin as _;
use ratchet_storage::Storage;
use ratchet_testkit::TestHost;
use ratchet_testkit::contract::{self, MakeStores, Report, Stores, make_stores};
use serde_json::json;
use support::Postgres;

/// The last database that was made, and what keeps it there. It is closed before the next one is
/// opened, since a server lets only so many connections in.
#[derive(Clone, Default)]
struct Last(Arc<Mutex<Option<Opened>>>);

/// A store that is open.
type Opened = (Arc<Storage>, Kept);

/// What goes when a database is not needed any more: its folder, or itself.
type Kept = Option<Box<dyn Send>>;

impl Last {
    async fn close(&self) {
        let last = self.0.lock().unwrap().take();
        if let Some((storage, _kept)) = last {
            storage.stop().await.unwrap();
        }
    }

    async fn open(&self, url: &str, kept: Kept) -> Stores {
        let config = json!({"database": {"url": url, "max_connections": 4}});
        let storage = TestHost::new().start::<Storage>(config).await.unwrap();
        *self.0.lock().unwrap() = Some((Arc::clone(&storage), kept));
        let clock = Arc::clone(&storage);
        Stores::new(&storage, move |by| clock.advance_clock(by).unwrap())
    }
}

fn in_memory() -> MakeStores {
    let last = Last::default();
    make_stores(move || {
        let last = last.clone();
        async move {
            last.close().await;
            last.open("sqlite::memory:", None).await
        }
    })
}

fn in_files() -> MakeStores {
    let last = Last::default();
    make_stores(move || {
        let last = last.clone();
        async move {
            last.close().await;
            let folder = tempfile::tempdir().unwrap();
            let url = format!("sqlite://{}", folder.path().join("ratchet.db").display());
            last.open(&url, Some(Box::new(folder))).await
        }
    })
}

/// None where there is no server.
async fn on_postgres() -> Option<MakeStores> {
    Postgres::fresh().await?;
    let last = Last::default();
    Some(make_stores(move || {
        let last = last.clone();
        async move {
            last.close().await;
            let database = Postgres::fresh().await.unwrap();
            let url = database.url();
            last.open(&url, Some(Box::new(database))).await
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
