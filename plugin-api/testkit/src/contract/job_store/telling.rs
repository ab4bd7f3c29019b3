//! Lists, counts, situations and changes.

use ratchet_plugin_api::Code;
use ratchet_plugin_api::model::{
    Filter, FilterOp, Hold, Id, Job, JobStatus, Key, ListQuery, NewJob, Pause, Priority,
};
use ratchet_plugin_api::services::Change;

use crate::contract::world::{Checked, World, done, failure, job, retry};
use crate::contract::{MakeStores, Report, expect, fails, succeeds};

pub(super) async fn check(report: &mut Report, make: &MakeStores) {
    report.on(make, "counts jobs by status, priority and hold", stats).await;
    report.on(make, "lists jobs in pages that never overlap", pages).await;
    report.on(make, "filters jobs by every field", filters).await;
    report.on(make, "sorts jobs, nothing last", sorting).await;
    report.on(make, "refuses fields and values that do not exist", bad_queries).await;
    report.on(make, "tells everything that bears on why a job waits", situation).await;
    report.on(make, "tells when jobs are ready, cancelled and ended", changes).await;
}

async fn stats(world: World) -> Checked {
    let task = world.task("stats").await?;
    let host = world.host().await?;
    for verdict in [Some(done()), Some(done()), Some(failure()), Some(retry(60_000)), None] {
        world.add(job(&task)).await?;
        let claimed = world.claim_one(host).await?;
        if let Some(verdict) = verdict {
            world.settle(host, &claimed, verdict).await?;
        }
    }
    let cancelled = world.add(job(&task)).await?;
    succeeds(world.stores.jobs.cancel(Key::Id(cancelled), None).await)?;
    world.add(NewJob { priority: Priority::Low, ..job(&task) }).await?;
    world.add(NewJob { priority: Priority::Low, delay_ms: 60_000, ..job(&task) }).await?;
    let stats = succeeds(world.stores.jobs.stats().await)?;
    expect("queued", stats.queued, 2)?;
    expect("processing", stats.processing, 1)?;
    expect("retrying", stats.retrying, 1)?;
    expect("completed", stats.completed, 2)?;
    expect("failed", stats.failed, 1)?;
    expect("cancelled", stats.cancelled, 1)?;
    expect("accepted in 24 hours", stats.last_24h, 8)?;
    let count = |counts: &std::collections::BTreeMap<String, u64>, name: &str| {
        counts.get(name).copied().unwrap_or_default()
    };
    let low = count(&stats.waiting_by_priority, Priority::Low.as_str());
    let normal = count(&stats.waiting_by_priority, Priority::Normal.as_str());
    expect("waiting by priority", (low, normal), (2, 1))?;
    let ready = count(&stats.waiting_by_hold, Hold::None.as_str());
    let delayed = count(&stats.waiting_by_hold, Hold::NotBefore.as_str());
    expect("waiting by hold", (ready, delayed), (1, 2))?;
    expect("whether it knows how long jobs wait", stats.average_wait_ms.is_some(), true)?;
    expect("whether it knows the longest wait", stats.longest_wait_ms.is_some(), true)
}

async fn pages(world: World) -> Checked {
    let task = world.task("pages").await?;
    let host = world.host().await?;
    let mut ids = Vec::new();
    for place in 0..7 {
        ids.push(world.add(job(&task)).await?);
        if place % 2 == 0 {
            world.complete_one(host).await?;
        } else {
            world.claim_one(host).await?;
        }
    }
    let mut found = Vec::new();
    for offset in [0, 3, 6, 9] {
        let query = ListQuery { offset, limit: 3, ..ListQuery::default() };
        let page = succeeds(world.stores.jobs.list(query.sort_by("task", false)).await)?;
        expect("the total", page.total, Some(7))?;
        found.extend(page.items.into_iter().map(|job| job.id));
    }
    expect("all pages together", found, ids)?;
    let query = ListQuery { count: false, ..ListQuery::default() };
    expect("a total nobody asked for", succeeds(world.stores.jobs.list(query).await)?.total, None)
}

/// The jobs the filters are tried on: one completed, one failed, one delayed, one ready.
async fn sample(world: &World) -> Result<Vec<Job>, String> {
    let (task, other) = (world.task("addition").await?, world.task("Weather_100%").await?);
    let host = world.host().await?;
    let mut ids = Vec::new();
    for (task, verdict) in [(&task, done()), (&other, failure())] {
        ids.push(world.add(job(task)).await?);
        let claimed = world.claim_one(host).await?;
        world.settle(host, &claimed, verdict).await?;
        world.pass_ms(1_000);
    }
    let batch = Some(Id::new());
    let delayed = NewJob { delay_ms: 60_000, batch, priority: Priority::Low, ..job(&task) };
    ids.push(world.add(delayed).await?);
    world.pass_ms(1_000);
    ids.push(world.add(NewJob { priority: Priority::High, ..job(&task) }).await?);
    let mut jobs = Vec::new();
    for id in ids {
        jobs.push(world.job(id).await?);
    }
    Ok(jobs)
}

async fn filters(world: World) -> Checked {
    let jobs = sample(&world).await?;
    let at = |place: usize| jobs[place].queued_at.to_string();
    let (task, batch) = (jobs[1].task.to_string(), jobs[2].batch.map(|id| id.to_string()));
    let (id, number) = (jobs[0].id.to_string(), jobs[2].number.to_string());
    let cases: Vec<(&str, FilterOp, Vec<&str>, &[usize])> = vec![
        ("id", FilterOp::Eq, vec![&id], &[0]),
        ("id", FilterOp::Ne, vec![&id], &[1, 2, 3]),
        ("number", FilterOp::Gte, vec![&number], &[2, 3]),
        ("number", FilterOp::NotIn, vec![&number], &[0, 1, 3]),
        ("task", FilterOp::Eq, vec![&task], &[1]),
        ("task_name", FilterOp::Eq, vec!["addition"], &[0, 2, 3]),
        ("task_name", FilterOp::Eq, vec!["Addition"], &[]),
        ("task_name", FilterOp::Contains, vec!["ADD"], &[0, 2, 3]),
        ("task_name", FilterOp::Contains, vec!["%"], &[1]),
        ("task_name", FilterOp::Contains, vec!["r_1"], &[1]),
        ("task_name", FilterOp::Contains, vec!["r_0"], &[]),
        ("task_name", FilterOp::StartsWith, vec!["weather"], &[1]),
        ("task_name", FilterOp::EndsWith, vec!["ion"], &[0, 2, 3]),
        ("status", FilterOp::Eq, vec!["COMPLETED"], &[0]),
        ("status", FilterOp::In, vec!["failed", "queued"], &[1, 2, 3]),
        ("status", FilterOp::Ne, vec!["queued"], &[0, 1]),
        ("status", FilterOp::In, vec![], &[]),
        ("status", FilterOp::NotIn, vec![], &[0, 1, 2, 3]),
        ("hold", FilterOp::Eq, vec!["not_before"], &[2]),
        ("priority", FilterOp::Gte, vec!["high"], &[3]),
        ("priority", FilterOp::Lt, vec!["normal"], &[2]),
        ("batch", FilterOp::Eq, vec![batch.as_deref().unwrap_or_default()], &[2]),
        ("has_error", FilterOp::Eq, vec!["true"], &[1]),
        ("error_message", FilterOp::Contains, vec!["Number"], &[1]),
        ("error_message", FilterOp::Ne, vec!["no number"], &[0, 2, 3]),
        ("attempt", FilterOp::Gt, vec!["0"], &[0, 1]),
        ("max_retries", FilterOp::Lte, vec!["3"], &[0, 1, 2, 3]),
        ("is_scheduled", FilterOp::Eq, vec!["true"], &[]),
        ("due_now", FilterOp::Eq, vec!["true"], &[3]),
        ("has_retries_remaining", FilterOp::Eq, vec!["true"], &[0, 1, 2, 3]),
    ];
    let (second, third) = (at(1), at(2));
    let times: Vec<(&str, FilterOp, Vec<&str>, &[usize])> = vec![
        ("queued_at", FilterOp::Gt, vec![&second], &[2, 3]),
        ("queued_at", FilterOp::Lte, vec![&third], &[0, 1, 2]),
        ("finished_at", FilterOp::Lt, vec![&third], &[0, 1]),
    ];
    for (field, op, values, wanted) in cases.into_iter().chain(times) {
        let values: Vec<String> = values.into_iter().map(str::to_owned).collect();
        let shown = format!("jobs with {field} {op} {}", values.join(","));
        let filters = vec![Filter { field: field.into(), op, values }];
        let query = ListQuery { filters, ..ListQuery::default() };
        let found = succeeds(world.stores.jobs.list(query).await)
            .map_err(|why| format!("{shown}: {why}"))?;
        let wanted: Vec<i64> = wanted.iter().map(|place| jobs[*place].number).collect();
        let numbers: Vec<i64> = found.items.iter().map(|job| job.number).collect();
        expect(&format!("the total of {shown}"), found.total, Some(wanted.len() as u64))?;
        expect(&shown, numbers, wanted)?;
    }
    Ok(())
}

async fn sorting(world: World) -> Checked {
    let jobs = sample(&world).await?;
    for (field, descending, wanted) in [
        ("number", true, [3, 2, 1, 0]),
        ("finished_at", false, [0, 1, 2, 3]),
        ("finished_at", true, [1, 0, 3, 2]),
        ("priority", false, [2, 0, 1, 3]),
        ("priority", true, [3, 1, 0, 2]),
        ("run_at", true, [2, 3, 1, 0]),
    ] {
        let query = ListQuery::default().sort_by(field, descending);
        let found = succeeds(world.stores.jobs.list(query).await)?;
        let numbers: Vec<i64> = found.items.iter().map(|job| job.number).collect();
        let wanted: Vec<i64> = wanted.iter().map(|place| jobs[*place].number).collect();
        expect(&format!("the order by {field}, descending {descending},"), numbers, wanted)?;
    }
    Ok(())
}

async fn bad_queries(world: World) -> Checked {
    for (field, op, value) in [
        ("statsu", FilterOp::Eq, "queued"),
        ("status", FilterOp::Eq, "qeued"),
        ("number", FilterOp::Eq, "many"),
        ("queued_at", FilterOp::Gt, "yesterday"),
        ("id", FilterOp::Eq, "forty-two"),
        ("has_error", FilterOp::Eq, "perhaps"),
        ("status", FilterOp::Contains, "que"),
    ] {
        let query = ListQuery::default().filter(field, op, value);
        let shown = format!("{field} {op} {value}");
        fails(world.stores.jobs.list(query).await, Code::Invalid)
            .map_err(|why| format!("{shown}: {why}"))?;
    }
    let query = ListQuery::default().sort_by("numbr", false);
    let sorted = world.stores.jobs.list(query).await;
    let message = sorted.as_ref().err().map(|error| error.message.clone()).unwrap_or_default();
    fails(sorted, Code::Invalid)?;
    expect("whether it names the nearest field", message.contains("`number`"), true)
}

async fn situation(world: World) -> Checked {
    let task = world.task("situation").await?;
    let first = world.add(job(&task)).await?;
    world.pass_ms(1);
    let second = world.add(job(&task)).await?;
    let third = world.add(NewJob { depends_on: vec![first], ..job(&task) }).await?;
    let host = world.host().await?;
    let ask = async |id| succeeds(world.stores.jobs.situation(Key::Id(id)).await);
    let facts = ask(second).await?;
    expect("the job", facts.job.id, second)?;
    expect("jobs ahead", facts.ahead, 1)?;
    expect("the task", (facts.task_exists, facts.task_enabled), (true, true))?;
    let hosts: Vec<Id> = facts.hosts.iter().map(|host| host.info.id).collect();
    expect("the hosts", hosts, vec![host])?;
    let needs: Vec<Id> = ask(third).await?.dependencies.iter().map(|job| job.id).collect();
    expect("the dependencies", needs, vec![first])?;
    succeeds(world.stores.jobs.pause(Some(Pause::default())).await)?;
    succeeds(world.stores.tasks.pause(task.id.into(), Some(Pause::default())).await)?;
    let facts = ask(second).await?;
    let pauses = (facts.queue_pause.is_some(), facts.task_pause.is_some());
    expect("the pauses of queue and task", pauses, (true, true))?;
    succeeds(world.stores.tasks.remove(task.id.into()).await)?;
    expect("whether the task exists", ask(second).await?.task_exists, false)?;
    fails(world.stores.jobs.situation(Key::Id(Id::new())).await, Code::NotFound)
}

async fn changes(world: World) -> Checked {
    let task = world.task("changes").await?;
    let host = world.host().await?;
    let mut changes = succeeds(world.stores.jobs.changes().await)?;
    let mut until = async |wanted: Change| loop {
        match changes.next().await {
            Some(Ok(change)) if change == wanted => return Ok(()),
            Some(Ok(_)) => {}
            other => return Err(format!("changes ended with {other:?} before {wanted:?}")),
        }
    };
    let id = world.add(job(&task)).await?;
    until(Change::Ready).await?;
    let claimed = world.claim_one(host).await?;
    succeeds(world.stores.jobs.cancel(Key::Id(id), None).await)?;
    until(Change::Cancel(claimed.execution)).await?;
    world.settle(host, &claimed, retry(0)).await?;
    expect("its status", world.job(id).await?.status, JobStatus::Cancelled)?;
    succeeds(world.stores.jobs.replay(Key::Id(id), None).await)?;
    until(Change::Ready).await
}
