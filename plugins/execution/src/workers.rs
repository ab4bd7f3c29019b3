//! The worker processes of this host, as the host reports them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ratchet_plugin_api::model::{EventKind, Id, Json, Timestamp};
use ratchet_plugin_api::services::Worker;
use ratchet_plugin_api::{Code, Result};
use serde::Deserialize;

use crate::shared::Shared;

/// What the host says of one worker process.
#[derive(Deserialize)]
struct Report {
    /// The plugin it hosts.
    plugin: String,
    /// Its number among those.
    worker: u64,
    pid: u32,
    ready: bool,
    in_flight: u32,
    answered: u64,
    #[serde(default)]
    resident_bytes: Option<u64>,
    #[serde(default)]
    started_at: Option<Timestamp>,
}

/// The workers there are now. A host whose plugins all run in its own process has none.
///
/// # Errors
/// When the host's answer cannot be read.
pub(crate) fn list(shared: &Shared) -> Result<Vec<Worker>> {
    let answer = match shared.context.query("workers", "") {
        Ok(answer) => answer,
        Err(error) if error.code == Code::Unsupported => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let reports: Vec<Report> = Json::parse(answer)?.to()?;
    let host = shared.dispatch().map_or_else(|| Id::from_u128(0), |dispatch| dispatch.host());
    let worker = |report: Report| Worker {
        name: format!("{}/{}", report.plugin, report.worker),
        pid: report.pid,
        ready: report.ready,
        busy: report.in_flight,
        answered: report.answered,
        resident_bytes: report.resident_bytes,
        host,
        started_at: report.started_at,
    };
    Ok(reports.into_iter().map(worker).collect())
}

/// Looks at the list every so often and tells of workers that came or went.
pub(crate) async fn watch(shared: Arc<Shared>) {
    let every = Duration::from_secs(shared.config.workers.health_check_interval_seconds);
    let mut known = BTreeSet::new();
    loop {
        match list(&shared) {
            Ok(workers) => {
                let present: BTreeSet<String> =
                    workers.into_iter().map(|worker| worker.name).collect();
                for (name, is_here) in changes(&known, &present) {
                    let state = if is_here { "is here" } else { "has gone" };
                    tracing::debug!(worker = name, "a worker {state}");
                    shared.bus.announce(EventKind::Worker { name, present: is_here });
                }
                known = present;
            }
            Err(error) => tracing::warn!(%error, "the list of workers cannot be read"),
        }
        tokio::time::sleep(every).await;
    }
}

/// Who came and who went, by name.
fn changes(known: &BTreeSet<String>, present: &BTreeSet<String>) -> Vec<(String, bool)> {
    let came = present.difference(known).map(|name| (name.clone(), true));
    let went = known.difference(present).map(|name| (name.clone(), false));
    went.chain(came).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_came_and_who_went() {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let changes = changes(&set(&["js-boa/0", "js-boa/1"]), &set(&["js-boa/1", "js-boa/2"]));
        assert_eq!(changes, [("js-boa/0".to_owned(), false), ("js-boa/2".to_owned(), true)]);
    }
}
