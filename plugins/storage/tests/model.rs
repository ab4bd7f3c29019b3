//! Random histories, played on the store in memory and on real databases side by side.
//!
//! `RATCHET_HISTORIES` says how many, `RATCHET_HISTORY_SEED` the first seed: with it a failure is
//! repeated, and the shortest part of that history that still fails is shown.

#![allow(clippy::unwrap_used)]

mod support;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ratchet_plugin_api::Plugin as _;
use ratchet_storage::Storage;
use ratchet_testkit::TestHost;
use ratchet_testkit::contract::Stores;
use ratchet_testkit::history::{Database, History, generate, play};
use serde_json::json;
use support::Postgres;

/// Commands of one history at most.
const LONGEST: usize = 60;

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().expect("a number"))
}

/// A database at a URL, and what keeps it there.
struct Reopened<K> {
    url: String,
    /// How far its clock was set forward, in microseconds.
    ahead: Arc<AtomicU64>,
    open: Option<Arc<Storage>>,
    _keep: K,
}

impl<K> Reopened<K> {
    fn new(url: String, keep: K) -> Self {
        Self { url, ahead: Arc::default(), open: None, _keep: keep }
    }
}

impl<K: Send> Database for Reopened<K> {
    async fn open(&mut self) -> Stores {
        if let Some(open) = self.open.take() {
            open.stop().await.unwrap();
        }
        let config = json!({"database": {"url": self.url, "max_connections": 3}});
        let storage = TestHost::new().start::<Storage>(config).await.unwrap();
        let ahead = Duration::from_micros(self.ahead.load(Ordering::SeqCst));
        storage.advance_clock(ahead).unwrap();
        self.open = Some(Arc::clone(&storage));
        let (clock, ahead) = (Arc::clone(&storage), Arc::clone(&self.ahead));
        Stores::new(&storage, move |by| {
            ahead.fetch_add(u64::try_from(by.as_micros()).unwrap(), Ordering::SeqCst);
            clock.advance_clock(by).unwrap();
        })
    }
}

/// Plays as many histories as wanted. The first that fails is made as short as it can be.
async fn play_all<D, F>(count: u64, make: impl Fn() -> F)
where
    D: Database,
    F: Future<Output = D>,
{
    let first = number("RATCHET_HISTORY_SEED", 1);
    for seed in first..first + number("RATCHET_HISTORIES", count) {
        let mut history = generate(seed, LONGEST);
        let Err(mut why) = play(&history, make().await).await else {
            continue;
        };
        eprintln!("the history of seed {seed} fails: {why}");
        // Leaves out what does not matter, from the longest stretches to single commands.
        let mut stretch = history.len() / 2;
        while stretch > 0 {
            let mut place = 0;
            while place < history.len() {
                let shorter = without(&history, place, stretch);
                match play(&shorter, make().await).await {
                    Err(still) => (history, why) = (shorter, still),
                    Ok(()) => place += stretch,
                }
            }
            stretch /= 2;
        }
        let lines: Vec<String> = history.iter().map(|command| format!("{command:?}")).collect();
        panic!("seed {seed}: {why}\nthe shortest history that fails:\n{}", lines.join("\n"));
    }
}

fn without(history: &History, place: usize, stretch: usize) -> History {
    let end = (place + stretch).min(history.len());
    history[..place].iter().chain(&history[end..]).cloned().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_sqlite_does_as_the_store_in_memory() {
    play_all(150, || async {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("ratchet.db").display());
        Reopened::new(url, folder)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgresql_does_as_the_store_in_memory() {
    if Postgres::fresh().await.is_none() {
        return;
    }
    play_all(60, || async {
        let database = Postgres::fresh().await.unwrap();
        Reopened::new(database.url(), database)
    })
    .await;
}
