//! `JobStore` on the store in memory.

use ratchet_plugin_api::model::{Id, Job, JobStats, Json, Key, ListQuery, Listing, Pause};
use ratchet_plugin_api::services::{
    AcceptJobs, Acceptance, Change, ClaimJobs, Claims, ClearJobs, HostInfo, HostState, JobPatch,
    JobStore, Renewal, Settled, Settlement, Situation,
};
use ratchet_plugin_api::{Result, Stream, service};
use tokio::sync::broadcast::error::RecvError;

use super::MemoryStore;
use super::listing::list_jobs;

#[service]
impl JobStore for MemoryStore {
    async fn accept(&self, request: AcceptJobs) -> Result<Vec<Acceptance>> {
        self.with(|state| state.accept(request))
    }

    async fn claim(&self, request: ClaimJobs) -> Result<Claims> {
        self.with(|state| state.claim(request))
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<Settled>> {
        let each = |settlement| self.with(|state| state.settle(settlement));
        Ok(settlements.into_iter().map(each).collect())
    }

    async fn enter(&self, host: HostInfo, lease_ms: u64) -> Result<()> {
        self.with(|state| state.enter(host, lease_ms));
        Ok(())
    }

    async fn renew(&self, host: Id, lease_ms: u64) -> Result<Renewal> {
        Ok(self.with(|state| state.renew(host, lease_ms)))
    }

    async fn leave(&self, host: Id) -> Result<()> {
        self.with(|state| state.leave(host));
        Ok(())
    }

    async fn hosts(&self) -> Result<Vec<HostState>> {
        Ok(self.with(|state| state.living()))
    }

    async fn get(&self, key: Key) -> Result<Job> {
        self.with(|state| Ok(state.job(&key)?.job.clone()))
    }

    async fn list(&self, query: ListQuery) -> Result<Listing<Job>> {
        self.with(|state| list_jobs(state, &query))
    }

    async fn cancel(&self, key: Key, reason: Option<String>) -> Result<Job> {
        self.with(|state| state.cancel(&key, reason))
    }

    async fn replay(&self, key: Key, input: Option<Json>) -> Result<Job> {
        self.with(|state| state.replay(&key, input))
    }

    async fn patch(&self, key: Key, patch: JobPatch) -> Result<Job> {
        self.with(|state| state.patch(&key, patch))
    }

    async fn clear(&self, request: ClearJobs) -> Result<u64> {
        self.with(|state| state.clear(&request))
    }

    async fn pause(&self, pause: Option<Pause>) -> Result<()> {
        self.with(|state| {
            let now = state.now;
            state.pause = pause.map(|pause| Pause { since: pause.since.or(Some(now)), ..pause });
        });
        Ok(())
    }

    async fn stats(&self) -> Result<JobStats> {
        Ok(self.with(|state| state.job_stats()))
    }

    async fn situation(&self, key: Key) -> Result<Situation> {
        self.with(|state| state.situation(&key))
    }

    async fn changes(&self) -> Result<Stream<Change>> {
        let receiver = self.changes.subscribe();
        Ok(Stream::new(futures_util::stream::unfold(receiver, |mut receiver| async move {
            let change = match receiver.recv().await {
                Ok(change) => change,
                // Whoever was too slow looks at everything once.
                Err(RecvError::Lagged(_)) => Change::Ready,
                Err(RecvError::Closed) => return None,
            };
            Some((Ok(change), receiver))
        })))
    }
}
