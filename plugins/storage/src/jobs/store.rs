//! `JobStore`.

use std::sync::Arc;

use ratchet_plugin_api::model::{Id, Job, JobStats, Json, Key, ListQuery, Listing, Pause};
use ratchet_plugin_api::services::{
    AcceptJobs, Acceptance, Change, ClaimJobs, Claims, ClearJobs, HostInfo, HostState, JobPatch,
    JobStore, Renewal, Settled, Settlement, Situation,
};
use ratchet_plugin_api::{Result, Stream, service};

use super::{edit, host, look, record};
use crate::Storage;

#[service]
impl JobStore for Storage {
    async fn accept(&self, request: AcceptJobs) -> Result<Vec<Acceptance>> {
        self.db()?.writer().accept(request).await
    }

    async fn claim(&self, request: ClaimJobs) -> Result<Claims> {
        self.db()?.writer().claim(request).await
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<Settled>> {
        self.db()?.writer().settle(settlements).await
    }

    async fn enter(&self, host: HostInfo, lease_ms: u64) -> Result<()> {
        let db = self.db()?;
        let (sightings, host) = (Arc::clone(db.sightings()), Arc::new(host));
        db.write_relaxed(move |tx| {
            let (sightings, host) = (Arc::clone(&sightings), Arc::clone(&host));
            Box::pin(async move { host::enter(tx, &sightings, &host, lease_ms).await })
        })
        .await
    }

    async fn renew(&self, host: Id, lease_ms: u64) -> Result<Renewal> {
        let db = self.db()?;
        let sightings = Arc::clone(db.sightings());
        db.write_relaxed(move |tx| {
            let sightings = Arc::clone(&sightings);
            Box::pin(async move { host::renew(tx, &sightings, host, lease_ms).await })
        })
        .await
    }

    async fn leave(&self, host: Id) -> Result<()> {
        let db = self.db()?;
        let sightings = Arc::clone(db.sightings());
        db.write(move |tx| {
            let sightings = Arc::clone(&sightings);
            Box::pin(async move { host::leave(tx, &sightings, host).await })
        })
        .await
    }

    async fn hosts(&self) -> Result<Vec<HostState>> {
        let db = self.db()?;
        host::hosts(db.read(), db.now().await?).await
    }

    async fn get(&self, key: Key) -> Result<Job> {
        record::job(self.db()?.read(), &key).await
    }

    async fn list(&self, query: ListQuery) -> Result<Listing<Job>> {
        let db = self.db()?;
        record::jobs(db.read(), &query, db.now().await?).await
    }

    async fn cancel(&self, key: Key, reason: Option<String>) -> Result<Job> {
        self.db()?
            .write(move |tx| {
                let (key, reason) = (key.clone(), reason.clone());
                Box::pin(async move {
                    let job = edit::cancel(tx, &key, reason).await?;
                    record::job(tx, &Key::Id(job)).await
                })
            })
            .await
    }

    async fn replay(&self, key: Key, input: Option<Json>) -> Result<Job> {
        self.db()?
            .write(move |tx| {
                let (key, input) = (key.clone(), input.clone());
                Box::pin(async move {
                    let job = edit::replay(tx, &key, input).await?;
                    record::job(tx, &Key::Id(job)).await
                })
            })
            .await
    }

    async fn patch(&self, key: Key, patch: JobPatch) -> Result<Job> {
        let patch = Arc::new(patch);
        self.db()?
            .write(move |tx| {
                let (key, patch) = (key.clone(), Arc::clone(&patch));
                Box::pin(async move {
                    let job = edit::patch(tx, &key, &patch).await?;
                    record::job(tx, &Key::Id(job)).await
                })
            })
            .await
    }

    async fn clear(&self, request: ClearJobs) -> Result<u64> {
        let db = self.db()?;
        let request = Arc::new(request);
        let mut cleared = 0;
        // Bit by bit, so that nobody waits long.
        loop {
            let request = Arc::clone(&request);
            let some = db
                .write(move |tx| {
                    let request = Arc::clone(&request);
                    Box::pin(async move { edit::clear_some(tx, &request).await })
                })
                .await?;
            if some == 0 {
                return Ok(cleared);
            }
            cleared += some;
        }
    }

    async fn pause(&self, pause: Option<Pause>) -> Result<()> {
        let pause = Arc::new(pause);
        self.db()?
            .write(move |tx| {
                let pause = Arc::clone(&pause);
                Box::pin(async move { edit::pause(tx, pause.as_ref().as_ref()).await })
            })
            .await
    }

    async fn stats(&self) -> Result<JobStats> {
        let db = self.db()?;
        look::stats(db.read(), db.now().await?).await
    }

    async fn situation(&self, key: Key) -> Result<Situation> {
        let db = self.db()?;
        look::situation(db.read(), &key, db.now().await?).await
    }

    async fn changes(&self) -> Result<Stream<Change>> {
        Ok(self.db()?.changes())
    }
}
