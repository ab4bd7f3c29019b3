//! How attempts end, and what follows from it.

use ratchet_plugin_api::model::{
    Destination, ExecutionStatus, Hold, Id, JobStatus, Json, Key, LogLevel, LogLine, NewDelivery,
    Timestamp,
};
use ratchet_plugin_api::services::{Settled, Settlement, Verdict};

use crate::contract::world::{
    Checked, World, crash, done, failure, job, retry, settlement, thrown,
};
use crate::contract::{MakeStores, Report, expect, succeeds};

pub(super) async fn check(report: &mut Report, make: &MakeStores) {
    report.on(make, "records a success with all that belongs to it", success).await;
    report.on(make, "records a failure", failed).await;
    report.on(make, "records nothing twice", twice).await;
    report.on(make, "records nothing for whoever does not have the attempt", fenced).await;
    report.on(make, "settles each of many by itself", each).await;
    report.on(make, "tries again after the time that was asked for", tried_again).await;
    report.on(make, "does not count a crash as a retry, and gives up after four", crashes).await;
    report.on(make, "takes back what was not begun", released).await;
    report.on(make, "writes deliveries with the result", deliveries).await;
}

async fn success(world: World) -> Checked {
    let task = world.task("success").await?;
    let host = world.host().await?;
    let id = world.add(job(&task)).await?;
    let claimed = world.claim_one(host).await?;
    let line = LogLine {
        time: Timestamp::from_microseconds(1_764_000_000_000_000),
        level: LogLevel::Warn,
        message: "five and ten".into(),
    };
    let settlement = Settlement {
        began_ms_ago: Some(0),
        duration_us: 1_500,
        logs: vec![line.clone()],
        logs_dropped: 7,
        ..settlement(host, &claimed, done())
    };
    expect("the answer", world.settle_with(settlement).await?, Settled::Recorded)?;
    let ended = world.job(id).await?;
    expect("the job's status", ended.status, JobStatus::Completed)?;
    let output = Some(Json::from_trusted(r#"{"sum":15}"#));
    expect("the job's output", &ended.output, &output)?;
    expect("its host", ended.host, None)?;
    expect("whether it says when it ended", ended.finished_at.is_some(), true)?;
    let execution = succeeds(world.stores.executions.get(Key::Id(claimed.execution)).await)?;
    expect("the execution's status", execution.status, ExecutionStatus::Completed)?;
    expect("the execution's job", execution.job, Some(id))?;
    expect("the execution's output", &execution.output, &output)?;
    expect("the execution's input", &execution.input, &claimed.input)?;
    expect("the execution's duration", execution.duration_us, Some(1_500))?;
    expect("the execution's host", execution.host, Some(host))?;
    expect("the version that ran", execution.task_version.as_deref(), Some("1.0.0"))?;
    expect("the lines dropped", execution.logs_dropped, 7)?;
    let logs = succeeds(world.stores.executions.logs(claimed.execution.into(), 0, 10).await)?;
    expect("the log", (logs.lines, logs.next, logs.ended), (vec![line], 1, true))
}

async fn failed(world: World) -> Checked {
    let task = world.task("failed").await?;
    let host = world.host().await?;
    let id = world.add(job(&task)).await?;
    let claimed = world.claim_one(host).await?;
    world.settle(host, &claimed, failure()).await?;
    let ended = world.job(id).await?;
    expect("the job", (ended.status, ended.error), (JobStatus::Failed, Some(thrown())))?;
    let execution = succeeds(world.stores.executions.get(Key::Id(claimed.execution)).await)?;
    expect(
        "its error",
        (execution.status, execution.error),
        (ExecutionStatus::Failed, Some(thrown())),
    )
}

async fn twice(world: World) -> Checked {
    let task = world.task("twice").await?;
    let host = world.host().await?;
    let id = world.add(job(&task)).await?;
    let claimed = world.claim_one(host).await?;
    let twins = vec![settlement(host, &claimed, done()), settlement(host, &claimed, failure())];
    let answers = succeeds(world.stores.jobs.settle(twins).await)?;
    expect("the answers", answers, vec![Settled::Recorded, Settled::Stale])?;
    for verdict in [done(), failure(), retry(0), Verdict::Released] {
        expect("a repeat", world.settle(host, &claimed, verdict).await?, Settled::Stale)?;
    }
    expect("its status", world.job(id).await?.status, JobStatus::Completed)?;
    expect("what is given out", world.claimed_ids(host, 10).await?, Vec::new())
}

async fn fenced(world: World) -> Checked {
    let task = world.task("fenced").await?;
    let (host, other) = (world.host().await?, world.host().await?);
    world.add(job(&task)).await?;
    let first = world.claim_one(host).await?;
    let stranger = settlement(other, &first, done());
    expect("another host", world.settle_with(stranger).await?, Settled::Stale)?;
    let guess = Settlement { execution: Id::new(), ..settlement(host, &first, done()) };
    expect("another execution", world.settle_with(guess).await?, Settled::Stale)?;
    let nothing = Settlement { job: Id::new(), ..settlement(host, &first, done()) };
    expect("another job", world.settle_with(nothing).await?, Settled::Stale)?;
    world.settle(host, &first, retry(0)).await?;
    let second = world.claim_one(host).await?;
    expect("whether the execution is another", second.execution == first.execution, false)?;
    expect("the attempt before", world.settle(host, &first, done()).await?, Settled::Stale)?;
    expect("the attempt", world.settle(host, &second, done()).await?, Settled::Recorded)
}

async fn each(world: World) -> Checked {
    let task = world.task("each").await?;
    let host = world.host().await?;
    world.accept((0..3).map(|_| job(&task)).collect()).await?;
    let claimed = world.claim(host, 3).await?;
    let mut all: Vec<Settlement> =
        claimed.iter().map(|claimed| settlement(host, claimed, done())).collect();
    all[1].execution = Id::new();
    let answers = succeeds(world.stores.jobs.settle(all).await)?;
    expect("the answers", answers, vec![Settled::Recorded, Settled::Stale, Settled::Recorded])?;
    let status = world.job(claimed[1].job).await?.status;
    expect("the status of the second", status, JobStatus::Processing)
}

async fn tried_again(world: World) -> Checked {
    let task = world.task("tried-again").await?;
    let host = world.host().await?;
    let id = world.add(job(&task)).await?;
    let first = world.claim_one(host).await?;
    world.settle(host, &first, retry(60_000)).await?;
    let waiting = world.job(id).await?;
    expect("its status", (waiting.status, waiting.hold), (JobStatus::Retrying, Hold::NotBefore))?;
    expect("its error", waiting.error, Some(thrown()))?;
    expect("its attempts", (waiting.attempt, waiting.crashes), (1, 0))?;
    let execution = succeeds(world.stores.executions.get(first.execution.into()).await)?;
    expect("the execution's status", execution.status, ExecutionStatus::Failed)?;
    let next = succeeds(world.stores.executions.get(waiting.execution.into()).await)?;
    expect("the next one", (next.status, next.attempt), (ExecutionStatus::Pending, 2))?;
    expect("what is given out", world.claimed_ids(host, 10).await?, Vec::new())?;
    world.pass_ms(61_000);
    let second = world.claim_one(host).await?;
    expect("the attempt", (second.job, second.attempt), (id, 2))?;
    expect("its execution", second.execution, waiting.execution)
}

async fn crashes(world: World) -> Checked {
    let task = world.task("crashes").await?;
    let host = world.host().await?;
    let id = world.add(job(&task)).await?;
    for round in 0..4 {
        let claimed = world.claim_one(host).await?;
        expect("attempt and crashes", (claimed.attempt, claimed.crashes), (round + 1, round))?;
        world.settle(host, &claimed, crash()).await?;
    }
    let ended = world.job(id).await?;
    expect("its status", (ended.status, ended.crashes), (JobStatus::Failed, 4))?;
    expect("what is given out", world.claimed_ids(host, 10).await?, Vec::new())
}

async fn released(world: World) -> Checked {
    let task = world.task("released").await?;
    let host = world.host().await?;
    let id = world.add(job(&task)).await?;
    let claimed = world.claim_one(host).await?;
    let answer = world.settle(host, &claimed, Verdict::Released).await?;
    expect("the answer", answer, Settled::Recorded)?;
    let back = world.job(id).await?;
    expect("its status", (back.status, back.hold), (JobStatus::Queued, Hold::None))?;
    expect("its host and attempts", (back.host, back.attempt), (None, 0))?;
    expect("the old claim", world.settle(host, &claimed, done()).await?, Settled::Stale)?;
    expect("the attempt", world.claim_one(host).await?.attempt, 1)
}

async fn deliveries(world: World) -> Checked {
    let task = world.task("deliveries").await?;
    let host = world.host().await?;
    let id = world.add(job(&task)).await?;
    let claimed = world.claim_one(host).await?;
    let target = Json::from_trusted(r#"{"url":"https://example.com/"}"#);
    let destination = Destination { sink: "webhook".into(), target, retry: None };
    let delivery = NewDelivery { id: Id::new(), destination };
    let wrong = Settlement {
        execution: Id::new(),
        deliveries: vec![NewDelivery { id: Id::new(), ..delivery.clone() }],
        ..settlement(host, &claimed, done())
    };
    expect("a stale settlement", world.settle_with(wrong).await?, Settled::Stale)?;
    let right =
        Settlement { deliveries: vec![delivery.clone()], ..settlement(host, &claimed, done()) };
    world.settle_with(right).await?;
    let pending = succeeds(world.stores.results.claim_deliveries(host, 10).await)?;
    let [pending] = pending.as_slice() else {
        return Err(format!("{} deliveries wait; 1 is right", pending.len()));
    };
    expect("the delivery", (pending.id, pending.attempt), (delivery.id, 1))?;
    expect("its destination", &pending.destination, &delivery.destination)?;
    expect("its run", (pending.run.job, pending.run.execution), (Some(id), claimed.execution))?;
    expect("whether it succeeded", pending.run.succeeded, true)?;
    expect("its output", &pending.output, &Some(Json::from_trusted(r#"{"sum":15}"#)))
}
