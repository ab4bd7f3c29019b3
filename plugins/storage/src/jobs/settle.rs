//! Settling attempts: their end, the job's, the result and what is to be delivered, all at once.

use std::collections::{HashMap, HashSet};

use ratchet_plugin_api::Result;
use ratchet_plugin_api::services::{Settled, Settlement, Verdict};
use uuid::Uuid;

use super::code::{
    CANCELLED, COMPLETED, FAILED, Fault, RUN_CANCELLED, RUN_COMPLETED, RUN_FAILED, micros, raw,
};
use super::ending::{Attempt, JobEnd, end, record};
use super::facts::{Hot, hot_by_id};
use super::limiter::Ledger;
use super::retry::{Again, again, release};
use crate::db::{Rows, Tx, get, query_rows};

/// Records how attempts ended; the answer has one entry for each, in order.
pub(crate) async fn settle(tx: &Tx, settlements: &[&Settlement]) -> Result<Vec<Settled>> {
    let ids = settlements.iter().map(|settlement| raw(settlement.job));
    let hots = hot_by_id(tx, ids).await?;
    let mut hots: HashMap<Uuid, Hot> = hots.into_iter().map(|hot| (hot.id, hot)).collect();
    let recorded = recorded_before(tx, settlements).await?;
    let mut answers = Vec::with_capacity(settlements.len());
    let mut due: Vec<(&Settlement, Hot, Option<Fault>)> = Vec::with_capacity(settlements.len());
    for settlement in settlements {
        let job = raw(settlement.job);
        let fits = hots.get(&job).is_some_and(|hot| {
            hot.had()
                && hot.host == Some(raw(settlement.host))
                && hot.execution == raw(settlement.execution)
        });
        // Taken out: the same attempt is settled once.
        let hot = if fits { hots.remove(&job) } else { None };
        match hot {
            Some(hot) => {
                due.push((settlement, hot, fault_of(&settlement.verdict)?));
                answers.push(Settled::Recorded);
            }
            None if recorded.contains(&raw(settlement.execution)) => {
                answers.push(Settled::Recorded);
            }
            None => answers.push(Settled::Stale),
        }
    }
    let attempts: Vec<Attempt<'_>> = due
        .iter()
        .filter(|(settlement, ..)| settlement.verdict != Verdict::Released)
        .map(|(settlement, hot, fault)| attempt_of(tx.now, settlement, hot, fault.as_ref()))
        .collect();
    record(tx, &attempts).await?;
    let (mut ends, mut agains, mut released) = (Vec::new(), Vec::new(), Vec::new());
    for (settlement, hot, fault) in due {
        match (&settlement.verdict, fault) {
            (Verdict::Retry { delay_ms, crashed, .. }, Some(fault)) => {
                let (delay, crashed) = (micros(*delay_ms), *crashed);
                agains.push(Again { hot, fault, delay, crashed });
            }
            (Verdict::Released, _) => released.push(hot),
            (Verdict::Failed(_), fault) => ends.push(JobEnd { hot, status: FAILED, fault }),
            (Verdict::Cancelled(_), fault) => ends.push(JobEnd { hot, status: CANCELLED, fault }),
            (_, fault) => ends.push(JobEnd { hot, status: COMPLETED, fault }),
        }
    }
    let mut ledger = Ledger::default();
    end(tx, &mut ledger, ends).await?;
    again(tx, &mut ledger, agains).await?;
    release(tx, &mut ledger, released).await?;
    ledger.settle(tx).await?;
    Ok(answers)
}

fn fault_of(verdict: &Verdict) -> Result<Option<Fault>> {
    match verdict {
        Verdict::Completed(_) | Verdict::Released => Ok(None),
        Verdict::Failed(error) | Verdict::Cancelled(error) | Verdict::Retry { error, .. } => {
            Fault::of(error).map(Some)
        }
    }
}

fn attempt_of<'a>(
    now: i64,
    settlement: &'a Settlement,
    hot: &Hot,
    fault: Option<&'a Fault>,
) -> Attempt<'a> {
    let (status, output) = match &settlement.verdict {
        Verdict::Completed(output) => (RUN_COMPLETED, Some(output.as_str())),
        Verdict::Cancelled(_) => (RUN_CANCELLED, None),
        _ => (RUN_FAILED, None),
    };
    Attempt {
        job: hot.number,
        execution: hot.execution,
        status,
        output,
        fault,
        task_version: settlement.task_version.as_deref(),
        started_at: settlement.began_ms_ago.map(|ago| now.saturating_sub(micros(ago))),
        duration_us: Some(i64::try_from(settlement.duration_us).unwrap_or(i64::MAX)),
        http: &settlement.http,
        logs: &settlement.logs,
        logs_dropped: settlement.logs_dropped,
        deliveries: &settlement.deliveries,
    }
}

/// Where this may have been committed before, by a connection that was lost: what was recorded
/// then.
async fn recorded_before(tx: &Tx, settlements: &[&Settlement]) -> Result<HashSet<Uuid>> {
    if !tx.again {
        return Ok(HashSet::new());
    }
    let executions = settlements.iter().map(|settlement| raw(settlement.execution));
    let hosts: HashMap<Uuid, Uuid> = settlements
        .iter()
        .map(|settlement| (raw(settlement.execution), raw(settlement.host)))
        .collect();
    let sql = "SELECT id, host FROM executions WHERE id IN (SELECT r.id FROM ({rows}) r)";
    let mut recorded = HashSet::new();
    for row in query_rows(tx, sql, &Rows::ids(executions), &[]).await? {
        let (execution, host): (Uuid, Option<Uuid>) = (get(&row, 0)?, get(&row, 1)?);
        if host.is_some() && hosts.get(&execution).copied() == host {
            recorded.insert(execution);
        }
    }
    Ok(recorded)
}
