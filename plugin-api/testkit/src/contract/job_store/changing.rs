//! Cancelling, replaying, changing and clearing away.

use ratchet_plugin_api::Code;
use ratchet_plugin_api::model::{ExecutionStatus, Hold, JobStatus, Json, Key, NewJob, Priority};
use ratchet_plugin_api::services::{ClearJobs, JobPatch, Settled, Verdict};

use crate::contract::world::{Checked, World, done, failure, job, retry, thrown};
use crate::contract::{MakeStores, Report, expect, fails, succeeds};

pub(super) async fn check(report: &mut Report, make: &MakeStores) {
    report.on(make, "cancels a waiting job at once", cancel_waiting).await;
    report.on(make, "cancels a running job through its host", cancel_running).await;
    report.on(make, "does not try a job again that is being cancelled", cancel_retry).await;
    report
        .on(make, "keeps the result of a job that was quicker than its cancelling", quicker)
        .await;
    report.on(make, "makes a job wait again that did not succeed", replay).await;
    report.on(make, "changes a waiting job", patch).await;
    report.on(make, "changes when a job runs", patch_time).await;
    report.on(make, "clears away what has ended", clear).await;
}

async fn cancel_waiting(world: World) -> Checked {
    let task = world.task("cancel").await?;
    let host = world.host().await?;
    let id = world.add(job(&task)).await?;
    let dependent = world.add(NewJob { depends_on: vec![id], ..job(&task) }).await?;
    let reason = Some("not needed".to_owned());
    let cancelled = succeeds(world.stores.jobs.cancel(Key::Id(id), reason).await)?;
    expect("its status", cancelled.status, JobStatus::Cancelled)?;
    let says = cancelled.error.map(|error| error.message).unwrap_or_default();
    expect("whether it says why", says.contains("not needed"), true)?;
    expect("what depends on it", world.job(dependent).await?.status, JobStatus::Cancelled)?;
    let execution = succeeds(world.stores.executions.get(cancelled.execution.into()).await)?;
    expect("its execution", execution.status, ExecutionStatus::Cancelled)?;
    expect("what is given out", world.claimed_ids(host, 10).await?, Vec::new())?;
    fails(world.stores.jobs.cancel(Key::Id(id), None).await, Code::Conflict)
}

async fn cancel_running(world: World) -> Checked {
    let task = world.task("cancel-running").await?;
    let host = world.host().await?;
    let id = world.add(job(&task)).await?;
    let claimed = world.claim_one(host).await?;
    let asked = succeeds(world.stores.jobs.cancel(Key::Id(id), None).await)?;
    expect("its status", (asked.status, asked.cancelling), (JobStatus::Processing, true))?;
    succeeds(world.stores.jobs.cancel(Key::Id(id), None).await)?;
    let cancel = succeeds(world.stores.jobs.renew(host, 10_000).await)?.cancel;
    expect("what its host is told", cancel, vec![claimed.execution])?;
    world.settle(host, &claimed, Verdict::Cancelled(thrown())).await?;
    expect("its status", world.job(id).await?.status, JobStatus::Cancelled)?;
    let execution = succeeds(world.stores.executions.get(claimed.execution.into()).await)?;
    expect("its execution", execution.status, ExecutionStatus::Cancelled)
}

async fn cancel_retry(world: World) -> Checked {
    let task = world.task("cancel-retry").await?;
    let host = world.host().await?;
    for verdict in [retry(0), retry(60_000), Verdict::Released, crate::contract::world::crash()] {
        let id = world.add(job(&task)).await?;
        let claimed = world.claim_one(host).await?;
        succeeds(world.stores.jobs.cancel(Key::Id(id), None).await)?;
        let shown = format!("after {verdict:?}");
        expect(&shown, world.settle(host, &claimed, verdict).await?, Settled::Recorded)?;
        expect(&shown, world.job(id).await?.status, JobStatus::Cancelled)?;
    }
    expect("what is given out", world.claimed_ids(host, 10).await?, Vec::new())
}

async fn quicker(world: World) -> Checked {
    let task = world.task("quicker").await?;
    let host = world.host().await?;
    let id = world.add(job(&task)).await?;
    let claimed = world.claim_one(host).await?;
    succeeds(world.stores.jobs.cancel(Key::Id(id), None).await)?;
    expect("the settlement", world.settle(host, &claimed, done()).await?, Settled::Recorded)?;
    expect("its status", world.job(id).await?.status, JobStatus::Completed)
}

async fn replay(world: World) -> Checked {
    let task = world.task("replay").await?;
    let host = world.host().await?;
    let id = world.add(job(&task)).await?;
    fails(world.stores.jobs.replay(Key::Id(id), None).await, Code::Conflict)?;
    let first = world.claim_one(host).await?;
    world.settle(host, &first, failure()).await?;
    let again = succeeds(world.stores.jobs.replay(Key::Id(id), None).await)?;
    expect("the job", (again.id, again.status), (id, JobStatus::Queued))?;
    expect("whether it ended", (again.finished_at, again.attempt), (None, 0))?;
    let second = world.claim_one(host).await?;
    expect("the job", (second.job, second.number), (id, first.number))?;
    expect("whether the execution is another", second.execution == first.execution, false)?;
    expect("the first attempt", world.settle(host, &first, done()).await?, Settled::Stale)?;
    world.settle(host, &second, failure()).await?;
    let input = Json::from_trusted(r#"{"a":2}"#);
    succeeds(world.stores.jobs.replay(Key::Id(id), Some(input.clone())).await)?;
    expect("the input", &world.complete_one(host).await?.input, &input)?;
    fails(world.stores.jobs.replay(Key::Id(id), None).await, Code::Conflict)?;
    let cancelled = world.add(job(&task)).await?;
    succeeds(world.stores.jobs.cancel(Key::Id(cancelled), None).await)?;
    succeeds(world.stores.jobs.replay(Key::Id(cancelled), None).await)?;
    let last = world.claim_one(host).await?;
    expect("the job", last.job, cancelled)?;
    let executions = succeeds(world.stores.executions.get(first.execution.into()).await)?;
    expect("the first execution", executions.status, ExecutionStatus::Failed)
}

async fn patch(world: World) -> Checked {
    let task = world.task("patch").await?;
    let host = world.host().await?;
    let (first, second) = (world.add(job(&task)).await?, world.add(job(&task)).await?);
    let metadata = Json::from_trusted(r#"{"by":"me"}"#);
    let patch = JobPatch {
        priority: Some(Priority::Critical),
        max_retries: Some(9),
        metadata: Some(metadata.clone()),
        ..JobPatch::default()
    };
    let patched = succeeds(world.stores.jobs.patch(Key::Id(second), patch.clone()).await)?;
    expect("its priority", patched.priority, Priority::Critical)?;
    expect("its metadata", &patched.metadata, &metadata)?;
    let claimed = world.claim(host, 10).await?;
    let order: Vec<_> = claimed.iter().map(|claimed| claimed.job).collect();
    expect("the order", order, vec![second, first])?;
    expect("its retries", claimed[0].retry.max_retries, 9)?;
    world.settle(host, &claimed[0], done()).await?;
    fails(world.stores.jobs.patch(Key::Id(second), patch).await, Code::Conflict)
}

async fn patch_time(world: World) -> Checked {
    let task = world.task("patch-time").await?;
    let host = world.host().await?;
    let id = world.add(job(&task)).await?;
    let now = succeeds(world.stores.schedules.now().await)?;
    let later = now.after(std::time::Duration::from_secs(60));
    let patch = |run_at| JobPatch { run_at: Some(run_at), ..JobPatch::default() };
    let patched = succeeds(world.stores.jobs.patch(Key::Id(id), patch(later)).await)?;
    expect("its time", (patched.run_at, patched.hold), (later, Hold::NotBefore))?;
    expect("what is given out", world.claimed_ids(host, 10).await?, Vec::new())?;
    let patched = succeeds(world.stores.jobs.patch(Key::Id(id), patch(now)).await)?;
    expect("its time", (patched.run_at, patched.hold), (now, Hold::None))?;
    expect("what is given out then", world.claimed_ids(host, 10).await?, vec![id])
}

async fn clear(world: World) -> Checked {
    let (task, other) = (world.task("clear").await?, world.task("other").await?);
    let host = world.host().await?;
    let mut ended = Vec::new();
    for (task, verdict) in [(&task, done()), (&task, failure()), (&other, done())] {
        ended.push(world.add(job(task)).await?);
        let claimed = world.claim_one(host).await?;
        world.settle(host, &claimed, verdict).await?;
    }
    let waiting = world.add(job(&task)).await?;
    let statuses = vec![JobStatus::Queued];
    let wrong = ClearJobs { statuses, ..ClearJobs::default() };
    fails(world.stores.jobs.clear(wrong).await, Code::Invalid)?;
    let statuses = vec![JobStatus::Completed];
    let own = ClearJobs { statuses, task: Some(task.id), ..ClearJobs::default() };
    expect("the number cleared", succeeds(world.stores.jobs.clear(own).await)?, 1)?;
    fails(world.stores.jobs.get(Key::Id(ended[0])).await, Code::NotFound)?;
    world.pass_ms(1_000);
    let before = Some(succeeds(world.stores.schedules.now().await)?);
    world.pass_ms(1_000);
    world.add(job(&other)).await?;
    let claimed = world.claim(host, 10).await?;
    for claimed in claimed.iter().filter(|claimed| claimed.job != waiting) {
        world.settle(host, claimed, done()).await?;
    }
    let old = ClearJobs { before, ..ClearJobs::default() };
    expect("the number cleared by age", succeeds(world.stores.jobs.clear(old).await)?, 2)?;
    let all = ClearJobs::default();
    expect("the number left", succeeds(world.stores.jobs.clear(all).await)?, 1)?;
    expect("the one not ended", world.job(waiting).await?.status, JobStatus::Processing)?;
    fails(world.stores.jobs.get(Key::Id(ended[1])).await, Code::NotFound)
}
