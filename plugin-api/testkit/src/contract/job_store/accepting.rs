//! Accepting jobs, and giving them out in the right order.

use ratchet_plugin_api::Code;
use ratchet_plugin_api::model::{Hold, Id, JobStatus, Json, Key, NewJob, Priority, Uniqueness};
use ratchet_plugin_api::services::{AcceptJobs, Acceptance};

use crate::contract::world::{Checked, World, done, failure, job};
use crate::contract::{MakeStores, Report, expect, fails, succeeds};

pub(super) async fn check(report: &mut Report, make: &MakeStores) {
    report.on(make, "keeps a job as it was accepted", keeps).await;
    report.on(make, "gives out a job once", once).await;
    report.on(make, "gives out jobs by priority, and by age within it", order).await;
    report.on(make, "does not starve the lowest priority", no_starving).await;
    report.on(make, "keeps documents as they were written", documents).await;
    report.on(make, "accepts none of a batch that has to be whole", atomic).await;
    report.on(make, "accepts all but what is wrong of any other batch", not_atomic).await;
    report.on(make, "refuses jobs of tasks that cannot run", bad_tasks).await;
    report.on(make, "takes a repeat under one key for the same job", unique).await;
    report.on(make, "lets a key go when its job has ended", key_ends).await;
    report.on(make, "keeps a key for its window", key_window).await;
    report.on(make, "refuses what does not fit into the queue", full).await;
    report.on(make, "gives an accepted job to the host that has room for it", claim_for).await;
    report.on(make, "finds jobs by number, and says so when there is none", keys).await;
}

async fn keeps(world: World) -> Checked {
    let task = world.task("keeps").await?;
    let new = NewJob {
        priority: Priority::High,
        timeout_ms: Some(1234),
        metadata: Json::from_trusted(r#"{"by":"me"}"#),
        batch: Some(Id::new()),
        ..job(&task)
    };
    let answers = world.accept(vec![new.clone()]).await?;
    let [Acceptance::Accepted { number, execution, run_at, claim: None }] = answers.as_slice()
    else {
        return Err(format!("it was answered with {answers:?}"));
    };
    let kept = world.job(new.id).await?;
    expect("its number", kept.number, *number)?;
    expect("its execution", kept.execution, *execution)?;
    expect("its time", kept.run_at, *run_at)?;
    expect("its task's name", kept.task_name.as_str(), "keeps")?;
    expect("its status", (kept.status, kept.hold), (JobStatus::Queued, Hold::None))?;
    expect("its priority", kept.priority, new.priority)?;
    expect("its input", &kept.input, &new.input)?;
    expect("its metadata", &kept.metadata, &new.metadata)?;
    expect("its time limit", kept.timeout_ms, new.timeout_ms)?;
    expect("its retries", &kept.retry, &new.retry)?;
    expect("its batch", kept.batch, new.batch)?;
    expect("its attempts", (kept.attempt, kept.crashes), (0, 0))
}

async fn once(world: World) -> Checked {
    let task = world.task("once").await?;
    let (one, other) = (world.host().await?, world.host().await?);
    let job = world.add(job(&task)).await?;
    let claimed = world.claim_one(one).await?;
    expect("the job", (claimed.job, claimed.attempt), (job, 1))?;
    expect("the checksum", &claimed.checksum, &task.checksum)?;
    let again = [world.claimed_ids(one, 10).await?, world.claimed_ids(other, 10).await?];
    expect("what is given out further", again.concat(), Vec::new())?;
    let had = world.job(job).await?;
    expect("its status", (had.status, had.host), (JobStatus::Processing, Some(one)))
}

async fn order(world: World) -> Checked {
    let task = world.task("order").await?;
    let host = world.host().await?;
    let mut expected = Vec::new();
    let priorities = [Priority::Low, Priority::Normal, Priority::High, Priority::Critical];
    for priority in priorities.into_iter().cycle().take(8) {
        let id = world.add(NewJob { priority, ..job(&task) }).await?;
        expected.push((std::cmp::Reverse(priority), id));
        world.pass_ms(1);
    }
    expected.sort_by_key(|(priority, _)| *priority);
    let expected: Vec<Id> = expected.into_iter().map(|(_, id)| id).collect();
    let mut found = world.claimed_ids(host, 3).await?;
    found.extend(world.claimed_ids(host, 100).await?);
    expect("the order", found, expected)
}

async fn no_starving(world: World) -> Checked {
    let task = world.task("starving").await?;
    let host = world.host().await?;
    let low = world.add(NewJob { priority: Priority::Low, ..job(&task) }).await?;
    world.pass_ms(20 * 60 * 1000);
    let normal = world.add(job(&task)).await?;
    expect("the order", world.claimed_ids(host, 10).await?, vec![low, normal])
}

async fn documents(world: World) -> Checked {
    let task = world.task("documents").await?;
    let host = world.host().await?;
    let text = "{\"z\":1.0000000000000000001,\"a\":12345678901234567890,\"e\":\"\\u0000 żółw 🐢\"}";
    let input = Json::from_trusted(text);
    let job = world.add(NewJob { input: input.clone(), ..job(&task) }).await?;
    expect("the input given out", &world.complete_one(host).await?.input, &input)?;
    expect("the input kept", &world.job(job).await?.input, &input)
}

async fn atomic(world: World) -> Checked {
    let task = world.task("atomic").await?;
    let host = world.host().await?;
    let good = job(&task);
    let bad = NewJob { task: Id::new(), ..job(&task) };
    let jobs = vec![good.clone(), bad];
    let request = AcceptJobs { jobs, atomic: true, claim_for: None, max_waiting: None };
    fails(world.stores.jobs.accept(request).await, Code::Invalid)?;
    fails(world.stores.jobs.get(Key::Id(good.id)).await, Code::NotFound)?;
    expect("what is given out", world.claimed_ids(host, 10).await?, Vec::new())
}

async fn not_atomic(world: World) -> Checked {
    let task = world.task("partly").await?;
    let host = world.host().await?;
    let good = [job(&task), job(&task)];
    let bad = NewJob { task: Id::new(), ..job(&task) };
    let answers = world.accept(vec![good[0].clone(), bad, good[1].clone()]).await?;
    let [Acceptance::Accepted { .. }, Acceptance::Refused(error), Acceptance::Accepted { .. }] =
        answers.as_slice()
    else {
        return Err(format!("it was answered with {answers:?}"));
    };
    expect("the refusal", error.code, Code::Invalid)?;
    expect("what is given out", world.claimed_ids(host, 10).await?, good.map(|job| job.id).to_vec())
}

async fn bad_tasks(world: World) -> Checked {
    let disabled = world.task("disabled").await?;
    succeeds(world.stores.tasks.enable(disabled.id.into(), false).await)?;
    let removed = world.task("removed").await?;
    succeeds(world.stores.tasks.remove(removed.id.into()).await)?;
    let needy = NewJob { depends_on: vec![Id::new()], ..job(&world.task("needy").await?) };
    for (job, code) in
        [(job(&disabled), Code::Conflict), (job(&removed), Code::Invalid), (needy, Code::Invalid)]
    {
        match world.accept(vec![job]).await?.as_slice() {
            [Acceptance::Refused(error)] => expect("the refusal", error.code, code)?,
            other => return Err(format!("it was answered with {other:?}; `{code}` is right")),
        }
    }
    Ok(())
}

fn keyed(job: NewJob, fingerprint: &str, window_ms: Option<u64>) -> NewJob {
    let fingerprint = Some(fingerprint.to_owned());
    NewJob { unique: Some(Uniqueness { key: "order-42".into(), window_ms, fingerprint }), ..job }
}

/// Accepts a job that has to be a duplicate of another.
async fn is_duplicate(world: &World, new: NewJob, of: Id) -> Checked {
    expect("the answer", world.accept(vec![new]).await?, vec![Acceptance::Duplicate(of)])
}

async fn unique(world: World) -> Checked {
    let task = world.task("unique").await?;
    let host = world.host().await?;
    let twins = vec![keyed(job(&task), "a", None), keyed(job(&task), "a", None)];
    let first = twins[0].id;
    let answers = world.accept(twins).await?;
    expect("the second answer of a batch", &answers[1], &Acceptance::Duplicate(first))?;
    is_duplicate(&world, keyed(job(&task), "a", None), first).await?;
    match world.accept(vec![keyed(job(&task), "b", None)]).await?.as_slice() {
        [Acceptance::Refused(error)] => expect("the refusal", error.code, Code::Conflict)?,
        other => return Err(format!("another request under that key: {other:?}")),
    }
    expect("what is given out", world.claimed_ids(host, 10).await?, vec![first])?;
    is_duplicate(&world, keyed(job(&task), "a", None), first).await
}

async fn key_ends(world: World) -> Checked {
    let task = world.task("key-ends").await?;
    let host = world.host().await?;
    for verdict in [done(), failure()] {
        let job = world.add(keyed(job(&task), "a", None)).await?;
        let claimed = world.claim_one(host).await?;
        expect("the job given out", claimed.job, job)?;
        world.settle(host, &claimed, verdict).await?;
    }
    let cancelled = world.add(keyed(job(&task), "a", None)).await?;
    succeeds(world.stores.jobs.cancel(Key::Id(cancelled), None).await)?;
    world.add(keyed(job(&task), "b", None)).await.map(drop)
}

async fn key_window(world: World) -> Checked {
    let task = world.task("key-window").await?;
    let host = world.host().await?;
    let first = world.add(keyed(job(&task), "a", Some(60_000))).await?;
    world.complete_one(host).await?;
    world.pass_ms(50_000);
    is_duplicate(&world, keyed(job(&task), "a", Some(60_000)), first).await?;
    world.pass_ms(11_000);
    world.add(keyed(job(&task), "a", Some(60_000))).await.map(drop)
}

async fn full(world: World) -> Checked {
    let task = world.task("full").await?;
    let jobs = || (0..3).map(|_| job(&task)).collect::<Vec<_>>();
    let request = AcceptJobs { jobs: jobs(), atomic: true, claim_for: None, max_waiting: Some(2) };
    fails(world.stores.jobs.accept(request).await, Code::LimitExceeded)?;
    let request = AcceptJobs { jobs: jobs(), atomic: false, claim_for: None, max_waiting: Some(2) };
    let answers = succeeds(world.stores.jobs.accept(request).await)?;
    let accepted = answers.iter().filter(|it| matches!(it, Acceptance::Accepted { .. })).count();
    let full = |answer: &&Acceptance| {
        matches!(answer, Acceptance::Refused(error)
            if error.code == Code::LimitExceeded && error.reason.as_deref() == Some("queue.full"))
    };
    expect("accepted and refused", (accepted, answers.iter().filter(full).count()), (2, 1))?;
    let host = world.host().await?;
    expect("what is given out", world.claim(host, 10).await?.len(), 2)?;
    let request =
        AcceptJobs { jobs: vec![job(&task)], atomic: true, claim_for: None, max_waiting: Some(2) };
    succeeds(world.stores.jobs.accept(request).await).map(drop)
}

async fn claim_for(world: World) -> Checked {
    let task = world.task("room").await?;
    let host = world.host().await?;
    let (now, later) = (job(&task), NewJob { delay_ms: 60_000, ..job(&task) });
    let jobs = vec![now.clone(), later];
    let request = AcceptJobs { jobs, atomic: false, claim_for: Some(host), max_waiting: None };
    let answers = succeeds(world.stores.jobs.accept(request).await)?;
    let [
        Acceptance::Accepted { claim: Some(claim), execution, .. },
        Acceptance::Accepted { claim: None, .. },
    ] = answers.as_slice()
    else {
        return Err(format!("it was answered with {answers:?}"));
    };
    expect("the claim", (claim.job, claim.execution, claim.attempt), (now.id, *execution, 1))?;
    let had = world.job(now.id).await?;
    expect("its status", (had.status, had.host), (JobStatus::Processing, Some(host)))?;
    expect("what else is given out", world.claimed_ids(host, 10).await?, Vec::new())?;
    world.settle(host, claim, done()).await?;
    expect("its status", world.job(now.id).await?.status, JobStatus::Completed)
}

async fn keys(world: World) -> Checked {
    let task = world.task("keys").await?;
    let host = world.host().await?;
    let id = world.add(job(&task)).await?;
    let number = world.job(id).await?.number;
    expect("its id", succeeds(world.stores.jobs.get(Key::Number(number)).await)?.id, id)?;
    world.complete_one(host).await?;
    expect("its id", succeeds(world.stores.jobs.get(Key::Number(number)).await)?.id, id)?;
    fails(world.stores.jobs.get(Key::Number(number + 1)).await, Code::NotFound)?;
    fails(world.stores.jobs.get(Key::Id(Id::new())).await, Code::NotFound)?;
    fails(world.stores.jobs.get(Key::Name("keys".into())).await, Code::NotFound)
}
