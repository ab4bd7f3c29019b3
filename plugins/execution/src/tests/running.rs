//! Running, failing, and trying again.

use std::time::Duration;

use ratchet_plugin_api::model::{
    EventFilter, EventKind, ExecutionStatus, FailureKind, Id, Job, JobStatus, Json, Key, Pause,
    RetryPolicy, Schemas, TaskPolicy,
};
use ratchet_plugin_api::services::{EventBus, ExecutionStore, JobQueue, JobRequest, JobStore};
use serde_json::json;

use super::{LONG_MS, World, WorldBuilder, assert_status, request};

fn output(job: &Job) -> &str {
    job.output.as_ref().map(Json::as_str).unwrap()
}

#[tokio::test]
async fn a_job_runs_and_what_came_of_it_is_kept() {
    let world = World::serving().await;
    let task = world.task("task", TaskPolicy::default()).await;
    let mut events = EventBus::subscribe(&*world.plugin, EventFilter::default()).await.unwrap();
    let job = world.run(request(json!({"logs": ["one", "two"], "returns": {"sum": 3}}))).await;
    assert_status(&job, JobStatus::Completed);
    assert_eq!(output(&job), r#"{"sum":3}"#);

    let attempts = world.attempts(job.id).await;
    assert_eq!(attempts.len(), 1);
    let attempt = &attempts[0];
    assert_eq!((attempt.task, attempt.status), (task.id, ExecutionStatus::Completed));
    assert_eq!((attempt.attempt, attempt.duration_us), (1, Some(7)));
    assert_eq!(attempt.task_version.as_deref(), Some("1.2.3"));
    let logs = ExecutionStore::logs(&world.store, Key::Id(attempt.id), 0, 10).await.unwrap();
    let lines: Vec<_> = logs.lines.iter().map(|line| line.message.as_str()).collect();
    assert_eq!(lines, ["one", "two"]);

    let mut seen = Vec::new();
    while !matches!(seen.last(), Some(EventKind::Job(JobStatus::Completed))) {
        let event = events.next().await.unwrap().unwrap();
        if event.job == Some(job.id) {
            seen.push(event.kind);
        }
    }
    let statuses: Vec<_> = seen
        .into_iter()
        .filter_map(|kind| match kind {
            EventKind::Job(status) => Some(status.to_string()),
            EventKind::Execution(status) => Some(format!("execution {status}")),
            EventKind::Log { position, line } => Some(format!("{position} {}", line.message)),
            _ => None,
        })
        .filter(|status| status != "queued")
        .collect();
    let expected =
        ["processing", "execution running", "0 one", "1 two", "execution completed", "completed"];
    assert_eq!(statuses, expected);
}

#[tokio::test]
async fn a_job_that_may_run_at_once_is_this_hosts_from_the_start() {
    let world = World::serving().await;
    world.task("task", TaskPolicy::default()).await;
    // The first one makes sure that the host has entered and found nothing to do.
    world.run(request(json!({}))).await;
    let job = world.submit(request(json!({"hang": true}))).await.unwrap();
    assert_status(&job, JobStatus::Processing);
    assert!(job.host.is_some());
    assert_eq!(world.job(job.id).await.host, job.host);
    world.runtime.seen.until(|seen| seen.running() == 1).await;
}

#[tokio::test]
async fn what_fails_is_tried_again_and_its_attempts_are_history() {
    let world = World::serving().await;
    world.task("task", TaskPolicy::default()).await;
    let job = world.run(request(json!({"fail": 2}))).await;
    assert_status(&job, JobStatus::Completed);
    assert_eq!((job.attempt, output(&job)), (3, "3"));
    let attempts = world.attempts(job.id).await;
    let statuses: Vec<_> = attempts.iter().map(|attempt| attempt.status).collect();
    use ExecutionStatus::{Completed, Failed};
    assert_eq!(statuses, [Failed, Failed, Completed]);
    assert_eq!(attempts[0].error.as_ref().unwrap().message, "attempt 1 fails");
}

#[tokio::test]
async fn what_fails_too_often_has_failed_for_good() {
    let world = World::serving().await;
    world.task("task", TaskPolicy::default()).await;
    let once = JobRequest { max_retries: Some(1), ..request(json!({"fail": 9})) };
    let job = world.run(once).await;
    assert_status(&job, JobStatus::Failed);
    assert_eq!(world.attempts(job.id).await.len(), 2);
    assert_eq!(job.error.unwrap().message, "attempt 2 fails");
}

#[tokio::test]
async fn a_policy_gives_up_on_classes() {
    let world = World::serving().await;
    let retry = RetryPolicy {
        give_up_on: vec!["ValidationError".into()],
        initial_delay_ms: 1,
        ..RetryPolicy::default()
    };
    world.task("task", TaskPolicy { retry: Some(retry), ..TaskPolicy::default() }).await;
    let job = world.run(request(json!({"fail": 9, "class": "ValidationError"}))).await;
    assert_status(&job, JobStatus::Failed);
    assert_eq!(world.runtime.seen.begun(), 1);
}

#[tokio::test]
async fn a_service_that_asks_for_patience_gets_it() {
    let world = World::serving().await;
    world.task("task", TaskPolicy::default()).await;
    let details = json!({"retryAfterMs": 150});
    let script = json!({"fail": 1, "class": "RateLimitError", "details": details});
    let job = world.run(request(script)).await;
    assert_status(&job, JobStatus::Completed);
    let began = world.runtime.seen.began_at.lock().unwrap().clone();
    assert!(began[1] - began[0] >= Duration::from_millis(150), "{:?}", began[1] - began[0]);
}

#[tokio::test]
async fn a_lost_worker_costs_no_retry_and_no_time() {
    let world = World::serving().await;
    world.task("task", TaskPolicy::default()).await;
    let mut waits = Vec::new();
    for _ in 0..20 {
        let before = world.runtime.seen.began_at.lock().unwrap().len();
        let once = JobRequest { max_retries: Some(0), ..request(json!({"die": 1})) };
        let job = world.run(once).await;
        assert_status(&job, JobStatus::Completed);
        assert_eq!((job.crashes, job.attempt), (1, 2));
        let attempts = world.attempts(job.id).await;
        assert_eq!(attempts[0].error.as_ref().unwrap().kind, FailureKind::WorkerLost);
        let began = world.runtime.seen.began_at.lock().unwrap().clone();
        waits.push(began[before + 1] - began[before]);
    }
    waits.sort();
    assert!(waits[18] < Duration::from_millis(50), "{waits:?}");
}

#[tokio::test]
async fn a_job_that_loses_every_worker_has_failed() {
    let world = World::serving().await;
    world.task("task", TaskPolicy::default()).await;
    let job = world.run(request(json!({"die": 99}))).await;
    assert_status(&job, JobStatus::Failed);
    assert_eq!(world.runtime.seen.begun(), 4);
    assert_eq!(job.error.unwrap().kind, FailureKind::WorkerLost);
}

#[tokio::test]
async fn without_a_worker_nothing_is_lost_and_nothing_counts() {
    let world = World::serving().await;
    world.task("task", TaskPolicy::default()).await;
    let once = JobRequest { max_retries: Some(0), ..request(json!({"unbegun": 3})) };
    let job = world.run(once).await;
    assert_status(&job, JobStatus::Completed);
    assert_eq!((job.attempt, job.crashes), (1, 0));
    assert_eq!(world.attempts(job.id).await.len(), 1);
}

#[tokio::test]
async fn an_attempt_ends_with_its_time() {
    let world = WorldBuilder::new().config("execution", "timeout_grace_period", 0.01).start().await;
    world.task("task", TaskPolicy { timeout_ms: Some(80), ..TaskPolicy::default() }).await;
    let once = JobRequest { max_retries: Some(0), ..request(json!({"hang": true})) };
    let job = world.run(once).await;
    assert_status(&job, JobStatus::Failed);
    let error = job.error.unwrap();
    assert_eq!(error.kind, FailureKind::TimeLimit);
    assert_eq!(error.message, "it ran longer than 0.08 s");
    world.runtime.seen.until(|seen| seen.running() == 0).await;
}

#[tokio::test]
async fn a_job_ends_with_its_time_and_is_not_tried_again() {
    let world = WorldBuilder::new().config("execution", "timeout_grace_period", 0.01).start().await;
    world.task("task", TaskPolicy::default()).await;
    let short = JobRequest { lifetime_ms: Some(80), ..request(json!({"hang": true})) };
    let job = world.run(short).await;
    assert_status(&job, JobStatus::Failed);
    assert!(job.error.unwrap().message.contains("limit.job_time"));
    assert_eq!(world.runtime.seen.begun(), 1);
}

#[tokio::test]
async fn long_runs_have_their_lines_kept_while_they_last() {
    let world = World::serving().await;
    world.task("task", TaskPolicy::default()).await;
    let job = world.submit(request(json!({"logs": ["a", "b"], "wait_ms": 1_000}))).await.unwrap();
    let logs = async |from| {
        ExecutionStore::logs(&world.store, Key::Id(job.execution), from, 10).await.unwrap()
    };
    while logs(0).await.lines.len() < 2 {
        assert!(!world.job(job.id).await.status.is_final(), "kept only at the end");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(!logs(0).await.ended);
    world.end(&job).await;
    let kept = logs(0).await;
    assert_eq!((kept.lines.len(), kept.ended), (2, true));
}

#[tokio::test]
async fn a_runtime_that_is_not_there_fails_the_attempt_by_name() {
    let world = World::serving().await;
    let policy = TaskPolicy { runtime: Some("scriptd".into()), ..TaskPolicy::default() };
    world.task("task", policy).await;
    let once = JobRequest { max_retries: Some(0), ..request(json!({})) };
    let job = world.run(once).await;
    assert_status(&job, JobStatus::Failed);
    let message = job.error.unwrap().message;
    let expected = "there is no JavaScript runtime called `scriptd` here; there is: scripted; did \
                    you mean `scripted`?";
    assert_eq!(message, expected);
}

#[tokio::test]
async fn a_new_version_of_a_task_is_run_and_checked() {
    let world = World::serving().await;
    let schemas = |text| Schemas { input: Some(Json::parse(text).unwrap()), output: None };
    let policy = TaskPolicy::default();
    let task = world.task_with("task", policy, schemas(r#"{"type":"object"}"#)).await;
    world.run(request(json!({}))).await;
    let mut definition = task.definition.clone();
    definition.version = "2.0.0".into();
    definition.schemas = schemas(r#"{"required":["name"]}"#);
    let put = ratchet_plugin_api::services::PutTask {
        task: Some(Key::Id(task.id)),
        definition,
        enabled: None,
        if_checksum: None,
        note: None,
    };
    ratchet_plugin_api::services::TaskStore::put(&world.store, put).await.unwrap();
    // The word of it comes by itself.
    let refused = async {
        while world.submit(request(json!({}))).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_millis(LONG_MS), refused).await.unwrap();
    let job = world.run(request(json!({"name": "new"}))).await;
    let attempt = &world.attempts(job.id).await[0];
    assert_eq!(attempt.task_version.as_deref(), Some("2.0.0"));
}

#[tokio::test]
async fn what_is_held_behind_a_long_job_goes_back_to_others() {
    let world = WorldBuilder::new().config("workers", "worker_count", 1).start().await;
    world.task("task", TaskPolicy::default()).await;
    // Short jobs teach the host to hold some ahead.
    for _ in 0..8 {
        world.run(request(json!({}))).await;
    }
    JobQueue::pause(&*world.plugin, None, Pause::default()).await.unwrap();
    world.submit(request(json!({"hang": true}))).await.unwrap();
    let short = world.submit(request(json!({}))).await.unwrap();
    JobQueue::resume(&*world.plugin, None).await.unwrap();
    world.runtime.seen.until(|seen| seen.running() == 1).await;
    let goes_back = async {
        while world.faulty.asked("settle") == 0 || world.job(short.id).await.host.is_some() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_millis(LONG_MS), goes_back).await.unwrap();
    let other = WorldBuilder::new().store(&world.store).start().await;
    assert_status(&other.end(&short).await, JobStatus::Completed);
    assert_eq!(world.job(short.id).await.attempt, 1);
}

#[tokio::test]
async fn many_jobs_run_once_each_and_places_are_kept() {
    let world = World::serving().await;
    world.task("task", TaskPolicy::default()).await;
    let mut jobs = Vec::new();
    for _ in 0..200 {
        jobs.push(world.submit(request(json!({"wait_ms": 1}))).await.unwrap());
    }
    for job in &jobs {
        assert_status(&world.end(job).await, JobStatus::Completed);
    }
    assert_eq!(world.runtime.seen.begun(), 200);
    let most = world.runtime.seen.most.load(std::sync::atomic::Ordering::SeqCst);
    assert_eq!(most, 2, "as many at the same time as there are places");
    let stats = JobStore::stats(&world.store).await.unwrap();
    assert_eq!((stats.completed, stats.queued, stats.processing), (200, 0, 0));
    let distinct: std::collections::BTreeSet<Id> = jobs.iter().map(|job| job.id).collect();
    assert_eq!(distinct.len(), 200);
}
