//! Stores that are away, hosts that count as dead, answers that are lost.

use std::time::Duration;

use ratchet_plugin_api::model::{FailureKind, JobStatus, TaskPolicy};
use ratchet_plugin_api::services::{JobRequest, JobStore};
use serde_json::json;

use super::{World, WorldBuilder, assert_status, request};

#[tokio::test]
async fn a_result_outlasts_an_outage_and_everything_goes_on() {
    let world = World::serving().await;
    world.task("task", TaskPolicy::default()).await;
    let job = world.submit(request(json!({"wait_ms": 50}))).await.unwrap();
    world.runtime.seen.until(|seen| seen.running() == 1).await;
    world.faulty.set_away(true);
    world.runtime.seen.until(|seen| seen.running() == 0).await;
    let tried = async {
        while world.faulty.asked("settle") < 3 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), tried).await.unwrap();
    assert_status(&world.job(job.id).await, JobStatus::Processing);
    world.faulty.set_away(false);
    assert_status(&world.end(&job).await, JobStatus::Completed);
    assert_status(&world.run(request(json!({}))).await, JobStatus::Completed);
    assert_eq!(world.runtime.seen.begun(), 2, "nothing ran twice");
}

#[tokio::test]
async fn a_host_that_starts_before_its_store_finds_it() {
    let world = WorldBuilder::new().start().await;
    world.faulty.set_away(true);
    world.task("task", TaskPolicy::default()).await;
    tokio::time::sleep(Duration::from_millis(60)).await;
    world.faulty.set_away(false);
    assert_status(&world.run(request(json!({}))).await, JobStatus::Completed);
}

#[tokio::test]
async fn a_host_that_counts_as_dead_forgets_and_enters_again() {
    let world = WorldBuilder::new().config("queue", "lease_seconds", 0.6).start().await;
    world.task("task", TaskPolicy::default()).await;
    let job = world.submit(request(json!({"wait_ms": 1_000, "die": 0}))).await.unwrap();
    world.runtime.seen.until(|seen| seen.running() == 1).await;
    // The host sleeps longer than its lease, as far as the store can tell.
    world.store.advance(Duration::from_secs(5));
    world.runtime.seen.until(|seen| seen.begun() == 2).await;
    let job = world.end(&job).await;
    assert_status(&job, JobStatus::Completed);
    assert_eq!((job.attempt, job.crashes), (2, 1));
    let attempts = world.attempts(job.id).await;
    assert_eq!(attempts.len(), 2, "the first one was recorded once, as lost");
    assert_eq!(attempts[0].error.as_ref().unwrap().kind, FailureKind::WorkerLost);
}

#[tokio::test]
async fn another_host_runs_what_a_dead_one_had_and_the_dead_one_records_nothing() {
    let first = WorldBuilder::new().config("queue", "lease_seconds", 0.6).start().await;
    first.task("task", TaskPolicy::default()).await;
    let job = first.submit(request(json!({"wait_ms": 400, "returns": 1}))).await.unwrap();
    first.runtime.seen.until(|seen| seen.running() == 1).await;
    // It reaches the store no more, and goes on all the same.
    first.faulty.set_away(true);
    let second =
        WorldBuilder::new().store(&first.store).config("queue", "lease_seconds", 0.6).start().await;
    second.runtime.seen.until(|seen| seen.begun() == 1).await;
    let ended = second.end(&job).await;
    assert_status(&ended, JobStatus::Completed);
    assert_eq!((ended.attempt, ended.crashes), (2, 1));
    first.faulty.set_away(false);
    // Its late settlement is made, and changes nothing.
    let settled = async {
        let before = first.faulty.asked("renew");
        while first.faulty.asked("renew") < before + 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), settled).await.unwrap();
    assert_eq!(second.attempts(job.id).await.len(), 2);
    assert_eq!(JobStore::stats(&first.store).await.unwrap().completed, 1);
}

#[tokio::test]
async fn jobs_whose_claim_was_lost_on_the_way_are_not_lost() {
    let world = WorldBuilder::new().config("queue", "lease_seconds", 0.9).start().await;
    world.task("task", TaskPolicy::default()).await;
    world.run(request(json!({}))).await;
    world.faulty.lose_next_claim();
    let later = JobRequest { delay_ms: Some(10), ..request(json!({})) };
    let job = world.run(later).await;
    assert_status(&job, JobStatus::Completed);
    assert_eq!((job.attempt, job.crashes), (1, 0));
    assert_eq!(world.runtime.seen.begun(), 2);
}

#[tokio::test]
async fn an_idle_host_asks_next_to_nothing() {
    let world = World::serving().await;
    world.task("task", TaskPolicy::default()).await;
    world.run(request(json!({}))).await;
    let asked = || {
        ["claim", "renew", "hosts", "list", "settle", "get", "changes"]
            .map(|what| world.faulty.asked(what))
    };
    let before = asked();
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let more: u32 = asked().iter().zip(before).map(|(after, before)| after - before).sum();
    assert!(more <= 5, "{before:?} {:?}", asked());
}

#[tokio::test]
async fn a_place_whose_worker_is_lost_is_given_up_where_that_is_wanted() {
    let world = WorldBuilder::new().config("workers", "restart_on_crash", false).start().await;
    world.task("task", TaskPolicy::default()).await;
    assert_status(&world.run(request(json!({"die": 1}))).await, JobStatus::Completed);
    let slow = || request(json!({"wait_ms": 40}));
    let (first, second) =
        (world.submit(slow()).await.unwrap(), world.submit(slow()).await.unwrap());
    world.end(&first).await;
    world.end(&second).await;
    assert_eq!(world.runtime.seen.most.load(std::sync::atomic::Ordering::SeqCst), 1);
}

#[tokio::test]
async fn in_all_trouble_at_once_every_job_ends_once() {
    const JOBS: usize = 120;
    let store = ratchet_testkit::memory::MemoryStore::new();
    let world = || {
        let builder = WorldBuilder::new().store(&store).config("queue", "lease_seconds", 1.0);
        builder.config("workers", "worker_count", 3)
    };
    let (first, second) = (world().start().await, world().start().await);
    first.task("task", TaskPolicy::default()).await;
    let mut jobs = Vec::new();
    for place in 0..JOBS {
        let script = json!({
            "wait_ms": place % 7,
            "die": u32::from(place % 5 == 0),
            "fail": u32::from(place % 3 == 0),
            "unbegun": u32::from(place % 11 == 0),
        });
        let host = if place % 2 == 0 { &first } else { &second };
        match place % 40 {
            10 => first.faulty.lose_next_claim(),
            20 => second.faulty.set_away(true),
            25 => second.faulty.set_away(false),
            30 => first.faulty.set_away(true),
            35 => first.faulty.set_away(false),
            _ => {}
        }
        // One that is refused because the store is away was not accepted.
        match host.submit(request(script)).await {
            Ok(job) => jobs.push(job),
            Err(error) => assert_eq!(error.code, ratchet_plugin_api::Code::Unavailable),
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert!(jobs.len() > JOBS / 2);
    for job in &jobs {
        let job = first.end(job).await;
        assert_status(&job, JobStatus::Completed);
        let attempts = first.attempts(job.id).await;
        let completed = attempts
            .iter()
            .filter(|attempt| {
                attempt.status == ratchet_plugin_api::model::ExecutionStatus::Completed
            })
            .count();
        assert_eq!(completed, 1, "{attempts:?}");
    }
    let stats = JobStore::stats(&store).await.unwrap();
    assert_eq!((stats.queued, stats.processing, stats.retrying), (0, 0, 0));
    assert_eq!(stats.completed as usize, jobs.len());
}
