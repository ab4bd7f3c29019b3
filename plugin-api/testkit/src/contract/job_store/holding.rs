//! What keeps jobs waiting, and what lets them go.

use ratchet_plugin_api::Code;
use ratchet_plugin_api::model::{ExecutionStatus, Hold, Id, JobStatus, Key, NewJob, Pause};
use ratchet_plugin_api::services::{Acceptance, ClaimJobs};

use crate::contract::world::{Checked, World, failure, job};
use crate::contract::{MakeStores, Report, expect, fails, succeeds};

pub(super) async fn check(report: &mut Report, make: &MakeStores) {
    report.on(make, "holds a job until its time", delay).await;
    report.on(make, "says when the next job's time comes", next_due).await;
    report.on(make, "holds a job until those it depends on have succeeded", dependency).await;
    report.on(make, "cancels all that depend on a job that failed", failed_dependency).await;
    report.on(make, "runs a job after a failure that is made for it", after_failure).await;
    report.on(make, "looks at dependencies that have ended before", ended_dependency).await;
    report.on(make, "gives up a job whose lifetime is over", lifetime).await;
    report.on(make, "pauses the whole queue", queue_pause).await;
    report.on(make, "pauses one task", task_pause).await;
    report.on(make, "ends a pause by itself", pause_ends).await;
    report.on(make, "holds jobs of a task that is disabled or removed", disabled).await;
}

/// Fails unless the job waits for this.
async fn held(world: &World, job: Id, hold: Hold) -> Checked {
    let job = world.job(job).await?;
    expect("what holds it", (job.status, job.hold), (JobStatus::Queued, hold))
}

async fn delay(world: World) -> Checked {
    let task = world.task("delay").await?;
    let host = world.host().await?;
    let now = succeeds(world.stores.schedules.now().await)?;
    let not_before = Some(now.after(std::time::Duration::from_secs(120)));
    let sooner = world.add(NewJob { delay_ms: 60_000, ..job(&task) }).await?;
    let later = world.add(NewJob { delay_ms: 60_000, not_before, ..job(&task) }).await?;
    held(&world, sooner, Hold::NotBefore).await?;
    expect("what is given out at first", world.claimed_ids(host, 10).await?, Vec::new())?;
    world.pass_ms(61_000);
    expect("what is given out after 61 s", world.claimed_ids(host, 10).await?, vec![sooner])?;
    held(&world, later, Hold::NotBefore).await?;
    world.pass_ms(61_000);
    expect("what is given out after 122 s", world.claimed_ids(host, 10).await?, vec![later])
}

async fn next_due(world: World) -> Checked {
    let task = world.task("next-due").await?;
    let host = world.host().await?;
    let ask = async || succeeds(world.stores.jobs.claim(ClaimJobs { host, max: 1 }).await);
    expect("the wait when nothing waits", ask().await?.next_due_ms, None)?;
    world.add(NewJob { delay_ms: 90_000, ..job(&task) }).await?;
    world.add(NewJob { delay_ms: 60_000, ..job(&task) }).await?;
    match ask().await?.next_due_ms {
        Some(50_000..=60_000) => Ok(()),
        other => Err(format!("the wait is {other:?} ms; 60000 is right")),
    }
}

async fn dependency(world: World) -> Checked {
    let task = world.task("dependency").await?;
    let host = world.host().await?;
    let (one, two) = (job(&task), job(&task));
    let both = NewJob { depends_on: vec![one.id, two.id], ..job(&task) };
    let last = NewJob { depends_on: vec![both.id, one.id], ..job(&task) };
    let (both_id, last_id) = (both.id, last.id);
    world.accept(vec![one, two, both, last]).await?;
    held(&world, both_id, Hold::Dependency).await?;
    let claimed = world.claim(host, 10).await?;
    expect("the number of jobs given out", claimed.len(), 2)?;
    world.settle(host, &claimed[0], crate::contract::world::done()).await?;
    expect("what it waits for", world.job(both_id).await?.waits_for, vec![claimed[1].job])?;
    expect("what is given out", world.claimed_ids(host, 10).await?, Vec::new())?;
    world.settle(host, &claimed[1], crate::contract::world::done()).await?;
    expect("the one that waited for both", world.complete_one(host).await?.job, both_id)?;
    expect("the one that waited for it", world.complete_one(host).await?.job, last_id)
}

async fn failed_dependency(world: World) -> Checked {
    let task = world.task("failed-dependency").await?;
    let host = world.host().await?;
    let first = world.add(job(&task)).await?;
    let second = world.add(NewJob { depends_on: vec![first], ..job(&task) }).await?;
    let third = world.add(NewJob { depends_on: vec![second], ..job(&task) }).await?;
    let claimed = world.claim_one(host).await?;
    world.settle(host, &claimed, failure()).await?;
    for id in [second, third] {
        let job = world.job(id).await?;
        expect("its status", job.status, JobStatus::Cancelled)?;
        expect("whether it says why", job.error.is_some(), true)?;
        let execution = succeeds(world.stores.executions.get(Key::Id(job.execution)).await)?;
        expect("its execution", execution.status, ExecutionStatus::Cancelled)?;
    }
    expect("what is given out", world.claimed_ids(host, 10).await?, Vec::new())
}

async fn after_failure(world: World) -> Checked {
    let task = world.task("after-failure").await?;
    let host = world.host().await?;
    let first = world.add(job(&task)).await?;
    let depends_on = vec![first];
    let rescue = NewJob { depends_on, runs_after_failure: true, ..job(&task) };
    let rescue = world.add(rescue).await?;
    let claimed = world.claim_one(host).await?;
    world.settle(host, &claimed, failure()).await?;
    expect("what is given out", world.claimed_ids(host, 10).await?, vec![rescue])
}

async fn ended_dependency(world: World) -> Checked {
    let task = world.task("ended-dependency").await?;
    let host = world.host().await?;
    let good = world.add(job(&task)).await?;
    world.complete_one(host).await?;
    let bad = world.add(job(&task)).await?;
    let claimed = world.claim_one(host).await?;
    world.settle(host, &claimed, failure()).await?;
    let goes = NewJob { depends_on: vec![good], ..job(&task) };
    let stops = NewJob { depends_on: vec![good, bad], ..job(&task) };
    let depends_on = vec![bad];
    let goes_on = NewJob { depends_on, runs_after_failure: true, ..job(&task) };
    let ids = [goes.id, goes_on.id, stops.id];
    for answer in world.accept(vec![goes, goes_on, stops]).await? {
        if !matches!(answer, Acceptance::Accepted { .. }) {
            return Err(format!("it was answered with {answer:?}"));
        }
    }
    expect("what is given out", world.claimed_ids(host, 10).await?, ids[..2].to_vec())?;
    expect("the status of the other", world.job(ids[2]).await?.status, JobStatus::Cancelled)
}

async fn lifetime(world: World) -> Checked {
    let task = world.task("lifetime").await?;
    let host = world.host().await?;
    let id = world.add(NewJob { lifetime_ms: Some(60_000), ..job(&task) }).await?;
    world.pass_ms(61_000);
    expect("what is given out", world.claimed_ids(host, 10).await?, Vec::new())?;
    let job = world.job(id).await?;
    expect("its status", job.status, JobStatus::Failed)?;
    expect("whether it says why", job.error.is_some(), true)
}

async fn queue_pause(world: World) -> Checked {
    let task = world.task("queue-pause").await?;
    let host = world.host().await?;
    let reason = Some("maintenance".to_owned());
    let pause = Pause { reason: reason.clone(), ..Pause::default() };
    succeeds(world.stores.jobs.pause(Some(pause)).await)?;
    let id = world.add(job(&task)).await?;
    expect("what is given out", world.claimed_ids(host, 10).await?, Vec::new())?;
    let told = succeeds(world.stores.jobs.stats().await)?.paused;
    expect("the reason", told.as_ref().and_then(|pause| pause.reason.clone()), reason)?;
    expect("whether it says since when", told.is_some_and(|it| it.since.is_some()), true)?;
    succeeds(world.stores.jobs.pause(None).await)?;
    expect("the pause", succeeds(world.stores.jobs.stats().await)?.paused, None)?;
    expect("what is given out", world.claimed_ids(host, 10).await?, vec![id])
}

async fn task_pause(world: World) -> Checked {
    let (still, busy) = (world.task("still").await?, world.task("busy").await?);
    let host = world.host().await?;
    let before = world.add(job(&still)).await?;
    let pause = Some(Pause::default());
    let paused = succeeds(world.stores.tasks.pause(still.id.into(), pause).await)?.paused;
    expect("whether it is paused", paused.is_some_and(|pause| pause.since.is_some()), true)?;
    let after = world.add(job(&still)).await?;
    let other = world.add(job(&busy)).await?;
    held(&world, before, Hold::TaskPaused).await?;
    held(&world, after, Hold::TaskPaused).await?;
    expect("what is given out", world.claimed_ids(host, 10).await?, vec![other])?;
    succeeds(world.stores.tasks.pause(still.id.into(), None).await)?;
    expect("what is given out then", world.claimed_ids(host, 10).await?, vec![before, after])
}

async fn pause_ends(world: World) -> Checked {
    let task = world.task("pause-ends").await?;
    let host = world.host().await?;
    let now = succeeds(world.stores.schedules.now().await)?;
    let until = Some(now.after(std::time::Duration::from_secs(60)));
    let pause = Pause { until, ..Pause::default() };
    succeeds(world.stores.jobs.pause(Some(pause.clone())).await)?;
    succeeds(world.stores.tasks.pause(task.id.into(), Some(pause)).await)?;
    let id = world.add(job(&task)).await?;
    let claims = succeeds(world.stores.jobs.claim(ClaimJobs { host, max: 10 }).await)?;
    expect("the number of jobs given out", claims.jobs.len(), 0)?;
    if !matches!(claims.next_due_ms, Some(1..=60_000)) {
        return Err(format!("the wait is {:?} ms; 60000 is right", claims.next_due_ms));
    }
    world.pass_ms(61_000);
    expect("what is given out then", world.claimed_ids(host, 10).await?, vec![id])
}

async fn disabled(world: World) -> Checked {
    let (off, gone) = (world.task("off").await?, world.task("gone").await?);
    let host = world.host().await?;
    let (first, second) = (world.add(job(&off)).await?, world.add(job(&gone)).await?);
    succeeds(world.stores.tasks.enable(off.id.into(), false).await)?;
    succeeds(world.stores.tasks.remove(gone.id.into()).await)?;
    held(&world, first, Hold::TaskDisabled).await?;
    held(&world, second, Hold::TaskDisabled).await?;
    expect("what is given out", world.claimed_ids(host, 10).await?, Vec::new())?;
    succeeds(world.stores.tasks.enable(off.id.into(), true).await)?;
    expect("what is given out then", world.claimed_ids(host, 10).await?, vec![first])?;
    succeeds(world.stores.jobs.cancel(Key::Id(second), None).await)?;
    fails(world.stores.tasks.get(gone.id.into()).await, Code::NotFound)
}
