//! Accepting jobs: what is wrong is found first, in memory, so that writing meets no obstacle.

use std::collections::HashMap;

use ratchet_plugin_api::model::{Id, NewJob};
use ratchet_plugin_api::services::{AcceptJobs, Acceptance, Change, ClaimedJob};
use ratchet_plugin_api::{Code, Error, Result};
use uuid::Uuid;

use super::claim::{claim_numbers, claimed};
use super::code::{
    CANCELLED, DEPENDENCY, HAD, LIMIT, PROCESSING, QUEUED, READY, Spec, id, micros, priority, rank,
    raw,
};
use super::ending::{Unbegun, depends_on, end_waiting};
use super::facts::{TaskFacts, hot_by_number, living, queue_pause, tasks_by_id};
use super::limiter::{self, Ledger};
use crate::db::{Cell, Kind, Rows, Tx, execute_rows, query_number};
use known::Known;

mod known;

/// A job that will be written.
struct Draft<'a> {
    new: &'a NewJob,
    /// Where its answer goes: the request and the place in it.
    place: (usize, usize),
    task: TaskFacts,
    number: i64,
    execution: Id,
    execution_number: i64,
    run_at: i64,
    hold: i64,
    /// Numbers of jobs it waits for.
    waits_for: Vec<i64>,
    /// A job it depends on that has gone wrong.
    doomed_by: Option<Uuid>,
    host: Option<Id>,
}

/// Accepts the jobs of each request; with `atomic`, a refusal is the whole answer and nothing of
/// that request is written.
pub(crate) async fn accept(
    tx: &Tx,
    requests: &[&AcceptJobs],
) -> Result<Vec<Result<Vec<Acceptance>>>> {
    let all = || requests.iter().flat_map(|request| &request.jobs);
    let tasks = tasks_by_id(tx, all().map(|job| raw(job.task))).await?;
    let mut known = Known::read(tx, all()).await?;
    let mut waiting = match requests.iter().filter_map(|request| request.max_waiting).max() {
        Some(most) => count_waiting(tx, most).await?,
        None => 0,
    };
    let mut drafts: Vec<Draft<'_>> = Vec::new();
    let mut answers: Vec<Result<Vec<Acceptance>>> = Vec::new();
    for (place, request) in requests.iter().enumerate() {
        let before = request.atomic.then(|| (known.clone(), drafts.len(), waiting));
        let mut given = Vec::with_capacity(request.jobs.len());
        let mut refusal = None;
        for new in &request.jobs {
            let full = request.max_waiting.is_some_and(|most| waiting >= most);
            match examine(tx, &known, &tasks, new, full.then_some(waiting)) {
                Ok(Some(answer)) => given.push(answer),
                Ok(None) => {
                    let draft = draft(tx, &mut known, &tasks, new, (place, given.len()))?;
                    waiting += 1;
                    given.push(accepted(&draft));
                    drafts.push(draft);
                }
                Err(error) if request.atomic => {
                    let place = given.len() + 1;
                    refusal = Some(error.context(format!("job {place} of the batch")));
                    break;
                }
                Err(error) => given.push(Acceptance::Refused(error)),
            }
        }
        if let (Some(error), Some((facts, count, waited))) = (refusal, before) {
            (known, waiting) = (facts, waited);
            drafts.truncate(count);
            answers.push(Err(error));
        } else {
            answers.push(Ok(given));
        }
    }
    known.give_back(tx).await?;
    write(tx, requests, drafts, &known, &mut answers).await?;
    Ok(answers)
}

/// What becomes of a job without writing anything: the answer where that is known already, or an
/// error where it is refused.
fn examine(
    tx: &Tx,
    known: &Known,
    tasks: &HashMap<Uuid, TaskFacts>,
    new: &NewJob,
    full: Option<u64>,
) -> Result<Option<Acceptance>> {
    if tx.again
        && let Some(answer) = known.accepted_before(new.id)
    {
        return Ok(Some(answer));
    }
    if let Some(job) = known.duplicate(new, tx.now)? {
        return Ok(Some(Acceptance::Duplicate(job)));
    }
    if known.exists(new.id) {
        let message = format!("there is a job {} already", new.id);
        return Err(Error::new(Code::Conflict, message).with_reason("job.exists"));
    }
    match tasks.get(&raw(new.task)).filter(|task| !task.removed) {
        None => {
            let message = format!("there is no task {}", new.task);
            return Err(Error::invalid(message).with_reason("task.not_found"));
        }
        Some(task) if !task.enabled => {
            let message = format!("the task `{}` is disabled", task.name);
            return Err(Error::new(Code::Conflict, message).with_reason("task.disabled"));
        }
        Some(_) => {}
    }
    if let Some(limiter) = &new.limiter
        && (limiter.key.is_empty() || limiter.key.contains('\0'))
    {
        let message = "the key of a limiter is a text of at least one character and no zeros";
        return Err(Error::invalid(message).with_reason("job.bad_limiter"));
    }
    for dependency in &new.depends_on {
        if !known.exists(*dependency) {
            let message = format!("it depends on the job {dependency}, which does not exist");
            return Err(Error::invalid(message).with_reason("job.unknown_dependency"));
        }
    }
    if let Some(waiting) = full {
        let message = format!("the queue is full: {waiting} jobs wait");
        return Err(Error::new(Code::LimitExceeded, message).with_reason("queue.full"));
    }
    Ok(None)
}

fn draft<'a>(
    tx: &Tx,
    known: &mut Known,
    tasks: &HashMap<Uuid, TaskFacts>,
    new: &'a NewJob,
    place: (usize, usize),
) -> Result<Draft<'a>> {
    let task = tasks.get(&raw(new.task)).cloned();
    let task = task.ok_or_else(|| Error::internal("a task that was examined is missing"))?;
    let not_before = new.not_before.map_or(tx.now, |time| time.as_microseconds());
    let run_at = not_before.max(tx.now.saturating_add(micros(new.delay_ms)));
    let number = known.next_job()?;
    let execution_number = known.next_execution()?;
    let (waits_for, doomed_by) = known.dependencies(new);
    let open = i64::try_from(waits_for.len()).unwrap_or(i64::MAX);
    let hold = task.hold(open, run_at, new.limiter.is_some(), tx.now);
    known.add(new, number, tx.now);
    let execution = Id::new();
    Ok(Draft {
        new,
        place,
        task,
        number,
        execution,
        execution_number,
        run_at,
        hold,
        waits_for,
        doomed_by,
        host: None,
    })
}

fn accepted(draft: &Draft<'_>) -> Acceptance {
    let run_at = ratchet_plugin_api::model::Timestamp::from_microseconds(draft.run_at);
    let (number, execution) = (draft.number, draft.execution);
    Acceptance::Accepted { number, execution, run_at, claim: None }
}

/// Waiting jobs, counted up to one more than `most`, so that it costs no more than it must.
async fn count_waiting(tx: &Tx, most: u64) -> Result<u64> {
    let most = i64::try_from(most).unwrap_or(i64::MAX - 1) + 1;
    let sql = "SELECT (SELECT COUNT(*) FROM (SELECT 1 AS x FROM jobs LIMIT $1 + \
        (SELECT COUNT(*) FROM jobs WHERE hold = 6)) y) - \
        (SELECT COUNT(*) FROM jobs WHERE hold = 6)";
    Ok(query_number(tx, sql, [most.into()]).await?.max(0).unsigned_abs())
}

const JOB: &[(&str, Kind)] = &[
    ("number", Kind::Number),
    ("id", Kind::Id),
    ("task", Kind::Number),
    ("status", Kind::Number),
    ("hold", Kind::Number),
    ("priority", Kind::Number),
    ("rank", Kind::Number),
    ("run_at", Kind::Number),
    ("expires_at", Kind::Number),
    ("execution", Kind::Id),
    ("execution_number", Kind::Number),
    ("max_retries", Kind::Number),
    ("host", Kind::Id),
    ("limiter", Kind::Text),
    ("unique_key", Kind::Text),
    ("batch", Kind::Id),
    ("schedule", Kind::Id),
    ("waiting_for", Kind::Number),
    ("spec", Kind::Text),
    ("metadata", Kind::Text),
    ("input", Kind::Text),
];

/// Those that a host has from the start have begun.
const INSERT: &str = "INSERT INTO jobs (number, id, task, status, hold, priority, rank, queued_at, \
    run_at, expires_at, started_at, execution, execution_number, attempt, crashes, max_retries, \
    host, limiter, unique_key, batch, schedule, waiting_for, spec, metadata, input) \
    SELECT r.number, r.id, r.task, r.status, r.hold, r.priority, r.rank, $1, r.run_at, \
    r.expires_at, CASE WHEN r.hold = 6 THEN $1 END, r.execution, r.execution_number, \
    CASE WHEN r.hold = 6 THEN 1 ELSE 0 END, 0, r.max_retries, r.host, r.limiter, r.unique_key, \
    r.batch, r.schedule, r.waiting_for, r.spec, r.metadata, r.input FROM ({rows}) r";

async fn write(
    tx: &Tx,
    requests: &[&AcceptJobs],
    mut drafts: Vec<Draft<'_>>,
    known: &Known,
    answers: &mut [Result<Vec<Acceptance>>],
) -> Result<()> {
    if drafts.is_empty() {
        return Ok(());
    }
    let hosts = claiming(tx, requests).await?;
    for draft in &mut drafts {
        let host = hosts.get(draft.place.0).copied().flatten();
        if draft.hold == READY && draft.doomed_by.is_none() {
            match host {
                Some(host) => (draft.host, draft.hold) = (Some(host), HAD),
                None => tx.tell(Change::Ready),
            }
        }
    }
    limiter::keep(tx, drafts.iter().filter_map(|draft| draft.new.limiter.as_ref())).await?;
    let mut rows = Rows::new(JOB);
    let mut last: Option<(&NewJob, String)> = None;
    for draft in &drafts {
        let new = draft.new;
        let text = match &last {
            Some((same, text)) if same_spec(same, new) => text.clone(),
            _ => spec_of(new)?,
        };
        let expires_at = new.lifetime_ms.map(|life| draft.run_at.saturating_add(micros(life)));
        let metadata = Some(new.metadata.as_str()).filter(|text| *text != "null");
        rows.push([
            draft.number.value(),
            raw(new.id).value(),
            draft.task.number.value(),
            (if draft.hold == HAD { PROCESSING } else { QUEUED }).value(),
            draft.hold.value(),
            priority(new.priority).value(),
            rank(draft.run_at, new.priority).value(),
            draft.run_at.value(),
            expires_at.value(),
            raw(draft.execution).value(),
            draft.execution_number.value(),
            new.retry.max_retries.value(),
            draft.host.map(raw).value(),
            new.limiter.as_ref().map(|limiter| limiter.key.clone()).value(),
            new.unique.as_ref().map(|unique| unique.key.clone()).value(),
            new.batch.map(raw).value(),
            new.schedule.map(raw).value(),
            i64::try_from(draft.waits_for.len()).unwrap_or(i64::MAX).value(),
            text.as_str().value(),
            metadata.map(str::to_owned).value(),
            new.input.as_str().value(),
        ]);
        last = Some((new, text));
    }
    execute_rows(tx, INSERT, &rows, &[tx.now.into()]).await?;
    known.keep_keys(tx).await?;
    keep_dependencies(tx, &drafts).await?;
    for draft in drafts.iter().filter(|draft| draft.host.is_some()) {
        put_claim(answers, draft.place, claimed_draft(tx, draft)?);
    }
    let mut ledger = Ledger::default();
    doom(tx, &mut ledger, &drafts).await?;
    for draft in drafts.iter().filter(|draft| draft.hold == LIMIT) {
        ledger.touched(draft.new.limiter.as_ref().map_or("", |limiter| &limiter.key));
    }
    ledger.settle(tx).await?;
    claim_limited(tx, &drafts, &hosts, answers).await
}

/// The host of each request that may have its jobs from the start.
async fn claiming(tx: &Tx, requests: &[&AcceptJobs]) -> Result<Vec<Option<Id>>> {
    let wanted: Vec<Id> = requests.iter().filter_map(|request| request.claim_for).collect();
    if wanted.is_empty() || queue_pause(tx, tx.now).await?.is_some() {
        return Ok(vec![None; requests.len()]);
    }
    let living = living(tx, wanted).await?;
    let host = |request: &&AcceptJobs| request.claim_for.filter(|host| living.contains(host));
    Ok(requests.iter().map(host).collect())
}

fn same_spec(one: &NewJob, other: &NewJob) -> bool {
    one.retry == other.retry
        && one.timeout_ms == other.timeout_ms
        && one.lifetime_ms == other.lifetime_ms
        && one.limiter == other.limiter
        && one.outputs == other.outputs
}

fn spec_of(new: &NewJob) -> Result<String> {
    Ok(serde_json::to_string(&Spec {
        retry: new.retry.clone(),
        timeout_ms: new.timeout_ms,
        lifetime_ms: new.lifetime_ms,
        limiter: new.limiter.clone(),
        outputs: new.outputs.clone(),
    })?)
}

async fn keep_dependencies(tx: &Tx, drafts: &[Draft<'_>]) -> Result<()> {
    const COLUMNS: &[(&str, Kind)] =
        &[("needs", Kind::Number), ("job", Kind::Number), ("after_failure", Kind::Flag)];
    let mut rows = Rows::new(COLUMNS);
    for draft in drafts {
        for needs in &draft.waits_for {
            let after_failure = draft.new.runs_after_failure;
            rows.push([needs.value(), draft.number.value(), after_failure.value()]);
        }
    }
    let sql = "INSERT INTO job_dependencies (needs, job, runs_after_failure) \
        SELECT r.needs, r.job, r.after_failure FROM ({rows}) r";
    execute_rows(tx, sql, &rows, &[]).await.map(drop)
}

/// Gives up the jobs that depend on one that has gone wrong already.
async fn doom(tx: &Tx, ledger: &mut Ledger, drafts: &[Draft<'_>]) -> Result<()> {
    let doomed: HashMap<i64, Uuid> = drafts
        .iter()
        .filter_map(|draft| draft.doomed_by.map(|dependency| (draft.number, dependency)))
        .collect();
    if doomed.is_empty() {
        return Ok(());
    }
    let mut jobs = Vec::new();
    for mut hot in hot_by_number(tx, doomed.keys().copied()).await? {
        let dependency = doomed.get(&hot.number).copied().unwrap_or_default();
        // Its limiter has not let it through.
        hot.hold = DEPENDENCY;
        jobs.push(Unbegun { fault: depends_on(dependency)?, status: CANCELLED, hot });
    }
    end_waiting(tx, ledger, jobs).await
}

fn claimed_draft(tx: &Tx, draft: &Draft<'_>) -> Result<ClaimedJob> {
    let new = draft.new;
    let left = new.lifetime_ms.map(|life| draft.run_at.saturating_add(micros(life)) - tx.now);
    Ok(ClaimedJob {
        job: new.id,
        number: draft.number,
        execution: draft.execution,
        task: id(draft.task.id),
        checksum: draft.task.checksum.clone(),
        attempt: 1,
        crashes: 0,
        input: new.input.clone(),
        priority: new.priority,
        retry: new.retry.clone(),
        timeout_ms: new.timeout_ms,
        lifetime_left_ms: left.map(super::code::millis),
        outputs: new.outputs.clone(),
        schedule: new.schedule,
    })
}

fn put_claim(
    answers: &mut [Result<Vec<Acceptance>>],
    (request, place): (usize, usize),
    job: ClaimedJob,
) {
    if let Some(Ok(given)) = answers.get_mut(request)
        && let Some(Acceptance::Accepted { claim, .. }) = given.get_mut(place)
    {
        *claim = Some(Box::new(job));
    }
}

/// Gives a host those of its jobs that their limiter has let through.
async fn claim_limited(
    tx: &Tx,
    drafts: &[Draft<'_>],
    hosts: &[Option<Id>],
    answers: &mut [Result<Vec<Acceptance>>],
) -> Result<()> {
    for (request, host) in hosts.iter().enumerate() {
        let of_it = |draft: &&Draft<'_>| draft.place.0 == request && draft.hold == LIMIT;
        let limited: Vec<&Draft<'_>> = drafts.iter().filter(of_it).collect();
        let (Some(host), false) = (host, limited.is_empty()) else { continue };
        let rows = claim_numbers(tx, *host, limited.iter().map(|draft| draft.number)).await?;
        for job in claimed(tx, rows).await? {
            let place = limited.iter().find(|draft| draft.number == job.number);
            if let Some(draft) = place {
                put_claim(answers, draft.place, job);
            }
        }
    }
    Ok(())
}
