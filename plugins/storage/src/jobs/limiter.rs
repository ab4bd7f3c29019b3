//! Limits that jobs share: how many run at the same time, and how many start in a period.
//!
//! Only as many jobs of a limiter are ready as may start at present; the others are held, and are
//! let through by rank when one ends or when the rate allows. So claims never meet a job that may
//! not run.

use std::collections::BTreeMap;

use ratchet_plugin_api::Result;
use ratchet_plugin_api::model::Limiter;
use sea_orm::QueryResult;

use super::code::{LIMIT, READY, micros};
use crate::db::{Cell, Kind, Rows, Tx, execute, execute_rows, get, query, query_rows};

/// Jobs let through at once where nothing limits their number.
const MOST: i64 = 100_000;

/// What has changed for limiters in a transaction: jobs that no longer are active, and those that
/// no longer are ready.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    keys: BTreeMap<String, (i64, i64)>,
}

impl Ledger {
    /// A job that a host had has ended or goes back.
    pub(super) fn ended(&mut self, key: &str) {
        self.entry(key).0 -= 1;
    }

    /// A ready job is not ready any more, and no host has it.
    pub(super) fn withdrawn(&mut self, key: &str, count: i64) {
        let entry = self.entry(key);
        entry.0 -= count;
        entry.1 -= count;
    }

    /// A ready job was given to a host.
    pub(super) fn taken(&mut self, key: &str) {
        self.entry(key).1 -= 1;
    }

    /// A job that a host had is ready again.
    pub(super) fn returned(&mut self, key: &str) {
        self.entry(key).1 += 1;
    }

    /// A job of it waits, or may be let through.
    pub(super) fn touched(&mut self, key: &str) {
        self.entry(key);
    }

    fn entry(&mut self, key: &str) -> &mut (i64, i64) {
        if !self.keys.contains_key(key) {
            self.keys.insert(key.to_owned(), (0, 0));
        }
        self.keys.entry(key.to_owned()).or_default()
    }

    /// Writes it down and lets through what may run now.
    pub(super) async fn settle(self, tx: &Tx) -> Result<()> {
        if self.keys.is_empty() {
            return Ok(());
        }
        const COLUMNS: &[(&str, Kind)] =
            &[("key", Kind::Text), ("active", Kind::Number), ("ready", Kind::Number)];
        let mut rows = Rows::new(COLUMNS);
        for (key, (active, ready)) in &self.keys {
            if (*active, *ready) != (0, 0) {
                rows.push([key.as_str().value(), active.value(), ready.value()]);
            }
        }
        let sql = "UPDATE limiters SET active = limiters.active + r.active, \
            ready = limiters.ready + r.ready FROM ({rows}) r WHERE limiters.key = r.key";
        execute_rows(tx, sql, &rows, &[]).await?;
        promote(tx, self.keys.into_keys()).await
    }
}

/// Keeps the limits that jobs are accepted with; the last one counts for all jobs of its key.
pub(super) async fn keep(tx: &Tx, limiters: impl IntoIterator<Item = &Limiter>) -> Result<()> {
    const COLUMNS: &[(&str, Kind)] = &[
        ("key", Kind::Text),
        ("concurrency", Kind::Number),
        ("rate_count", Kind::Number),
        ("rate_period_us", Kind::Number),
    ];
    let by_key: BTreeMap<&str, &Limiter> =
        limiters.into_iter().map(|limiter| (limiter.key.as_str(), limiter)).collect();
    let mut rows = Rows::new(COLUMNS);
    for (key, limiter) in by_key {
        rows.push([
            key.value(),
            limiter.concurrency.map(i64::from).value(),
            limiter.rate.map(|rate| i64::from(rate.count.max(1))).value(),
            limiter.rate.map(|rate| micros(rate.period_ms)).value(),
        ]);
    }
    let sql = "INSERT INTO limiters (key, concurrency, rate_count, rate_period_us) \
        SELECT r.key, r.concurrency, r.rate_count, r.rate_period_us FROM ({rows}) r WHERE TRUE \
        ON CONFLICT (key) DO UPDATE SET concurrency = excluded.concurrency, \
        rate_count = excluded.rate_count, rate_period_us = excluded.rate_period_us";
    execute_rows(tx, sql, &rows, &[]).await.map(drop)
}

/// A limiter as it is kept.
pub(super) struct Row {
    pub(super) key: String,
    pub(super) concurrency: Option<i64>,
    /// How many, in how many microseconds.
    pub(super) rate: Option<(i64, i64)>,
    /// The theoretical arrival time of the next start (GCRA).
    pub(super) tat: i64,
    pub(super) active: i64,
    pub(super) ready: i64,
}

/// The columns of [`Row`].
pub(super) const COLUMNS: &str = "key, concurrency, rate_count, rate_period_us, tat, active, ready";

impl Row {
    pub(super) fn read(row: &QueryResult) -> Result<Self> {
        let (count, period): (Option<i64>, Option<i64>) = (get(row, 2)?, get(row, 3)?);
        Ok(Self {
            key: get(row, 0)?,
            concurrency: get(row, 1)?,
            rate: count.zip(period),
            tat: get(row, 4)?,
            active: get(row, 5)?,
            ready: get(row, 6)?,
        })
    }

    /// When the rate lets the next job start.
    pub(super) fn next_start(&self) -> Option<i64> {
        self.rate.map(|(count, period)| self.tat - period / count * (count - 1))
    }

    /// Counts one start, if one is allowed now.
    fn start(&mut self, now: i64) -> bool {
        let room = self.concurrency.is_none_or(|most| self.active < most);
        // No more are ready than may start at once, so that a rate holds after a time without
        // hosts too.
        let rate = self.rate.is_none_or(|(count, _)| {
            self.ready < count && self.next_start().is_none_or(|next| next <= now)
        });
        if !room || !rate {
            return false;
        }
        if let Some((count, period)) = self.rate {
            self.tat = self.tat.max(now) + period / count;
        }
        self.active += 1;
        self.ready += 1;
        true
    }
}

/// Lets jobs of these limiters through, the smallest rank first, as far as the limits allow.
pub(super) async fn promote(tx: &Tx, keys: impl IntoIterator<Item = String>) -> Result<()> {
    let sql = format!(
        "SELECT {COLUMNS} FROM limiters WHERE key IN (SELECT r.text FROM ({{rows}}) r) \
         ORDER BY key {{lock}}"
    );
    let rows = query_rows(tx, &sql, &Rows::texts(keys), &[]).await?;
    for row in &rows {
        let mut limiter = Row::read(row)?;
        let may = {
            let mut trial = Row::read(row)?;
            (0..MOST).take_while(|_| trial.start(tx.now)).count()
        };
        if may > 0 {
            let sql = "UPDATE jobs SET hold = $1 WHERE number IN (SELECT number FROM jobs \
                WHERE limiter = $2 AND hold = 3 ORDER BY rank, number LIMIT $3) RETURNING number";
            let most = i64::try_from(may).unwrap_or(MOST);
            let values = [READY.into(), limiter.key.as_str().into(), most.into()];
            for _ in query(tx, sql, values).await? {
                limiter.start(tx.now);
            }
        }
        let waiting = "SELECT 1 FROM jobs WHERE limiter = $1 AND hold = $2 LIMIT 1";
        let values = [limiter.key.as_str().into(), LIMIT.into()];
        let waits = !query(tx, waiting, values).await?.is_empty();
        let next = limiter.next_start().filter(|next| waits && *next > tx.now);
        let sql = "UPDATE limiters SET active = $2, ready = $3, tat = $4, next_at = $5 \
            WHERE key = $1";
        let (active, ready, tat) = (limiter.active, limiter.ready, limiter.tat);
        let values = [limiter.key.into(), active.into(), ready.into(), tat.into(), next.into()];
        execute(tx, sql, values).await?;
        if may > 0 {
            tx.tell(ratchet_plugin_api::services::Change::Ready);
        }
    }
    Ok(())
}
