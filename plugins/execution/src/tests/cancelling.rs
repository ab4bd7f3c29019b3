//! Giving jobs up.

use std::time::{Duration, Instant};

use ratchet_plugin_api::Code;
use ratchet_plugin_api::model::{ExecutionStatus, FailureKind, JobStatus, Key, TaskPolicy};
use ratchet_plugin_api::services::{Executor, JobQueue, JobRequest, JobStore};
use serde_json::json;

use super::{World, assert_status, request};

#[tokio::test]
async fn a_running_job_is_stopped() {
    let world = World::serving().await;
    world.task("task", TaskPolicy::default()).await;
    let job = world.submit(request(json!({"hang": true}))).await.unwrap();
    world.runtime.seen.until(|seen| seen.running() == 1).await;
    let began = Instant::now();
    let reason = Some("enough".to_owned());
    let job = JobQueue::cancel(&*world.plugin, Key::Id(job.id), reason).await.unwrap();
    assert_status(&job, JobStatus::Cancelled);
    assert!(began.elapsed() < Duration::from_millis(500));
    world.runtime.seen.until(|seen| seen.running() == 0).await;
    let error = job.error.unwrap();
    assert_eq!((error.kind, error.message.as_str()), (FailureKind::Cancelled, "enough"));
}

#[tokio::test]
async fn a_job_cancelled_from_elsewhere_is_stopped_here() {
    let world = World::serving().await;
    world.task("task", TaskPolicy::default()).await;
    let job = world.submit(request(json!({"hang": true}))).await.unwrap();
    world.runtime.seen.until(|seen| seen.running() == 1).await;
    JobStore::cancel(&world.store, Key::Id(job.id), None).await.unwrap();
    assert_status(&world.end(&job).await, JobStatus::Cancelled);
    world.runtime.seen.until(|seen| seen.running() == 0).await;
}

#[tokio::test]
async fn a_waiting_job_never_begins() {
    let world = World::serving().await;
    world.task("task", TaskPolicy::default()).await;
    let later = JobRequest { delay_ms: Some(60_000), ..request(json!({})) };
    let job = world.submit(later).await.unwrap();
    let job = JobQueue::cancel(&*world.plugin, Key::Id(job.id), None).await.unwrap();
    assert_status(&job, JobStatus::Cancelled);
    let again = JobQueue::cancel(&*world.plugin, Key::Id(job.id), None).await.unwrap_err();
    assert_eq!(again.code, Code::Conflict);
    assert_eq!(world.runtime.seen.begun(), 0);
}

#[tokio::test]
async fn an_execution_is_given_up_with_its_job_and_run_once_more() {
    let world = World::serving().await;
    world.task("task", TaskPolicy::default()).await;
    let job = world.submit(request(json!({"hang": true}))).await.unwrap();
    world.runtime.seen.until(|seen| seen.running() == 1).await;
    let key = Key::Id(job.execution);
    let early = Executor::retry(&*world.plugin, key.clone(), None).await.unwrap_err();
    assert_eq!(early.reason.as_deref(), Some("execution.not_ended"));
    let execution = Executor::cancel(&*world.plugin, key.clone(), None).await.unwrap();
    assert_eq!(execution.status, ExecutionStatus::Cancelled);
    let late = Executor::cancel(&*world.plugin, key.clone(), None).await.unwrap_err();
    assert_eq!(late.reason.as_deref(), Some("execution.ended"));

    let input = json!({"returns": "again"}).into();
    let next = Executor::retry(&*world.plugin, key, Some(input)).await.unwrap();
    assert_ne!(next.id, execution.id);
    let job = world.end(&job).await;
    assert_status(&job, JobStatus::Completed);
    assert_eq!(job.output.unwrap().as_str(), r#""again""#);
}
