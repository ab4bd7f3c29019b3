//! Attempts that failed or were lost, and jobs that wait for another one.

use ratchet_plugin_api::Result;
use ratchet_plugin_api::model::Id;
use ratchet_plugin_api::services::Change;

use super::code::{
    CANCELLED, FAILED, Fault, MAX_CRASHES, QUEUED, READY, RETRYING, RUN_CANCELLED, priority_of,
    rank, raw,
};
use super::ending::{Attempt, JobEnd, end, record};
use super::facts::{Hot, tasks_by_number};
use super::limiter::Ledger;
use crate::db::{Cell, Kind, Numbered, Rows, Tx, execute_rows};

/// A job whose attempt is recorded and that is to be tried again.
pub(super) struct Again {
    pub(super) hot: Hot,
    pub(super) fault: Fault,
    /// Microseconds to wait.
    pub(super) delay: i64,
    /// Whether it was lost and does not count as a retry.
    pub(super) crashed: bool,
}

impl Again {
    /// Whether it is not tried again after all, and how the job ends then.
    fn final_status(&self) -> Option<i64> {
        if self.hot.cancelling {
            Some(CANCELLED)
        } else if self.crashed && self.hot.crashes + 1 > MAX_CRASHES {
            Some(FAILED)
        } else {
            None
        }
    }
}

/// Lets jobs wait for another attempt, unless they were cancelled or lost too often; gives the
/// number of those that wait.
pub(super) async fn again(tx: &Tx, ledger: &mut Ledger, jobs: Vec<Again>) -> Result<usize> {
    const COLUMNS: &[(&str, Kind)] = &[
        ("job", Kind::Number),
        ("hold", Kind::Number),
        ("crashed", Kind::Number),
        ("run_at", Kind::Number),
        ("rank", Kind::Number),
        ("execution", Kind::Id),
        ("execution_number", Kind::Number),
        ("error_message", Kind::Text),
        ("error", Kind::Text),
    ];
    let tasks = tasks_by_number(tx, jobs.iter().map(|job| job.hot.task)).await?;
    let mut numbers = tx.numbers(Numbered::Execution, jobs.len()).await?.into_iter();
    let mut rows = Rows::new(COLUMNS);
    let mut crashes = Vec::new();
    let mut ends = Vec::new();
    for job in jobs {
        if let Some(status) = job.final_status() {
            if job.crashed {
                crashes.push(job.hot.number);
            }
            ends.push(JobEnd { job: job.hot.into(), status, fault: Some(job.fault) });
            continue;
        }
        let hot = &job.hot;
        // A job that lost its host goes where it was, before those that came later.
        let stays = job.crashed && job.delay == 0;
        let run_at = if stays { hot.run_at } else { tx.now.saturating_add(job.delay) };
        let task = tasks.get(&hot.task);
        let hold = task.map_or(READY, |task| {
            task.hold(hot.waiting_for, run_at, hot.limiter.is_some(), tx.now)
        });
        if let Some(key) = &hot.limiter {
            ledger.ended(key);
        }
        if hold == READY {
            tx.tell(Change::Ready);
        }
        rows.push([
            hot.number.value(),
            hold.value(),
            i64::from(job.crashed).value(),
            run_at.value(),
            rank(run_at, priority_of(hot.priority)).value(),
            raw(Id::new()).value(),
            numbers.next().unwrap_or_default().value(),
            job.fault.message.as_str().value(),
            job.fault.text.as_str().value(),
        ]);
    }
    let waiting = rows.len();
    let sql = format!(
        "UPDATE jobs SET status = {RETRYING}, hold = r.hold, host = NULL, \
         crashes = jobs.crashes + r.crashed, run_at = r.run_at, rank = r.rank, \
         execution = r.execution, execution_number = r.execution_number, progress = NULL, \
         progress_message = NULL, error_message = r.error_message, error = r.error \
         FROM ({{rows}}) r WHERE jobs.number = r.job"
    );
    execute_rows(tx, &sql, &rows, &[]).await?;
    let sql = "UPDATE jobs SET crashes = crashes + 1 \
        WHERE number IN (SELECT r.number FROM ({rows}) r)";
    execute_rows(tx, sql, &Rows::numbers(crashes), &[]).await?;
    end(tx, ledger, ends).await?;
    Ok(waiting)
}

/// Takes jobs back from a host that has not begun them, or gives them up if that was asked for.
pub(super) async fn release(tx: &Tx, ledger: &mut Ledger, jobs: Vec<Hot>) -> Result<()> {
    const COLUMNS: &[(&str, Kind)] =
        &[("job", Kind::Number), ("hold", Kind::Number), ("status", Kind::Number)];
    let tasks = tasks_by_number(tx, jobs.iter().map(|hot| hot.task)).await?;
    let mut rows = Rows::new(COLUMNS);
    let mut given_up = Vec::new();
    for mut hot in jobs {
        if hot.cancelling {
            given_up.push(hot);
            continue;
        }
        let task = tasks.get(&hot.task);
        // It keeps the place its limiter gave it.
        let hold = task.map_or(READY, |task| task.hold(hot.waiting_for, hot.run_at, false, tx.now));
        match &hot.limiter {
            Some(key) if hold == READY => ledger.returned(key),
            Some(key) => ledger.ended(key),
            None => {}
        }
        if hold == READY {
            tx.tell(Change::Ready);
        }
        hot.attempt -= 1;
        let status = if hot.attempt <= 0 { QUEUED } else { RETRYING };
        rows.push([hot.number.value(), hold.value(), status.value()]);
    }
    let sql = "UPDATE jobs SET attempt = jobs.attempt - 1, host = NULL, started_at = NULL, \
        hold = r.hold, status = r.status FROM ({rows}) r WHERE jobs.number = r.job";
    execute_rows(tx, sql, &rows, &[]).await?;
    give_up_released(tx, ledger, given_up).await
}

/// Ends jobs that were given to a host and not begun before they were cancelled.
async fn give_up_released(tx: &Tx, ledger: &mut Ledger, jobs: Vec<Hot>) -> Result<()> {
    if jobs.is_empty() {
        return Ok(());
    }
    let fault = Fault::cancelled(None)?;
    // As it was before it was claimed.
    let sql = "UPDATE jobs SET attempt = attempt - 1, host = NULL, started_at = NULL, \
        hold = 0 WHERE number IN (SELECT r.number FROM ({rows}) r)";
    let numbers = Rows::numbers(jobs.iter().map(|hot| hot.number));
    execute_rows(tx, sql, &numbers, &[]).await?;
    let attempts: Vec<Attempt<'_>> = jobs
        .iter()
        .map(|hot| Attempt {
            job: hot.number,
            execution: hot.execution,
            status: RUN_CANCELLED,
            fault: Some(&fault),
            ..Attempt::default()
        })
        .collect();
    record(tx, &attempts).await?;
    let ends = jobs.into_iter().map(|hot| JobEnd {
        job: hot.into(),
        status: CANCELLED,
        fault: Some(fault.clone()),
    });
    end(tx, ledger, ends.collect()).await
}
