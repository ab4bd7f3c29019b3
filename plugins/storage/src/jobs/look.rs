//! Counting, and finding out why a job waits.

use ratchet_plugin_api::Result;
use ratchet_plugin_api::model::{
    Hold, Job, JobStats, JobStatus, Key, Limiter, Pause, Priority, RateLimit, Timestamp,
};
use ratchet_plugin_api::services::{LimiterState, Situation};
use sea_orm::{ConnectionTrait, QueryResult};

use super::code::{millis, priority_of, rank, raw};
use super::limiter::{COLUMNS, Row};
use super::record::{hold_of, job, status_of};
use super::{host, record};
use crate::db::{get, query, query_number, query_one};

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// Counts, all from the store.
pub(super) async fn stats(connection: &impl ConnectionTrait, now: i64) -> Result<JobStats> {
    let mut stats = JobStats { paused: queue_pause(connection, now).await?, ..Default::default() };
    for priority in Priority::ALL {
        stats.waiting_by_priority.insert(priority.to_string(), 0);
    }
    for hold in Hold::ALL {
        stats.waiting_by_hold.insert(hold.to_string(), 0);
    }
    let sql = "SELECT status, priority, hold, COUNT(*) FROM jobs GROUP BY status, priority, hold";
    for row in query(connection, sql, []).await? {
        let status = status_of(get(&row, 0)?);
        let count = get::<i64>(&row, 3)?.unsigned_abs();
        *of_status(&mut stats, status) += count;
        if status != JobStatus::Processing {
            let priority = priority_of(get(&row, 1)?).to_string();
            *stats.waiting_by_priority.entry(priority).or_default() += count;
            let hold = hold_of(get(&row, 2)?).to_string();
            *stats.waiting_by_hold.entry(hold).or_default() += count;
        }
    }
    // Those that succeeded are most, and are counted as what is left.
    let all = query_number(connection, "SELECT COUNT(*) FROM job_history", []).await?;
    stats.completed = all.unsigned_abs();
    let sql = "SELECT status, COUNT(*) FROM job_history WHERE status <> 3 GROUP BY status";
    for row in query(connection, sql, []).await? {
        let count = get::<i64>(&row, 1)?.unsigned_abs();
        *of_status(&mut stats, status_of(get(&row, 0)?)) += count;
        stats.completed = stats.completed.saturating_sub(count);
    }
    let since = now - DAY;
    // Whatever was accepted since has ended since, if it has ended.
    let sql = "SELECT (SELECT COUNT(*) FROM jobs WHERE queued_at > $1) + \
        (SELECT COUNT(*) FROM job_history WHERE finished_at > $1 AND queued_at > $1)";
    stats.last_24h = query_number(connection, sql, [since.into()]).await?.unsigned_abs();
    let sql = "SELECT SUM(waited) / COUNT(*) FROM (\
        SELECT CAST(waited_us AS DOUBLE PRECISION) AS waited FROM executions \
        WHERE attempt = 1 AND finished_at > $1 AND started_at > $1 AND waited_us IS NOT NULL \
        UNION ALL SELECT CAST(started_at - run_at AS DOUBLE PRECISION) FROM jobs \
        WHERE hold = 6 AND attempt = 1 AND started_at > $1) w";
    let row = query_one(connection, sql, [since.into()]).await?;
    let average: Option<f64> = row.map_or(Ok(None), |row| get(&row, 0))?;
    stats.average_wait_ms = average.map(|microseconds| microseconds / 1000.0);
    let sql = "SELECT MIN(run_at) FROM jobs WHERE hold = 0";
    let row = query_one(connection, sql, []).await?;
    let oldest: Option<i64> = row.map_or(Ok(None), |row| get(&row, 0))?;
    stats.longest_wait_ms = oldest.map(|run_at| millis(now - run_at));
    Ok(stats)
}

fn of_status(stats: &mut JobStats, status: JobStatus) -> &mut u64 {
    match status {
        JobStatus::Queued => &mut stats.queued,
        JobStatus::Processing => &mut stats.processing,
        JobStatus::Retrying => &mut stats.retrying,
        JobStatus::Completed => &mut stats.completed,
        JobStatus::Failed => &mut stats.failed,
        JobStatus::Cancelled => &mut stats.cancelled,
    }
}

/// The pause in force in four columns from this one on.
fn pause_of(row: &QueryResult, first: usize, now: i64) -> Result<Option<Pause>> {
    let time = |column| -> Result<Option<Timestamp>> {
        Ok(get::<Option<i64>>(row, column)?.map(Timestamp::from_microseconds))
    };
    let until = time(first + 2)?;
    let over = until.is_some_and(|until| until.as_microseconds() <= now);
    if !get::<bool>(row, first)? || over {
        return Ok(None);
    }
    Ok(Some(Pause { since: time(first + 1)?, until, reason: get(row, first + 3)? }))
}

async fn queue_pause(connection: &impl ConnectionTrait, now: i64) -> Result<Option<Pause>> {
    let sql = "SELECT paused, paused_since, paused_until, pause_reason FROM queue_control";
    let row = query_one(connection, sql, []).await?;
    row.map_or(Ok(None), |row| pause_of(&row, 0, now))
}

/// Everything that bears on why a job waits.
pub(super) async fn situation(
    connection: &impl ConnectionTrait,
    key: &Key,
    now: i64,
) -> Result<Situation> {
    let job = job(connection, key).await?;
    let sql = "SELECT removed_at IS NULL, enabled, paused, paused_since, paused_until, \
        pause_reason FROM tasks WHERE id = $1";
    let task = query_one(connection, sql, [raw(job.task).into()]).await?;
    let (mut task_exists, mut task_enabled, mut task_pause) = (false, false, None);
    if let Some(task) = &task
        && get(task, 0)?
    {
        (task_exists, task_enabled) = (true, get(task, 1)?);
        task_pause = pause_of(task, 2, now)?;
    }
    let mut dependencies = Vec::new();
    for dependency in &job.waits_for {
        dependencies.push(record::job(connection, &Key::Id(*dependency)).await?);
    }
    let rank = rank(job.run_at.as_microseconds(), job.priority);
    let sql = "SELECT COUNT(*) FROM jobs WHERE hold = 0 AND \
        (rank < $1 OR (rank = $1 AND number < $2))";
    let ahead = query_number(connection, sql, [rank.into(), job.number.into()]).await?;
    Ok(Situation {
        now: Timestamp::from_microseconds(now),
        task_exists,
        task_enabled,
        task_pause,
        queue_pause: queue_pause(connection, now).await?,
        dependencies,
        limiter: limiter(connection, &job, now).await?,
        ahead: ahead.unsigned_abs(),
        hosts: host::hosts(connection, now).await?,
        job,
    })
}

async fn limiter(
    connection: &impl ConnectionTrait,
    job: &Job,
    now: i64,
) -> Result<Option<LimiterState>> {
    let Some(own) = &job.limiter else {
        return Ok(None);
    };
    let sql = format!("SELECT {COLUMNS} FROM limiters WHERE key = $1");
    let Some(row) = query_one(connection, &sql, [own.key.as_str().into()]).await? else {
        return Ok(None);
    };
    let row = Row::read(&row)?;
    let sql = "SELECT COUNT(*) FROM jobs WHERE limiter = $1 AND hold = 3";
    let waiting = query_number(connection, sql, [own.key.as_str().into()]).await?;
    let next_at = row.next_start().filter(|next| *next > now);
    let rate = row.rate.map(|(count, period)| RateLimit {
        count: u32::try_from(count).unwrap_or(u32::MAX),
        period_ms: millis(period),
    });
    let concurrency = row.concurrency.map(|most| u32::try_from(most).unwrap_or(u32::MAX));
    Ok(Some(LimiterState {
        limiter: Limiter { key: own.key.clone(), concurrency, rate },
        active: row.active.max(0).unsigned_abs(),
        waiting: waiting.unsigned_abs(),
        next_at: next_at.map(Timestamp::from_microseconds),
    }))
}
