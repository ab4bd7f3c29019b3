//! Hosts: who lives, and what happens with the jobs of those who do not.
//!
//! A host counts as dead when its lease has run out by the store's clock. Since somebody may set
//! that clock, whoever declares another dead must also have seen nothing of it for half of its
//! lease by a clock that nobody can set, and after a whole lease and a third of such silence no
//! other clock is asked.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ratchet_plugin_api::Result;
use ratchet_plugin_api::model::{FailureKind, Id, Timestamp};
use ratchet_plugin_api::services::{Change, HostInfo, HostState, Renewal};
use sea_orm::{ConnectionTrait, QueryResult};
use uuid::Uuid;

use super::code::{Fault, RUN_FAILED, id, micros, raw};
use super::ending::{Attempt, record};
use super::facts::hot_where;
use super::hold::{Moments, let_due};
use super::limiter::Ledger;
use super::retry::{Again, again, release};
use crate::db::{Rows, Tx, execute, execute_rows, get, query};

/// When each host was last seen to have changed, by this machine's monotonic clock.
#[derive(Debug)]
pub(crate) struct Sightings {
    seen: Mutex<HashMap<Uuid, (i64, Duration)>>,
    began: Instant,
    /// Microseconds that count as passed besides: tests let time pass by that.
    ahead: AtomicU64,
}

impl Default for Sightings {
    fn default() -> Self {
        Self { seen: Mutex::default(), began: Instant::now(), ahead: AtomicU64::new(0) }
    }
}

impl Sightings {
    /// How long nothing has been seen of a host; nothing if this is the first look at it.
    fn silence(&self, host: Uuid, seen_at: i64) -> Option<Duration> {
        let now = self.now();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match seen.get(&host) {
            Some((last, since)) if *last == seen_at => Some(now.saturating_sub(*since)),
            Some(_) => {
                seen.insert(host, (seen_at, now));
                Some(Duration::ZERO)
            }
            None => {
                seen.insert(host, (seen_at, now));
                None
            }
        }
    }

    /// Time that only passes.
    fn now(&self) -> Duration {
        self.began.elapsed() + Duration::from_micros(self.ahead.load(Ordering::Relaxed))
    }

    /// Lets so much more of it pass.
    pub(crate) fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_micros()).unwrap_or(u64::MAX);
        self.ahead.fetch_add(by, Ordering::Relaxed);
    }

    fn forget(&self, hosts: &[Uuid]) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|host, _| !hosts.contains(host));
    }
}

/// A host begins.
pub(super) async fn enter(
    tx: &Tx,
    sightings: &Sightings,
    info: &HostInfo,
    lease_ms: u64,
) -> Result<()> {
    let lease = micros(lease_ms);
    let sql = "INSERT INTO hosts (id, name, slots, version, lease_us, started_at, seen_at, \
        expires_at) VALUES ($1, $2, $3, $4, $5, $6, $6, $7) ON CONFLICT (id) DO UPDATE SET \
        name = excluded.name, slots = excluded.slots, version = excluded.version, \
        lease_us = excluded.lease_us, started_at = excluded.started_at, \
        seen_at = excluded.seen_at, expires_at = excluded.expires_at";
    let values = [
        raw(info.id).into(),
        info.name.replace('\0', "").into(),
        i64::from(info.slots).into(),
        info.version.replace('\0', "").into(),
        lease.into(),
        tx.now.into(),
        tx.now.saturating_add(lease).into(),
    ];
    execute(tx, sql, values).await?;
    sightings.silence(raw(info.id), tx.now);
    Ok(())
}

/// A host says that it lives; the jobs of those that do not wait again.
pub(super) async fn renew(
    tx: &Tx,
    sightings: &Sightings,
    host: Id,
    lease_ms: u64,
) -> Result<Renewal> {
    let dead = dead_hosts(tx, sightings).await?;
    let expired = dead.contains(&raw(host));
    remove(tx, &dead).await?;
    let rescued = rescue(tx).await?;
    let moments = Moments::read(tx).await?;
    if moments.any_due(tx.now) {
        let_due(tx, &moments).await?;
    }
    let lease = micros(lease_ms);
    let sql = "UPDATE hosts SET seen_at = $2, expires_at = $3, lease_us = $4 WHERE id = $1";
    let until = tx.now.saturating_add(lease);
    let values = [raw(host).into(), tx.now.into(), until.into(), lease.into()];
    if expired || execute(tx, sql, values).await? == 0 {
        return Ok(Renewal { cancel: Vec::new(), rescued, expired: true });
    }
    sightings.silence(raw(host), tx.now);
    let sql = "SELECT execution FROM jobs WHERE hold = 6 AND host = $1 AND cancelling";
    let rows = query(tx, sql, [raw(host).into()]).await?;
    let cancel: Result<Vec<Id>> = rows.iter().map(|row| get(row, 0).map(id)).collect();
    Ok(Renewal { cancel: cancel?, rescued, expired: false })
}

async fn dead_hosts(tx: &Tx, sightings: &Sightings) -> Result<Vec<Uuid>> {
    let mut dead = Vec::new();
    for row in query(tx, "SELECT id, seen_at, expires_at, lease_us FROM hosts", []).await? {
        let (host, seen_at): (Uuid, i64) = (get(&row, 0)?, get(&row, 1)?);
        let late = get::<i64>(&row, 2)? <= tx.now;
        let lease = Duration::from_micros(get::<i64>(&row, 3)?.unsigned_abs());
        let is_dead = match sightings.silence(host, seen_at) {
            None => late,
            Some(silence) => (late && silence >= lease / 2) || silence >= lease + lease / 3,
        };
        if is_dead {
            dead.push(host);
        }
    }
    dead.sort_unstable();
    sightings.forget(&dead);
    Ok(dead)
}

async fn remove(tx: &Tx, hosts: &[Uuid]) -> Result<()> {
    let sql = "DELETE FROM hosts WHERE id IN (SELECT r.id FROM ({rows}) r)";
    execute_rows(tx, sql, &Rows::ids(hosts.iter().copied()), &[]).await?;
    if !hosts.is_empty() {
        let sql = "UPDATE deliveries SET host = NULL \
            WHERE host IS NOT NULL AND host NOT IN (SELECT id FROM hosts)";
        if execute(tx, sql, []).await? > 0 {
            tx.tell(Change::Deliveries);
        }
    }
    Ok(())
}

/// Ends the attempts of jobs whose host is none any more; gives the number of those that wait for
/// another.
async fn rescue(tx: &Tx) -> Result<u64> {
    let condition = "hold = 6 AND host NOT IN (SELECT id FROM hosts) ORDER BY number";
    let lost = hot_where(tx, condition, []).await?;
    if lost.is_empty() {
        return Ok(0);
    }
    let message = "the host that ran it was lost";
    let fault = Fault::ours(FailureKind::WorkerLost, "HostLost", message)?;
    let attempts: Vec<Attempt<'_>> = lost
        .iter()
        .map(|hot| Attempt {
            job: hot.number,
            execution: hot.execution,
            status: RUN_FAILED,
            fault: Some(&fault),
            ..Attempt::default()
        })
        .collect();
    record(tx, &attempts).await?;
    let mut ledger = Ledger::default();
    let agains =
        lost.into_iter().map(|hot| Again { hot, fault: fault.clone(), delay: 0, crashed: true });
    let rescued = again(tx, &mut ledger, agains.collect()).await?;
    ledger.settle(tx).await?;
    Ok(rescued as u64)
}

/// A host ends; what it has was not begun.
pub(super) async fn leave(tx: &Tx, sightings: &Sightings, host: Id) -> Result<()> {
    let host = raw(host);
    remove(tx, &[host]).await?;
    sightings.forget(&[host]);
    let had = hot_where(tx, "hold = 6 AND host = $1 ORDER BY number", [host.into()]).await?;
    let mut ledger = Ledger::default();
    release(tx, &mut ledger, had).await?;
    ledger.settle(tx).await
}

/// The hosts that live.
pub(super) async fn hosts(connection: &impl ConnectionTrait, now: i64) -> Result<Vec<HostState>> {
    let sql = "SELECT id, name, slots, version, started_at, seen_at, expires_at, \
        (SELECT COUNT(*) FROM jobs WHERE hold = 6 AND host = hosts.id) \
        FROM hosts WHERE expires_at > $1 ORDER BY id";
    query(connection, sql, [now.into()]).await?.iter().map(state).collect()
}

fn state(row: &QueryResult) -> Result<HostState> {
    let time = |column| get(row, column).map(Timestamp::from_microseconds);
    Ok(HostState {
        info: HostInfo {
            id: id(get(row, 0)?),
            name: get(row, 1)?,
            slots: u32::try_from(get::<i64>(row, 2)?).unwrap_or_default(),
            version: get(row, 3)?,
        },
        started_at: time(4)?,
        seen_at: time(5)?,
        expires_at: time(6)?,
        jobs: get::<i64>(row, 7)?.unsigned_abs(),
    })
}
