//! What every store of schedules must do.

use std::time::Duration;

use ratchet_plugin_api::Code;
use ratchet_plugin_api::model::{
    CatchUp, FilterOp, Id, JobStatus, Json, Key, ListQuery, NewJob, Overlap, Schedule,
    ScheduleSpec, Task, Timestamp, Timing,
};
use ratchet_plugin_api::services::{Acceptance, FireSchedule};

use super::world::{Checked, World, job};
use super::{MakeStores, Report, expect, fails, succeeds};

/// Checks a store of schedules; `make` is called for a database of its own for each check.
///
/// # Panics
/// Outside of a tokio runtime.
pub async fn schedule_store(make: MakeStores) -> Report {
    let mut report = Report::new("ratchet.schedule-store");
    report.on(&make, "keeps and finds schedules", keeps).await;
    report.on(&make, "says what is due, and when the next is", due).await;
    report.on(&make, "fires each time once", fires).await;
    report.on(&make, "keeps that a time was left out", left_out).await;
    report.on(&make, "cancels earlier jobs with a firing", replaces).await;
    report.on(&make, "filters schedules", filters).await;
    report
}

fn spec(task: &Task, name: &str) -> ScheduleSpec {
    ScheduleSpec {
        name: name.to_owned(),
        description: None,
        task: task.id,
        input: Json::from_trusted("{}"),
        timing: Timing::Cron("*/5 * * * *".into()),
        timezone: "UTC".into(),
        enabled: true,
        priority: None,
        max_runs: None,
        catch_up: CatchUp::Once,
        overlap: Overlap::Allow,
        outputs: Vec::new(),
        metadata: Json::from_trusted("{}"),
    }
}

async fn in_s(world: &World, seconds: u64) -> Result<Timestamp, String> {
    let now = succeeds(world.stores.schedules.now().await)?;
    Ok(now.after(Duration::from_secs(seconds)))
}

async fn create(world: &World, spec: ScheduleSpec, in_seconds: u64) -> Result<Schedule, String> {
    let next = Some(in_s(world, in_seconds).await?);
    succeeds(world.stores.schedules.create(spec, next).await)
}

async fn keeps(world: World) -> Checked {
    let task = world.task("keeps").await?;
    let store = &world.stores.schedules;
    let kept = create(&world, spec(&task, "nightly"), 60).await?;
    expect("its task's name", kept.task_name.as_str(), "keeps")?;
    for key in [Key::Id(kept.id), Key::Number(kept.number), Key::Name("nightly".into())] {
        expect("the schedule", &succeeds(store.get(key).await)?, &kept)?;
    }
    fails(store.get(Key::Name("nightyl".into())).await, Code::NotFound)?;
    fails(store.create(spec(&task, "nightly"), None).await, Code::Conflict)?;
    let nowhere = ScheduleSpec { task: Id::new(), ..spec(&task, "nowhere") };
    fails(store.create(nowhere, None).await, Code::NotFound)?;
    let other = create(&world, spec(&task, "other"), 60).await?;
    fails(store.update(other.id.into(), spec(&task, "nightly"), None).await, Code::Conflict)?;
    let renamed = succeeds(store.update(other.id.into(), spec(&task, "weekly"), None).await)?;
    expect("its next time", renamed.next_run_at, None)?;
    expect("its name", renamed.spec.name.as_str(), "weekly")?;
    succeeds(store.remove(kept.id.into()).await)?;
    fails(store.get(kept.id.into()).await, Code::NotFound)
}

async fn due(world: World) -> Checked {
    let task = world.task("due").await?;
    let later = create(&world, spec(&task, "later"), 120).await?;
    let sooner = create(&world, spec(&task, "sooner"), 60).await?;
    let off = ScheduleSpec { enabled: false, ..spec(&task, "off") };
    create(&world, off, 1).await?;
    let store = &world.stores.schedules;
    let early = succeeds(store.due(10).await)?;
    expect("what is due", early.schedules.len(), 0)?;
    expect("when the next is", early.next_at, sooner.next_run_at)?;
    world.pass_ms(61_000);
    let due = succeeds(store.due(10).await)?;
    let ids: Vec<Id> = due.schedules.iter().map(|schedule| schedule.id).collect();
    expect("what is due", (ids, due.next_at), (vec![sooner.id], later.next_run_at))?;
    world.pass_ms(60_000);
    let due = succeeds(store.due(10).await)?;
    let ids: Vec<Id> = due.schedules.iter().map(|schedule| schedule.id).collect();
    expect("what is due, the longest first", ids, vec![sooner.id, later.id])
}

/// One firing of a schedule as it was seen.
fn firing(schedule: &Schedule, seen: Timestamp, jobs: Vec<NewJob>) -> FireSchedule {
    FireSchedule {
        schedule: schedule.id,
        seen,
        next: Some(seen.after(Duration::from_secs(300))),
        last: seen,
        jobs,
        cancel: Vec::new(),
    }
}

async fn fires(world: World) -> Checked {
    let task = world.task("fires").await?;
    let host = world.host().await?;
    let schedule = create(&world, spec(&task, "fires"), 0).await?;
    let Some(seen) = schedule.next_run_at else {
        return Err("it is never due".to_owned());
    };
    let new = || NewJob { schedule: Some(schedule.id), ..job(&task) };
    let store = &world.stores.schedules;
    let (first, second) = (new(), new());
    let id = first.id;
    match succeeds(store.fire(firing(&schedule, seen, vec![first])).await)?.as_deref() {
        Some([Acceptance::Accepted { .. }]) => {}
        other => return Err(format!("the first firing was answered with {other:?}")),
    }
    let again = succeeds(store.fire(firing(&schedule, seen, vec![second])).await)?;
    expect("the second firing", again, None)?;
    let after = succeeds(store.get(schedule.id.into()).await)?;
    expect("its next time", after.next_run_at, Some(seen.after(Duration::from_secs(300))))?;
    expect("its last time", (after.last_run_at, after.last_job), (Some(seen), Some(id)))?;
    expect("its runs", after.runs, 1)?;
    expect("its jobs", succeeds(store.open_jobs(schedule.id).await)?, vec![id])?;
    expect("what is given out", world.complete_one(host).await?.job, id)?;
    expect("its jobs then", succeeds(store.open_jobs(schedule.id).await)?, Vec::new())
}

async fn left_out(world: World) -> Checked {
    let task = world.task("left-out").await?;
    let schedule = create(&world, spec(&task, "left-out"), 0).await?;
    let seen = schedule.next_run_at.ok_or("it is never due")?;
    let last = FireSchedule { next: None, ..firing(&schedule, seen, Vec::new()) };
    let store = &world.stores.schedules;
    expect("the answer", succeeds(store.fire(last.clone()).await)?, Some(Vec::new()))?;
    expect("the answer to a repeat", succeeds(store.fire(last).await)?, None)?;
    let after = succeeds(store.get(schedule.id.into()).await)?;
    expect("its times", (after.next_run_at, after.last_run_at), (None, Some(seen)))?;
    expect("its runs", after.runs, 0)
}

async fn replaces(world: World) -> Checked {
    let task = world.task("replaces").await?;
    let schedule = create(&world, spec(&task, "replaces"), 0).await?;
    let seen = schedule.next_run_at.ok_or("it is never due")?;
    let new = || NewJob { schedule: Some(schedule.id), ..job(&task) };
    let store = &world.stores.schedules;
    let (first, second) = (new(), new());
    let old = first.id;
    succeeds(store.fire(firing(&schedule, seen, vec![first])).await)?;
    let next = seen.after(Duration::from_secs(300));
    let replace = FireSchedule { cancel: vec![old], ..firing(&schedule, next, vec![second]) };
    succeeds(store.fire(replace).await)?;
    expect("the old job's status", world.job(old).await?.status, JobStatus::Cancelled)?;
    expect("its jobs", succeeds(store.open_jobs(schedule.id).await)?.len(), 1)
}

async fn filters(world: World) -> Checked {
    let task = world.task("filters").await?;
    let one = create(&world, spec(&task, "Hourly"), 0).await?;
    world.pass_ms(1_000);
    let timing = Timing::EveryMs(60_000);
    let off = ScheduleSpec { enabled: false, timing, ..spec(&task, "backup") };
    let two = succeeds(world.stores.schedules.create(off, None).await)?;
    for (field, op, value, wanted) in [
        ("name", FilterOp::Contains, "hour", one.id),
        ("enabled", FilterOp::Eq, "false", two.id),
        ("has_next_run", FilterOp::Eq, "true", one.id),
        ("is_due", FilterOp::Eq, "true", one.id),
        ("cron_expression", FilterOp::Eq, "*/5 * * * *", one.id),
        ("created_at", FilterOp::Gt, &one.created_at.to_string(), two.id),
    ] {
        let query = ListQuery::default().filter(field, op, value);
        let found = succeeds(world.stores.schedules.list(query).await)?;
        let ids: Vec<Id> = found.items.iter().map(|schedule| schedule.id).collect();
        expect(&format!("schedules with {field} {op} {value}"), ids, vec![wanted])?;
    }
    let wrong = ListQuery::default().sort_by("nam", false);
    fails(world.stores.schedules.list(wrong).await, Code::Invalid)
}
