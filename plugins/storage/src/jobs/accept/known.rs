//! What is known of the jobs, keys and dependencies that a group of new jobs is about.

use std::collections::{HashMap, HashSet};

use ratchet_plugin_api::model::{Id, NewJob, Timestamp};
use ratchet_plugin_api::services::Acceptance;
use ratchet_plugin_api::{Code, Error, Result};
use sea_orm::ConnectionTrait as _;
use sea_orm::DbBackend;
use uuid::Uuid;

use super::super::code::{COMPLETED, id, micros, raw};
use crate::db::{Cell, Kind, Numbered, Rows, Tx, execute_rows, get, query_one, query_rows};

/// Bytes an idempotency key may have.
const LONGEST_KEY: usize = 255;

/// A job that is there.
#[derive(Clone, Copy, Debug)]
enum There {
    /// It has not ended.
    Open { number: i64 },
    /// It has ended, well or not.
    Ended { well: bool },
}

#[derive(Clone, Debug)]
struct Key {
    job: Uuid,
    fingerprint: Option<String>,
    expires_at: Option<i64>,
    /// Whether it is to be written.
    fresh: bool,
}

/// What was read, and what is added on the way.
#[derive(Clone)]
pub(super) struct Known {
    jobs: HashMap<Uuid, There>,
    keys: HashMap<String, Key>,
    numbers: Vec<i64>,
    executions: Vec<i64>,
    before: HashMap<Uuid, (i64, Uuid, i64)>,
}

impl Known {
    /// Reads it.
    pub(super) async fn read<'a>(
        tx: &Tx,
        jobs: impl Iterator<Item = &'a NewJob> + Clone,
    ) -> Result<Self> {
        let own = may_exist(tx, jobs.clone().map(|job| raw(job.id))).await?;
        let within: HashSet<Uuid> = jobs.clone().map(|job| raw(job.id)).collect();
        let needed = jobs.clone().flat_map(|job| &job.depends_on).map(|id| raw(*id));
        let needed: HashSet<Uuid> = needed.collect();
        let looked_for: HashSet<Uuid> = own
            .iter()
            .copied()
            .chain(needed.into_iter().filter(|id| !within.contains(id)))
            .collect();
        let count = jobs.clone().count();
        let mut numbers = tx.numbers(Numbered::Job, count).await?;
        let mut executions = tx.numbers(Numbered::Execution, count).await?;
        numbers.reverse();
        executions.reverse();
        let keys = read_keys(tx, jobs).await?;
        let (before, jobs) = (HashMap::new(), HashMap::new());
        let mut known = Self { jobs, keys, numbers, executions, before };
        known.look_for(tx, looked_for).await?;
        Ok(known)
    }

    async fn look_for(&mut self, tx: &Tx, ids: HashSet<Uuid>) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let ids = Rows::ids(ids);
        // Whoever ends one of these waits until this is committed, and then finds what depends on
        // it.
        let sql = "SELECT id, number, execution, run_at FROM jobs \
            WHERE id IN (SELECT r.id FROM ({rows}) r) ORDER BY number {share}";
        for row in query_rows(tx, sql, &ids, &[]).await? {
            let (id, number) = (get(&row, 0)?, get(&row, 1)?);
            self.jobs.insert(id, There::Open { number });
            self.before.insert(id, (number, get(&row, 2)?, get(&row, 3)?));
        }
        let sql = "SELECT id, number, execution, run_at, status FROM job_history \
            WHERE id IN (SELECT r.id FROM ({rows}) r)";
        for row in query_rows(tx, sql, &ids, &[]).await? {
            let id = get(&row, 0)?;
            let well = get::<i64>(&row, 4)? == COMPLETED;
            self.jobs.insert(id, There::Ended { well });
            self.before.insert(id, (get(&row, 1)?, get(&row, 2)?, get(&row, 3)?));
        }
        Ok(())
    }

    /// The job's answer, if it was accepted by a transaction of which nobody heard.
    pub(super) fn accepted_before(&self, job: Id) -> Option<Acceptance> {
        let (number, execution, run_at) = *self.before.get(&raw(job))?;
        let (execution, run_at) = (id(execution), Timestamp::from_microseconds(run_at));
        Some(Acceptance::Accepted { number, execution, run_at, claim: None })
    }

    /// The job that the key of this one stands for already.
    ///
    /// # Errors
    /// `Invalid` for a key that is none, `Conflict` when it stands for something else.
    pub(super) fn duplicate(&self, new: &NewJob, now: i64) -> Result<Option<Id>> {
        let Some(unique) = &new.unique else {
            return Ok(None);
        };
        let length = unique.key.len();
        if length == 0 || length > LONGEST_KEY || unique.key.contains('\0') {
            let message = format!(
                "an idempotency key has 1 to {LONGEST_KEY} bytes, none of them zero; \
                 this one has {length}"
            );
            return Err(Error::invalid(message).with_reason("job.bad_key"));
        }
        let stands = |key: &&Key| key.expires_at.is_none_or(|end| end > now);
        match self.keys.get(&unique.key).filter(stands) {
            None => Ok(None),
            Some(key) if key.fingerprint == unique.fingerprint => Ok(Some(id(key.job))),
            Some(_) => {
                let message =
                    format!("the key `{}` stands for another request already", unique.key);
                Err(Error::new(Code::Conflict, message).with_reason("job.key_reused"))
            }
        }
    }

    /// Whether there is such a job, ended or not.
    pub(super) fn exists(&self, job: Id) -> bool {
        self.jobs.contains_key(&raw(job))
    }

    /// Numbers of the jobs that this one waits for, and one that has gone wrong, if that matters.
    pub(super) fn dependencies(&self, new: &NewJob) -> (Vec<i64>, Option<Uuid>) {
        let (mut open, mut wrong) = (Vec::new(), None);
        for dependency in new.depends_on.iter().map(|id| raw(*id)) {
            match self.jobs.get(&dependency) {
                Some(There::Open { number }) => open.push(*number),
                Some(There::Ended { well: false }) if !new.runs_after_failure => {
                    wrong = wrong.or(Some(dependency));
                }
                _ => {}
            }
        }
        open.sort_unstable();
        open.dedup();
        (open, wrong)
    }

    pub(super) fn next_job(&mut self) -> Result<i64> {
        self.numbers.pop().ok_or_else(|| Error::internal("there are too few numbers"))
    }

    pub(super) fn next_execution(&mut self) -> Result<i64> {
        self.executions.pop().ok_or_else(|| Error::internal("there are too few numbers"))
    }

    /// This job will be there.
    pub(super) fn add(&mut self, new: &NewJob, number: i64, now: i64) {
        let (_, doomed_by) = self.dependencies(new);
        let there = match doomed_by {
            Some(_) => There::Ended { well: false },
            None => There::Open { number },
        };
        self.jobs.insert(raw(new.id), there);
        // The key of one that has ended already stands for it only within a window.
        if let Some(unique) = &new.unique
            && (doomed_by.is_none() || unique.window_ms.is_some())
        {
            let key = Key {
                job: raw(new.id),
                fingerprint: unique.fingerprint.clone(),
                expires_at: unique.window_ms.map(|window| now.saturating_add(micros(window))),
                fresh: true,
            };
            self.keys.insert(unique.key.clone(), key);
        }
    }

    /// Numbers that were not needed can be given to others.
    pub(super) async fn give_back(&mut self, tx: &Tx) -> Result<()> {
        tx.give_back(Numbered::Job, self.numbers.len()).await?;
        tx.give_back(Numbered::Execution, self.executions.len()).await?;
        self.numbers.clear();
        self.executions.clear();
        Ok(())
    }

    /// Writes the keys that are new.
    pub(super) async fn keep_keys(&self, tx: &Tx) -> Result<()> {
        const COLUMNS: &[(&str, Kind)] = &[
            ("key", Kind::Text),
            ("job", Kind::Id),
            ("fingerprint", Kind::Text),
            ("expires_at", Kind::Number),
        ];
        let mut rows = Rows::new(COLUMNS);
        for (text, key) in self.keys.iter().filter(|(_, key)| key.fresh) {
            rows.push([
                text.as_str().value(),
                key.job.value(),
                key.fingerprint.clone().value(),
                key.expires_at.value(),
            ]);
        }
        // Where two hosts accept the same key at once on PostgreSQL, `read_keys` has let the
        // second wait for the first.
        let sql = "INSERT INTO unique_keys (key, job, fingerprint, expires_at) \
            SELECT r.key, r.job, r.fingerprint, r.expires_at FROM ({rows}) r WHERE TRUE \
            ON CONFLICT (key) DO UPDATE SET job = excluded.job, \
            fingerprint = excluded.fingerprint, expires_at = excluded.expires_at";
        execute_rows(tx, sql, &rows, &[]).await.map(drop)
    }
}

/// Those of new ids that may belong to a job already. Ids are ordered by time, so mostly all are
/// greater than any there is, and two looks tell.
async fn may_exist(tx: &Tx, ids: impl Iterator<Item = Uuid>) -> Result<Vec<Uuid>> {
    let greatest = match tx.get_database_backend() {
        DbBackend::Postgres => {
            "SELECT (SELECT id FROM jobs ORDER BY id DESC LIMIT 1), \
             (SELECT id FROM job_history ORDER BY id DESC LIMIT 1)"
        }
        _ => "SELECT (SELECT MAX(id) FROM jobs), (SELECT MAX(id) FROM job_history)",
    };
    let Some(row) = query_one(tx, greatest, []).await? else {
        return Ok(Vec::new());
    };
    let greatest = get::<Option<Uuid>>(&row, 0)?.max(get::<Option<Uuid>>(&row, 1)?);
    Ok(ids.filter(|id| Some(*id) <= greatest).collect())
}

async fn read_keys<'a>(
    tx: &Tx,
    jobs: impl Iterator<Item = &'a NewJob>,
) -> Result<HashMap<String, Key>> {
    let usable = |key: &&String| !key.is_empty() && key.len() <= LONGEST_KEY && !key.contains('\0');
    let keys = jobs.filter_map(|job| job.unique.as_ref()).map(|unique| &unique.key).filter(usable);
    let mut keys: Vec<String> = keys.cloned().collect();
    keys.sort_unstable();
    keys.dedup();
    let keys = Rows::texts(keys);
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    if tx.get_database_backend() == DbBackend::Postgres {
        let sql = "SELECT pg_advisory_xact_lock(hashtextextended(r.text, 0)) FROM ({rows}) r";
        query_rows(tx, sql, &keys, &[]).await?;
    }
    let sql = "SELECT key, job, fingerprint, expires_at FROM unique_keys \
        WHERE key IN (SELECT r.text FROM ({rows}) r)";
    let rows = query_rows(tx, sql, &keys, &[]).await?;
    rows.iter()
        .map(|row| {
            let key = Key {
                job: get(row, 1)?,
                fingerprint: get(row, 2)?,
                expires_at: get(row, 3)?,
                fresh: false,
            };
            Ok((get(row, 0)?, key))
        })
        .collect()
}
