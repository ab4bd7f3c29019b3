//! Settling attempts: their end, the job's, the result and what is to be delivered, all at once.

use std::collections::{HashMap, HashSet};

use ratchet_plugin_api::Result;
use ratchet_plugin_api::services::{Settled, Settlement, Verdict};
use uuid::Uuid;

use super::code::{
    CANCELLED, COMPLETED, FAILED, Fault, HAD, RUN_CANCELLED, RUN_COMPLETED, RUN_FAILED, micros, raw,
};
use super::ending::{Attempt, JobEnd, Leaving, end, record};
use super::facts::{Hot, hot_by_number};
use super::limiter::Ledger;
use super::retry::{Again, again, release};
use crate::db::{Cell, Kind, Rows, Tx, get, query_rows};

/// Records how attempts ended; the answer has one entry for each, in order.
pub(crate) async fn settle(tx: &Tx, settlements: &[&Settlement]) -> Result<Vec<Settled>> {
    let mut held = held(tx, settlements).await?;
    let recorded = recorded_before(tx, settlements).await?;
    let mut answers = Vec::with_capacity(settlements.len());
    let mut due: Vec<(&Settlement, Leaving, Option<Fault>)> = Vec::with_capacity(settlements.len());
    for settlement in settlements {
        // Taken out: the same attempt is settled once.
        match held.remove(&raw(settlement.execution)) {
            Some(job) => {
                due.push((settlement, job, fault_of(&settlement.verdict)?));
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
        .map(|(settlement, job, fault)| attempt_of(tx.now, settlement, job.number, fault.as_ref()))
        .collect();
    record(tx, &attempts).await?;
    let mut staying = staying(tx, &due).await?;
    let (mut ends, mut agains, mut released) = (Vec::new(), Vec::new(), Vec::new());
    for (settlement, job, fault) in due {
        match (&settlement.verdict, fault, staying.remove(&job.number)) {
            (Verdict::Retry { delay_ms, crashed, .. }, Some(fault), Some(hot)) => {
                let (delay, crashed) = (micros(*delay_ms), *crashed);
                agains.push(Again { hot, fault, delay, crashed });
            }
            (Verdict::Released, _, Some(hot)) => released.push(hot),
            (Verdict::Failed(_), fault, _) => ends.push(JobEnd { job, status: FAILED, fault }),
            (Verdict::Cancelled(_), fault, _) => {
                ends.push(JobEnd { job, status: CANCELLED, fault });
            }
            (_, fault, _) => ends.push(JobEnd { job, status: COMPLETED, fault }),
        }
    }
    let mut ledger = Ledger::default();
    end(tx, &mut ledger, ends).await?;
    again(tx, &mut ledger, agains).await?;
    release(tx, &mut ledger, released).await?;
    ledger.settle(tx).await?;
    Ok(answers)
}

/// The attempts of these that their hosts still have, by execution.
async fn held(tx: &Tx, settlements: &[&Settlement]) -> Result<HashMap<Uuid, Leaving>> {
    const COLUMNS: &[(&str, Kind)] =
        &[("id", Kind::Id), ("execution", Kind::Id), ("host", Kind::Id)];
    let mut rows = Rows::new(COLUMNS);
    for settlement in settlements {
        let (execution, host) = (raw(settlement.execution), raw(settlement.host));
        rows.push([raw(settlement.job).value(), execution.value(), host.value()]);
    }
    // As little as possible: most of these end, and need no more.
    let sql = "SELECT j.number, j.id, j.execution, j.limiter, j.unique_key FROM ({rows}) r \
        CROSS JOIN jobs j WHERE j.id = r.id AND j.execution = r.execution AND j.host = r.host \
        AND j.hold = 6 ORDER BY j.number {lock_j}";
    let rows = query_rows(tx, sql, &rows, &[]).await?;
    rows.iter()
        .map(|row| {
            let job = Leaving {
                number: get(row, 0)?,
                id: get(row, 1)?,
                hold: HAD,
                limiter: get(row, 3)?,
                unique_key: get(row, 4)?,
                waiting_for: 0,
            };
            Ok((get(row, 2)?, job))
        })
        .collect()
}

/// Those that stay in the queue, with everything that decides how, by number.
async fn staying(
    tx: &Tx,
    due: &[(&Settlement, Leaving, Option<Fault>)],
) -> Result<HashMap<i64, Hot>> {
    let stays = |verdict: &Verdict| matches!(verdict, Verdict::Retry { .. } | Verdict::Released);
    let numbers = due.iter().filter(|(settlement, ..)| stays(&settlement.verdict));
    let hots = hot_by_number(tx, numbers.map(|(_, job, _)| job.number)).await?;
    Ok(hots.into_iter().map(|hot| (hot.number, hot)).collect())
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
    job: i64,
    fault: Option<&'a Fault>,
) -> Attempt<'a> {
    let (status, output) = match &settlement.verdict {
        Verdict::Completed(output) => (RUN_COMPLETED, Some(output.as_str())),
        Verdict::Cancelled(_) => (RUN_CANCELLED, None),
        _ => (RUN_FAILED, None),
    };
    Attempt {
        job,
        execution: raw(settlement.execution),
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
