//! Jobs the store says this host has, of which this host knows nothing: the answer that gave them
//! was lost on the way. For as long as this host lives nobody else would run them.

use std::collections::HashSet;
use std::time::Instant;

use ratchet_plugin_api::model::{FilterOp, Id, Job, JobStatus, ListQuery, MAX_LIMIT};
use ratchet_plugin_api::services::{Settlement, Verdict};
use ratchet_plugin_api::{Call, Result};

use super::Dispatch;
use super::run::Unsettled;
use crate::shared::Shared;

/// What to give up on looking after.
const WITHIN: std::time::Duration = std::time::Duration::from_secs(5);

/// Executions that seemed to be nobody's at the last look.
#[derive(Default)]
pub(super) struct Orphans {
    suspects: HashSet<Id>,
}

impl Orphans {
    /// Gives back what was nobody's at the last look and still is; no answer takes so long on its
    /// way.
    pub(super) async fn look(&mut self, shared: &Shared, dispatch: &Dispatch) {
        match Call::timeout(WITHIN, self.suspect(shared, dispatch)).await {
            Ok(orphans) => {
                for job in orphans {
                    let job_id = job.id;
                    tracing::warn!(job = %job_id, "a job that this host never got goes back");
                    dispatch.settler.send(returned(dispatch, &job)).await;
                }
            }
            Err(error) => tracing::debug!(%error, "jobs of this host could not be looked after"),
        }
    }

    async fn suspect(&mut self, shared: &Shared, dispatch: &Dispatch) -> Result<Vec<Job>> {
        let store = shared.stores.jobs()?;
        let host = dispatch.host.id;
        let hosts = store.hosts().await?;
        let had = hosts.iter().find(|state| state.info.id == host).map_or(0, |state| state.jobs);
        if had == 0 {
            self.suspects.clear();
            return Ok(Vec::new());
        }
        let mut query = ListQuery { limit: MAX_LIMIT, count: false, ..ListQuery::default() }
            .filter("status", FilterOp::Eq, JobStatus::Processing);
        let mut unknown = Vec::new();
        loop {
            let jobs = store.list(query.clone()).await?.items;
            let last = jobs.len() < MAX_LIMIT as usize;
            query.offset += jobs.len() as u64;
            let here = |job: &Job| {
                dispatch.backlog.has(job.execution) || dispatch.settler.has(job.execution)
            };
            unknown.extend(jobs.into_iter().filter(|job| job.host == Some(host) && !here(job)));
            if last {
                break;
            }
        }
        let suspects = unknown.iter().map(|job| job.execution).collect();
        let before = std::mem::replace(&mut self.suspects, suspects);
        unknown.retain(|job| before.contains(&job.execution));
        Ok(unknown)
    }
}

fn returned(dispatch: &Dispatch, job: &Job) -> Unsettled {
    Unsettled {
        settlement: Settlement {
            host: dispatch.host.id,
            job: job.id,
            execution: job.execution,
            verdict: Verdict::Released,
            task_version: None,
            began_ms_ago: None,
            duration_us: 0,
            logs: Vec::new(),
            logs_dropped: 0,
            http: Vec::new(),
            deliveries: Vec::new(),
        },
        began: Instant::now(),
        subject: job.into(),
    }
}
