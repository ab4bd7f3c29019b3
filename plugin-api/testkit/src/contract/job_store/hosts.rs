//! Hosts that live, leave and die.

use ratchet_plugin_api::Code;
use ratchet_plugin_api::model::{ExecutionStatus, FailureKind, Id, JobStatus, Key};
use ratchet_plugin_api::services::{ClaimJobs, Settled};

use crate::contract::world::{Checked, World, done, host_info, job};
use crate::contract::{MakeStores, Report, expect, fails, succeeds};

pub(super) async fn check(report: &mut Report, make: &MakeStores) {
    report.on(make, "gives nothing to a host that has not entered", unknown).await;
    report.on(make, "knows the hosts that live, and what they have", living).await;
    report.on(make, "keeps the jobs of a host that is heard of", renewed).await;
    report.on(make, "lets the jobs of a dead host run elsewhere", dead).await;
    report.on(make, "tells a host that it counted as dead", told).await;
    report.on(make, "gives up a job that killed four hosts", poison).await;
    report.on(make, "takes back what a host has when it leaves", left).await;
    report.on(make, "cancels what was to be cancelled when its host dies", cancelled).await;
}

async fn unknown(world: World) -> Checked {
    let task = world.task("unknown").await?;
    world.add(job(&task)).await?;
    let claim = world.stores.jobs.claim(ClaimJobs { host: Id::new(), max: 1 }).await;
    let reason = claim.as_ref().err().and_then(|error| error.reason.clone());
    fails(claim, Code::Conflict)?;
    expect("the reason", reason.as_deref(), Some("host.expired"))
}

async fn living(world: World) -> Checked {
    let task = world.task("living").await?;
    let info = host_info();
    succeeds(world.stores.jobs.enter(info.clone(), 10_000).await)?;
    world.add(job(&task)).await?;
    world.claim_one(info.id).await?;
    let hosts = succeeds(world.stores.jobs.hosts().await)?;
    let [host] = hosts.as_slice() else {
        return Err(format!("{} hosts live; 1 is right", hosts.len()));
    };
    expect("what it says of itself", &host.info, &info)?;
    expect("its jobs", host.jobs, 1)?;
    world.pass_ms(11_000);
    expect("the hosts after its lease", succeeds(world.stores.jobs.hosts().await)?, Vec::new())
}

async fn renewed(world: World) -> Checked {
    let task = world.task("renewed").await?;
    let (host, other) = (world.host_for(10_000).await?, world.host().await?);
    world.add(job(&task)).await?;
    let claimed = world.claim_one(host).await?;
    for _ in 0..5 {
        world.pass_ms(7_000);
        let renewal = succeeds(world.stores.jobs.renew(host, 10_000).await)?;
        expect("whether it is dead", renewal.expired, false)?;
        let rescued = succeeds(world.stores.jobs.renew(other, 3_600_000).await)?.rescued;
        expect("the jobs rescued", rescued, 0)?;
    }
    expect("the settlement", world.settle(host, &claimed, done()).await?, Settled::Recorded)
}

async fn dead(world: World) -> Checked {
    let task = world.task("dead").await?;
    let (host, other) = (world.host_for(10_000).await?, world.host().await?);
    let id = world.add(job(&task)).await?;
    let lost = world.claim_one(host).await?;
    world.pass_ms(9_000);
    let early = succeeds(world.stores.jobs.renew(other, 3_600_000).await)?;
    expect("the jobs rescued before the lease ends", early.rescued, 0)?;
    world.pass_ms(2_000);
    let late = succeeds(world.stores.jobs.renew(other, 3_600_000).await)?;
    expect("the jobs rescued after it", late.rescued, 1)?;
    let execution = succeeds(world.stores.executions.get(Key::Id(lost.execution)).await)?;
    expect("the lost execution's status", execution.status, ExecutionStatus::Failed)?;
    let kind = execution.error.map(|error| error.kind);
    expect("its error", kind, Some(FailureKind::WorkerLost))?;
    let claimed = world.claim_one(other).await?;
    expect("the job", (claimed.job, claimed.attempt, claimed.crashes), (id, 2, 1))?;
    expect("the dead host's word", world.settle(host, &lost, done()).await?, Settled::Stale)?;
    expect("the other's", world.settle(other, &claimed, done()).await?, Settled::Recorded)?;
    expect("the status", world.job(id).await?.status, JobStatus::Completed)
}

async fn told(world: World) -> Checked {
    let (host, other) = (world.host_for(10_000).await?, world.host().await?);
    world.pass_ms(11_000);
    succeeds(world.stores.jobs.renew(other, 3_600_000).await)?;
    let renewal = succeeds(world.stores.jobs.renew(host, 10_000).await)?;
    expect("whether it is dead", renewal.expired, true)?;
    fails(world.stores.jobs.claim(ClaimJobs { host, max: 1 }).await, Code::Conflict)?;
    let unknown = succeeds(world.stores.jobs.renew(Id::new(), 10_000).await)?;
    expect("whether an unknown host is dead", unknown.expired, true)
}

async fn poison(world: World) -> Checked {
    let task = world.task("poison").await?;
    let id = world.add(job(&task)).await?;
    let watcher = world.host().await?;
    for round in 0..4 {
        let host = world.host_for(10_000).await?;
        expect("the crashes so far", world.claim_one(host).await?.crashes, round)?;
        world.pass_ms(11_000);
        succeeds(world.stores.jobs.renew(watcher, 3_600_000).await)?;
    }
    let ended = world.job(id).await?;
    expect("its status", (ended.status, ended.crashes), (JobStatus::Failed, 4))?;
    expect("what is given out", world.claimed_ids(watcher, 10).await?, Vec::new())
}

async fn left(world: World) -> Checked {
    let task = world.task("left").await?;
    let (host, other) = (world.host().await?, world.host().await?);
    let id = world.add(job(&task)).await?;
    let lost = world.claim_one(host).await?;
    succeeds(world.stores.jobs.leave(host).await)?;
    let claimed = world.claim_one(other).await?;
    expect("the job", (claimed.job, claimed.crashes), (id, 0))?;
    expect("what it says later", world.settle(host, &lost, done()).await?, Settled::Stale)?;
    expect("the number of hosts", succeeds(world.stores.jobs.hosts().await)?.len(), 1)
}

async fn cancelled(world: World) -> Checked {
    let task = world.task("cancelled").await?;
    let (host, other) = (world.host_for(10_000).await?, world.host().await?);
    let id = world.add(job(&task)).await?;
    world.claim_one(host).await?;
    succeeds(world.stores.jobs.cancel(Key::Id(id), None).await)?;
    world.pass_ms(11_000);
    succeeds(world.stores.jobs.renew(other, 3_600_000).await)?;
    expect("its status", world.job(id).await?.status, JobStatus::Cancelled)?;
    expect("what is given out", world.claimed_ids(other, 10).await?, Vec::new())
}
