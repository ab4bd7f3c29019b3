//! What every store of executions must do.

use ratchet_plugin_api::Code;
use ratchet_plugin_api::model::{
    ExecutionStatus, FilterOp, Id, Json, Key, ListQuery, LogLevel, LogLine, NewResult, Progress,
    Timestamp,
};
use ratchet_plugin_api::services::Settlement;

use super::world::{Checked, World, done, failure, job, retry, settlement};
use super::{MakeStores, Report, expect, fails, succeeds};

/// Checks a store of executions; `make` is called for a database of its own for each check.
///
/// # Panics
/// Outside of a tokio runtime.
pub async fn execution_store(make: MakeStores) -> Report {
    let mut report = Report::new("ratchet.execution-store");
    report.on(&make, "shows an execution through its whole life", life).await;
    report.on(&make, "shows every attempt of a job", attempts).await;
    report.on(&make, "keeps lines of log in order, and none twice", logs).await;
    report.on(&make, "takes no more lines when an execution has ended", late_logs).await;
    report.on(&make, "keeps how far an execution is", progress).await;
    report.on(&make, "filters executions", filters).await;
    report.on(&make, "keeps results that came about elsewhere", record).await;
    report.on(&make, "removes what has ended", remove).await;
    report.on(&make, "counts executions", stats).await;
    report
}

async fn life(world: World) -> Checked {
    let task = world.task("life").await?;
    let host = world.host().await?;
    let id = world.add(job(&task)).await?;
    let execution = Key::Id(world.job(id).await?.execution);
    let get = async || succeeds(world.stores.executions.get(execution.clone()).await);
    let pending = get().await?;
    expect("its status", (pending.status, pending.attempt), (ExecutionStatus::Pending, 1))?;
    expect("its times", (pending.started_at, pending.finished_at), (None, None))?;
    expect("its task", pending.task_name.as_str(), "life")?;
    let claimed = world.claim_one(host).await?;
    let running = get().await?;
    expect("its status", (running.status, running.host), (ExecutionStatus::Running, Some(host)))?;
    expect("whether it says when it began", running.started_at.is_some(), true)?;
    world.settle(host, &claimed, done()).await?;
    let ended = get().await?;
    expect(
        "its status",
        (ended.status, ended.number),
        (ExecutionStatus::Completed, pending.number),
    )?;
    expect("its job and input", (ended.job, &ended.input), (Some(id), &claimed.input))?;
    let found = succeeds(world.stores.executions.get(Key::Number(ended.number)).await)?;
    expect("the one of its number", found.id, ended.id)?;
    fails(world.stores.executions.get(Key::Id(Id::new())).await, Code::NotFound)
}

async fn attempts(world: World) -> Checked {
    let task = world.task("attempts").await?;
    let host = world.host().await?;
    let id = world.add(job(&task)).await?;
    for verdict in [retry(0), retry(0), done()] {
        let claimed = world.claim_one(host).await?;
        world.settle(host, &claimed, verdict).await?;
    }
    let query = ListQuery::default().filter("job", FilterOp::Eq, id).sort_by("attempt", false);
    let found = succeeds(world.stores.executions.list(query).await)?;
    let seen: Vec<_> = found.items.iter().map(|it| (it.attempt, it.status)).collect();
    let (failed, completed) = (ExecutionStatus::Failed, ExecutionStatus::Completed);
    expect("its attempts", seen, vec![(1, failed), (2, failed), (3, completed)])
}

fn line(number: u32) -> LogLine {
    let time = Timestamp::from_microseconds(1_764_000_000_000_000 + i64::from(number));
    LogLine { time, level: LogLevel::Info, message: format!("line {number}") }
}

async fn logs(world: World) -> Checked {
    let task = world.task("logs").await?;
    let host = world.host().await?;
    world.add(job(&task)).await?;
    let claimed = world.claim_one(host).await?;
    let store = &world.stores.executions;
    let append = async |from: u32, to: u32| {
        let lines = (from..to).map(line).collect();
        succeeds(store.append_logs(claimed.execution, from.into(), lines).await)
    };
    append(0, 3).await?;
    append(0, 3).await?;
    append(2, 5).await?;
    let read =
        async |from, limit| succeeds(store.logs(claimed.execution.into(), from, limit).await);
    let page = read(1, 2).await?;
    expect("a page", (page.lines, page.next, page.ended), (vec![line(1), line(2)], 3, false))?;
    expect("a page after the end", read(5, 10).await?.lines, Vec::new())?;
    let settlement = Settlement {
        logs: (5..7).map(line).collect(),
        logs_dropped: 2,
        ..settlement(host, &claimed, done())
    };
    world.settle_with(settlement).await?;
    let all = read(0, 100).await?;
    expect("the whole log", all.lines, (0..7).map(line).collect())?;
    expect("where it ends", (all.next, all.ended, all.dropped), (7, true, 2))
}

async fn late_logs(world: World) -> Checked {
    let task = world.task("late-logs").await?;
    let host = world.host().await?;
    world.add(job(&task)).await?;
    let claimed = world.complete_one(host).await?;
    let store = &world.stores.executions;
    // Either is right: what matters is that what has ended is not changed.
    let _ = store.append_logs(claimed.execution, 0, vec![line(0)]).await;
    let page = succeeds(store.logs(claimed.execution.into(), 0, 10).await)?;
    expect("the log", page.lines, Vec::new())?;
    fails(store.append_logs(Id::new(), 0, vec![line(0)]).await, Code::NotFound)?;
    fails(store.logs(Key::Id(Id::new()), 0, 10).await, Code::NotFound)
}

async fn progress(world: World) -> Checked {
    let task = world.task("progress").await?;
    let host = world.host().await?;
    world.add(job(&task)).await?;
    let claimed = world.claim_one(host).await?;
    let half = Progress { fraction: 0.5, message: Some("half".into()) };
    succeeds(world.stores.executions.progress(claimed.execution, half.clone()).await)?;
    let running = succeeds(world.stores.executions.get(claimed.execution.into()).await)?;
    expect("its progress", running.progress, Some(half.clone()))?;
    world.settle(host, &claimed, done()).await?;
    let ended = succeeds(world.stores.executions.get(claimed.execution.into()).await)?;
    expect("its progress after the end", ended.progress, Some(half))
}

async fn filters(world: World) -> Checked {
    let task = world.task("filters").await?;
    let host = world.host().await?;
    let mut ids = Vec::new();
    for (verdict, duration_us) in [(Some(done()), 1_000), (Some(failure()), 5_000_000), (None, 0)] {
        world.add(job(&task)).await?;
        let claimed = world.claim_one(host).await?;
        ids.push(claimed.execution);
        if let Some(verdict) = verdict {
            let settlement = Settlement { duration_us, ..settlement(host, &claimed, verdict) };
            world.settle_with(settlement).await?;
        }
    }
    for (field, op, value, wanted) in [
        ("status", FilterOp::Eq, "completed", &ids[..1]),
        ("status", FilterOp::In, "running", &ids[2..]),
        ("duration_ms", FilterOp::Gte, "1000", &ids[1..2]),
        ("duration_ms", FilterOp::Lt, "2", &ids[..1]),
        ("has_error", FilterOp::Eq, "true", &ids[1..2]),
        ("error_class", FilterOp::Eq, "TypeError", &ids[1..2]),
        ("error_message", FilterOp::Contains, "NUMBER", &ids[1..2]),
        ("can_retry", FilterOp::Eq, "true", &ids[1..2]),
        ("can_cancel", FilterOp::Eq, "true", &ids[2..]),
        ("has_progress", FilterOp::Eq, "false", &ids[..]),
        ("task_name", FilterOp::Eq, "filters", &ids[..]),
    ] {
        let query = ListQuery::default().filter(field, op, value);
        let found = succeeds(world.stores.executions.list(query).await)?;
        let found: Vec<Id> = found.items.iter().map(|it| it.id).collect();
        expect(&format!("executions with {field} {op} {value}"), found, wanted.to_vec())?;
    }
    let wrong = ListQuery::default().filter("sttaus", FilterOp::Eq, "completed");
    fails(world.stores.executions.list(wrong).await, Code::Invalid)
}

async fn record(world: World) -> Checked {
    let task = world.task("record").await?;
    let result = NewResult {
        task: task.id,
        input: Json::from_trusted("1"),
        status: ExecutionStatus::Completed,
        output: Some(Json::from_trusted("2")),
        error: None,
        http: Vec::new(),
        duration_us: Some(2_000),
        metadata: Json::from_trusted("{}"),
    };
    let kept = succeeds(world.stores.executions.record(result.clone()).await)?;
    expect("its job and output", (kept.job, &kept.output), (None, &result.output))?;
    let found = succeeds(world.stores.executions.get(kept.id.into()).await)?;
    expect("what is kept", &found, &kept)?;
    let running = NewResult { status: ExecutionStatus::Running, ..result.clone() };
    fails(world.stores.executions.record(running).await, Code::Invalid)?;
    let unknown = NewResult { task: Id::new(), ..result };
    fails(world.stores.executions.record(unknown).await, Code::NotFound)
}

async fn remove(world: World) -> Checked {
    let task = world.task("remove").await?;
    let host = world.host().await?;
    world.add(job(&task)).await?;
    let claimed = world.claim_one(host).await?;
    let key = Key::Id(claimed.execution);
    fails(world.stores.executions.remove(key.clone()).await, Code::Conflict)?;
    world.settle(host, &claimed, done()).await?;
    succeeds(world.stores.executions.remove(key.clone()).await)?;
    fails(world.stores.executions.get(key).await, Code::NotFound)
}

async fn stats(world: World) -> Checked {
    let task = world.task("stats").await?;
    let host = world.host().await?;
    for verdict in [Some(done()), Some(failure()), Some(done()), Some(done()), None] {
        world.add(job(&task)).await?;
        let claimed = world.claim_one(host).await?;
        if let Some(verdict) = verdict {
            let duration_us = 2_000;
            let settlement = Settlement { duration_us, ..settlement(host, &claimed, verdict) };
            world.settle_with(settlement).await?;
        }
    }
    world.add(job(&task)).await?;
    let stats = succeeds(world.stores.executions.stats().await)?;
    let seen = (stats.pending, stats.running, stats.completed, stats.failed, stats.cancelled);
    expect("the counts", seen, (1, 1, 3, 1, 0))?;
    expect("those of 24 hours", stats.last_24h, 4)?;
    expect("the success rate", stats.success_rate, Some(0.75))?;
    expect("the average duration", stats.average_duration_ms, Some(2.0))
}
