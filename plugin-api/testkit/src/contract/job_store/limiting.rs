//! Limits on how many jobs run at the same time and start in a period.

use ratchet_plugin_api::model::{
    Hold, Id, JobStatus, Key, Limiter, NewJob, Pause, Priority, RateLimit,
};
use ratchet_plugin_api::services::{AcceptJobs, Acceptance, JobPatch, Verdict};

use crate::contract::world::{Checked, World, at_most, crash, done, failure, job, retry};
use crate::contract::{MakeStores, Report, expect, succeeds};

pub(super) async fn check(report: &mut Report, make: &MakeStores) {
    report.on(make, "runs no more jobs of a limiter than it allows", concurrency).await;
    report.on(make, "makes room however a job ends", room).await;
    report.on(make, "lets the best go first through a limiter", best_first).await;
    report.on(make, "does not let held jobs take a limiter's room", held_take_nothing).await;
    report.on(make, "keeps limiters apart", apart).await;
    report.on(make, "starts no more jobs in a period than allowed", rate).await;
    report.on(make, "lets a rate hold after a time without hosts", rate_after_rest).await;
    report.on(make, "limits jobs that are given out when they are accepted", claim_for).await;
}

fn limited(job: NewJob, concurrency: u32) -> NewJob {
    NewJob { limiter: at_most(concurrency), ..job }
}

async fn concurrency(world: World) -> Checked {
    let task = world.task("concurrency").await?;
    let host = world.host().await?;
    let mut all = Vec::new();
    for _ in 0..5 {
        all.push(world.add(limited(job(&task), 2)).await?);
    }
    let first = world.claim(host, 10).await?;
    expect("the number of jobs given out", first.len(), 2)?;
    expect("what holds the third", world.job(all[2]).await?.hold, Hold::Limit)?;
    let limiter = succeeds(world.stores.jobs.situation(Key::Id(all[2])).await)?.limiter;
    let counts = limiter.map(|limiter| (limiter.active, limiter.waiting));
    expect("active and waiting jobs of the limiter", counts, Some((2, 3)))?;
    world.settle(host, &first[0], done()).await?;
    expect("what is given out next", world.claimed_ids(host, 10).await?, vec![all[2]])?;
    expect("what is given out then", world.claimed_ids(host, 10).await?, Vec::new())
}

async fn room(world: World) -> Checked {
    let task = world.task("room").await?;
    let host = world.host().await?;
    let mut queue = Vec::new();
    for _ in 0..7 {
        queue.push(world.add(limited(job(&task), 1)).await?);
        world.pass_ms(1);
    }
    let verdicts = [done(), failure(), retry(60_000), Verdict::Cancelled(thrown_cancel()), crash()];
    for verdict in verdicts {
        let claimed = world.claim_one(host).await?;
        expect("the job given out", claimed.job, queue.remove(0))?;
        let crashed = matches!(verdict, Verdict::Retry { crashed: true, .. });
        world.settle(host, &claimed, verdict).await?;
        if crashed {
            // It is ready again and has kept its place.
            queue.insert(0, claimed.job);
        }
    }
    let ready = queue.remove(0);
    expect("the status of the ready one", world.job(ready).await?.hold, Hold::None)?;
    succeeds(world.stores.jobs.cancel(Key::Id(ready), None).await)?;
    let claimed = world.claim_one(host).await?;
    expect("the job given out after a cancellation", claimed.job, queue.remove(0))?;
    world.settle(host, &claimed, Verdict::Released).await?;
    let claimed = world.claim_one(host).await?;
    succeeds(world.stores.jobs.leave(host).await)?;
    let other = world.host().await?;
    expect("the job of a host that left", world.claim_one(other).await?.job, claimed.job)
}

fn thrown_cancel() -> ratchet_plugin_api::model::TaskError {
    let kind = ratchet_plugin_api::model::FailureKind::Cancelled;
    ratchet_plugin_api::model::TaskError { kind, ..crate::contract::world::thrown() }
}

async fn best_first(world: World) -> Checked {
    let task = world.task("best-first").await?;
    let host = world.host().await?;
    world.add(limited(job(&task), 1)).await?;
    let running = world.claim_one(host).await?;
    let low = NewJob { priority: Priority::Low, ..job(&task) };
    let low = world.add(limited(low, 1)).await?;
    let high = NewJob { priority: Priority::High, ..job(&task) };
    let high = world.add(limited(high, 1)).await?;
    let patched = world.add(limited(job(&task), 1)).await?;
    let patch = JobPatch { priority: Some(Priority::Critical), ..JobPatch::default() };
    succeeds(world.stores.jobs.patch(Key::Id(patched), patch).await)?;
    let mut next = running;
    for expected in [patched, high, low] {
        world.settle(host, &next, done()).await?;
        next = world.claim_one(host).await?;
        expect("the job given out", next.job, expected)?;
    }
    Ok(())
}

async fn held_take_nothing(world: World) -> Checked {
    let (still, busy) = (world.task("still").await?, world.task("busy").await?);
    let host = world.host().await?;
    let blocker = world.add(NewJob { delay_ms: 3_600_000, ..job(&busy) }).await?;
    world.add(limited(NewJob { delay_ms: 60_000, ..job(&busy) }, 1)).await?;
    world.add(limited(NewJob { depends_on: vec![blocker], ..job(&busy) }, 1)).await?;
    world.add(limited(job(&still), 1)).await?;
    let pause = Some(Pause::default());
    succeeds(world.stores.tasks.pause(still.id.into(), pause).await)?;
    let free = world.add(limited(job(&busy), 1)).await?;
    expect("what is given out", world.claimed_ids(host, 10).await?, vec![free])
}

async fn apart(world: World) -> Checked {
    let task = world.task("apart").await?;
    let host = world.host().await?;
    let mut expected = Vec::new();
    for customer in ["42", "43"] {
        let limiter =
            Limiter { key: format!("customer:{customer}"), concurrency: Some(1), rate: None };
        for place in 0..2 {
            let id = world.add(NewJob { limiter: Some(limiter.clone()), ..job(&task) }).await?;
            expected.extend((place == 0).then_some(id));
        }
    }
    expect("what is given out", world.claimed_ids(host, 10).await?, expected)
}

fn rated(job: NewJob, count: u32, period_ms: u64) -> NewJob {
    let rate = Some(RateLimit { count, period_ms });
    NewJob { limiter: Some(Limiter { key: "rated".into(), concurrency: None, rate }), ..job }
}

async fn rate(world: World) -> Checked {
    let task = world.task("rate").await?;
    let host = world.host().await?;
    let mut all: Vec<Id> = Vec::new();
    for _ in 0..6 {
        all.push(world.add(rated(job(&task), 2, 60_000)).await?);
    }
    let mut found = world.claimed_ids(host, 10).await?;
    expect("the jobs that start at once", &found, &all[..2].to_vec())?;
    world.pass_ms(15_000);
    expect("the jobs that start after 15 s", world.claimed_ids(host, 10).await?, Vec::new())?;
    expect("what holds the next", world.job(all[2]).await?.hold, Hold::Limit)?;
    world.pass_ms(16_000);
    found.extend(world.claimed_ids(host, 10).await?);
    expect("the jobs that have started after 31 s", &found, &all[..3].to_vec())?;
    world.pass_ms(3_600_000);
    found.extend(world.claimed_ids(host, 10).await?);
    expect("the jobs that have started after an hour", &found, &all[..5].to_vec())
}

async fn rate_after_rest(world: World) -> Checked {
    let task = world.task("rest").await?;
    for _ in 0..20 {
        world.add(rated(job(&task), 2, 60_000)).await?;
        world.pass_ms(30_000);
    }
    let host = world.host().await?;
    // Two may have been let through before anyone was there to take them.
    let started = world.claim(host, 100).await?.len() + world.claim(host, 100).await?.len();
    if !(1..=4).contains(&started) {
        return Err(format!("{started} jobs start at once; 2 in 60 s is the limit"));
    }
    Ok(())
}

async fn claim_for(world: World) -> Checked {
    let task = world.task("claim-for").await?;
    let host = world.host().await?;
    let jobs: Vec<NewJob> = (0..3).map(|_| limited(job(&task), 1)).collect();
    let last = jobs[2].id;
    let request = AcceptJobs { jobs, atomic: false, claim_for: Some(host), max_waiting: None };
    let answers = succeeds(world.stores.jobs.accept(request).await)?;
    let claimed =
        answers.iter().filter(|it| matches!(it, Acceptance::Accepted { claim: Some(_), .. }));
    expect("the number of jobs given out", claimed.count(), 1)?;
    let job = world.job(last).await?;
    expect("the last one", (job.status, job.hold), (JobStatus::Queued, Hold::Limit))
}
