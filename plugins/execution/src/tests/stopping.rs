//! Stopping in order.

use std::time::{Duration, Instant};

use ratchet_plugin_api::model::{JobStatus, TaskPolicy};
use ratchet_plugin_api::services::JobStore;
use serde_json::json;

use super::{World, WorldBuilder, assert_status, request};

#[tokio::test]
async fn what_runs_is_waited_for_and_nothing_else_begins() {
    let world = World::serving().await;
    world.task("task", TaskPolicy::default()).await;
    let mut jobs = Vec::new();
    for _ in 0..6 {
        jobs.push(world.submit(request(json!({"wait_ms": 150}))).await.unwrap());
    }
    world.runtime.seen.until(|seen| seen.running() == 2).await;
    world.host.stop();
    world.stop(Duration::from_secs(10)).await;
    assert_eq!(world.runtime.seen.begun(), 2);
    let stats = JobStore::stats(&world.store).await.unwrap();
    assert_eq!((stats.completed, stats.queued, stats.processing), (2, 4, 0));
    assert_eq!(JobStore::hosts(&world.store).await.unwrap(), []);
}

#[tokio::test]
async fn what_does_not_end_in_time_goes_back_as_it_was() {
    let world = World::serving().await;
    world.task("task", TaskPolicy::default()).await;
    let job = world.submit(request(json!({"hang": true}))).await.unwrap();
    world.runtime.seen.until(|seen| seen.running() == 1).await;
    let begun = Instant::now();
    world.stop(Duration::from_millis(600)).await;
    assert!(begun.elapsed() < Duration::from_millis(700), "{:?}", begun.elapsed());
    assert_eq!(world.runtime.seen.running(), 0);
    let job = world.job(job.id).await;
    assert_status(&job, JobStatus::Queued);
    assert_eq!((job.attempt, job.crashes, job.host), (0, 0, None));
}

#[tokio::test]
async fn another_host_goes_on_where_one_stopped() {
    let first = World::serving().await;
    first.task("task", TaskPolicy::default()).await;
    let job = first.submit(request(json!({"hang": true}))).await.unwrap();
    first.runtime.seen.until(|seen| seen.running() == 1).await;
    let second = WorldBuilder::new().store(&first.store).start().await;
    first.stop(Duration::from_millis(200)).await;
    second.runtime.seen.until(|seen| seen.running() == 1).await;
    assert_eq!(second.job(job.id).await.attempt, 1);
}

#[tokio::test]
async fn without_the_store_stopping_ends_in_time_all_the_same() {
    let world = World::serving().await;
    world.task("task", TaskPolicy::default()).await;
    world.submit(request(json!({"hang": true}))).await.unwrap();
    world.runtime.seen.until(|seen| seen.running() == 1).await;
    world.faulty.set_away(true);
    let begun = Instant::now();
    world.stop(Duration::from_millis(600)).await;
    assert!(begun.elapsed() < Duration::from_millis(900), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn stopping_what_never_ran_is_nothing() {
    let world = WorldBuilder::new().serving(false).start().await;
    world.stop(Duration::from_secs(1)).await;
    assert_eq!(world.faulty.asked("leave"), 0);
}
