//! A job store that is away when a test says so, loses answers, and counts what it is asked.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use ratchet_plugin_api::model::Id;
use ratchet_plugin_api::model::{Job, JobStats, Json, Key, ListQuery, Listing, Pause};
use ratchet_plugin_api::services::{
    AcceptJobs, Acceptance, Change, ClaimJobs, Claims, ClearJobs, HostInfo, HostState, JobPatch,
    JobStore, Renewal, Settled, Settlement, Situation,
};
use ratchet_plugin_api::{Error, Result, Stream, service};
use ratchet_testkit::memory::MemoryStore;

pub(super) struct FaultyStore {
    store: MemoryStore,
    away: AtomicBool,
    lose_claim: AtomicBool,
    asked: Mutex<BTreeMap<&'static str, u32>>,
}

impl FaultyStore {
    pub(super) fn new(store: MemoryStore) -> Self {
        let (away, lose_claim) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { store, away, lose_claim, asked: Mutex::default() }
    }

    /// Whether it answers nothing.
    pub(super) fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    /// The next claim that gives jobs is done, and its answer lost.
    pub(super) fn lose_next_claim(&self) {
        self.lose_claim.store(true, Ordering::SeqCst);
    }

    /// How often it was asked this.
    pub(super) fn asked(&self, what: &str) -> u32 {
        self.asked.lock().unwrap().get(what).copied().unwrap_or(0)
    }

    fn there(&self, what: &'static str) -> Result<&MemoryStore> {
        *self.asked.lock().unwrap().entry(what).or_default() += 1;
        if self.away.load(Ordering::SeqCst) {
            return Err(Error::unavailable("the database does not answer"));
        }
        Ok(&self.store)
    }
}

#[service]
impl JobStore for FaultyStore {
    async fn accept(&self, request: AcceptJobs) -> Result<Vec<Acceptance>> {
        self.there("accept")?.accept(request).await
    }

    async fn claim(&self, request: ClaimJobs) -> Result<Claims> {
        let claims = self.there("claim")?.claim(request).await?;
        if !claims.jobs.is_empty() && self.lose_claim.swap(false, Ordering::SeqCst) {
            return Err(Error::unavailable("the connection was lost"));
        }
        Ok(claims)
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<Settled>> {
        self.there("settle")?.settle(settlements).await
    }

    async fn enter(&self, host: HostInfo, lease_ms: u64) -> Result<()> {
        self.there("enter")?.enter(host, lease_ms).await
    }

    async fn renew(&self, host: Id, lease_ms: u64) -> Result<Renewal> {
        self.there("renew")?.renew(host, lease_ms).await
    }

    async fn leave(&self, host: Id) -> Result<()> {
        self.there("leave")?.leave(host).await
    }

    async fn hosts(&self) -> Result<Vec<HostState>> {
        self.there("hosts")?.hosts().await
    }

    async fn get(&self, key: Key) -> Result<Job> {
        JobStore::get(self.there("get")?, key).await
    }

    async fn list(&self, query: ListQuery) -> Result<Listing<Job>> {
        JobStore::list(self.there("list")?, query).await
    }

    async fn cancel(&self, key: Key, reason: Option<String>) -> Result<Job> {
        self.there("cancel")?.cancel(key, reason).await
    }

    async fn replay(&self, key: Key, input: Option<Json>) -> Result<Job> {
        self.there("replay")?.replay(key, input).await
    }

    async fn patch(&self, key: Key, patch: JobPatch) -> Result<Job> {
        self.there("patch")?.patch(key, patch).await
    }

    async fn clear(&self, request: ClearJobs) -> Result<u64> {
        self.there("clear")?.clear(request).await
    }

    async fn pause(&self, pause: Option<Pause>) -> Result<()> {
        JobStore::pause(self.there("pause")?, pause).await
    }

    async fn stats(&self) -> Result<JobStats> {
        JobStore::stats(self.there("stats")?).await
    }

    async fn situation(&self, key: Key) -> Result<Situation> {
        self.there("situation")?.situation(key).await
    }

    async fn changes(&self) -> Result<Stream<Change>> {
        self.there("changes")?.changes().await
    }
}
