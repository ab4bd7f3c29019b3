//! Batches, and running tasks now.

use std::sync::atomic::Ordering;

use ratchet_plugin_api::model::{ExecutionStatus, JobStatus, Priority, TaskPolicy};
use ratchet_plugin_api::services::{
    BatchMode, BatchReport, BatchRequest, Executor, JobRequest, JobStore,
};
use serde_json::json;

use super::{World, WorldBuilder, request};

fn named(name: &str, depends_on: &[&str]) -> JobRequest {
    JobRequest {
        reference: Some(name.into()),
        depends_on: depends_on.iter().map(|name| (*name).into()).collect(),
        ..request(json!({"name": name, "wait_ms": 5}))
    }
}

fn batch(mode: BatchMode, requests: Vec<JobRequest>) -> BatchRequest {
    BatchRequest { requests, mode, max_parallel: None, stop_on_error: false, timeout_ms: None }
}

fn failing(request: JobRequest) -> JobRequest {
    let input = json!({"fail": 9}).into();
    JobRequest { max_retries: Some(0), input, ..request }
}

fn statuses(report: &BatchReport) -> Vec<JobStatus> {
    report.jobs.iter().map(|job| job.status).collect()
}

async fn run(world: &World, request: BatchRequest) -> BatchReport {
    Executor::execute_batch(&*world.plugin, request).await.unwrap()
}

#[tokio::test]
async fn a_task_is_executed_and_waited_for() {
    let world = World::serving().await;
    world.task("task", TaskPolicy::default()).await;
    let execution = Executor::execute(&*world.plugin, request(json!({"fail": 1}))).await.unwrap();
    assert_eq!((execution.status, execution.attempt), (ExecutionStatus::Completed, 2));
    let once = JobRequest { max_retries: Some(0), ..request(json!({"fail": 1})) };
    let execution = Executor::execute(&*world.plugin, once).await.unwrap();
    assert_eq!(execution.status, ExecutionStatus::Failed);
    assert_eq!(execution.error.unwrap().message, "attempt 1 fails");
}

#[tokio::test]
async fn a_process_that_does_not_serve_executes_its_own_and_leaves_others_alone() {
    let world = WorldBuilder::new().serving(false).start().await;
    world.task("task", TaskPolicy::default()).await;
    let waiting = world.submit(request(json!({"name": "waiting"}))).await.unwrap();
    let own = request(json!({"name": "own"}));
    let execution = Executor::execute(&*world.plugin, own).await.unwrap();
    assert_eq!(execution.status, ExecutionStatus::Completed);
    assert_eq!(world.job(waiting.id).await.status, JobStatus::Queued);
    assert_eq!(*world.runtime.seen.order.lock().unwrap(), ["own"]);
}

#[tokio::test]
async fn a_process_that_does_not_serve_tries_again_what_failed() {
    let world = WorldBuilder::new().serving(false).start().await;
    world.task("task", TaskPolicy::default()).await;
    let execution = Executor::execute(&*world.plugin, request(json!({"fail": 1}))).await.unwrap();
    assert_eq!((execution.status, execution.attempt), (ExecutionStatus::Completed, 2));
}

#[tokio::test]
async fn parts_run_at_the_same_time_up_to_the_limit() {
    let world = WorldBuilder::new().config("workers", "worker_count", 4).start().await;
    world.task("task", TaskPolicy::default()).await;
    let parts = || vec![request(json!({"wait_ms": 30})); 6];
    let report = run(&world, batch(BatchMode::Parallel, parts())).await;
    assert!(report.succeeded);
    assert_eq!(world.runtime.seen.most.swap(0, Ordering::SeqCst), 4);
    let limited = BatchRequest { max_parallel: Some(2), ..batch(BatchMode::Parallel, parts()) };
    let report = run(&world, limited).await;
    assert!(report.succeeded);
    assert!(report.jobs.iter().all(|job| job.batch == Some(report.batch)));
    assert_eq!(world.runtime.seen.most.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn parts_run_one_after_the_other() {
    let world = World::serving().await;
    world.task("task", TaskPolicy::default()).await;
    let parts = ["a", "b", "c", "d"].map(|name| named(name, &[])).to_vec();
    let report = run(&world, batch(BatchMode::Sequential, parts)).await;
    assert!(report.succeeded);
    assert_eq!(*world.runtime.seen.order.lock().unwrap(), ["a", "b", "c", "d"]);
    assert_eq!(world.runtime.seen.most.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_failure_stops_a_sequence_or_does_not() {
    let world = World::serving().await;
    world.task("task", TaskPolicy::default()).await;
    let parts = || vec![named("a", &[]), failing(named("b", &[])), named("c", &[])];
    use JobStatus::{Cancelled, Completed, Failed};
    let going_on = run(&world, batch(BatchMode::Sequential, parts())).await;
    assert_eq!(statuses(&going_on), [Completed, Failed, Completed]);
    assert!(!going_on.succeeded);
    let stopping = BatchRequest { stop_on_error: true, ..batch(BatchMode::Sequential, parts()) };
    assert_eq!(statuses(&run(&world, stopping).await), [Completed, Failed, Cancelled]);
}

#[tokio::test]
async fn a_failure_stops_what_has_not_begun() {
    let world = WorldBuilder::new().config("workers", "worker_count", 1).start().await;
    world.task("task", TaskPolicy::default()).await;
    let mut parts = vec![failing(named("first", &[]))];
    parts[0].priority = Some(Priority::High);
    parts.extend((0..5).map(|_| request(json!({"wait_ms": 1_000}))));
    let stopping = BatchRequest { stop_on_error: true, ..batch(BatchMode::Parallel, parts) };
    let report = run(&world, stopping).await;
    assert_eq!(report.jobs[0].status, JobStatus::Failed);
    let cancelled = report.jobs.iter().filter(|job| job.status == JobStatus::Cancelled).count();
    assert!(cancelled >= 4, "{:?}", statuses(&report));
}

#[tokio::test]
async fn parts_run_as_they_depend_on_one_another() {
    let world = World::serving().await;
    world.task("task", TaskPolicy::default()).await;
    let parts = vec![
        named("sum", &["left", "right"]),
        named("left", &["start"]),
        named("right", &["start"]),
        named("start", &[]),
        failing(named("alone", &[])),
        named("never", &["alone"]),
    ];
    let report = run(&world, batch(BatchMode::Dependency, parts)).await;
    use JobStatus::{Cancelled, Completed, Failed};
    let expected = [Completed, Completed, Completed, Completed, Failed, Cancelled];
    assert_eq!(statuses(&report), expected);
    let order = world.runtime.seen.order.lock().unwrap().clone();
    let place = |name: &str| order.iter().position(|other| other == name).unwrap();
    assert!(place("start") < place("left") && place("start") < place("right"));
    assert!(place("left") < place("sum") && place("right") < place("sum"));
}

#[tokio::test]
async fn what_has_not_ended_in_time_is_cancelled() {
    let world = World::serving().await;
    world.task("task", TaskPolicy::default()).await;
    let parts = vec![request(json!({})), request(json!({"hang": true})), request(json!({}))];
    let timed = BatchRequest { timeout_ms: Some(300), ..batch(BatchMode::Sequential, parts) };
    let report = run(&world, timed).await;
    assert_eq!(report.jobs[0].status, JobStatus::Completed);
    assert_eq!(report.jobs[1].status, JobStatus::Cancelled);
    assert!(report.jobs.iter().all(|job| job.status.is_final()));
    world.runtime.seen.until(|seen| seen.running() == 0).await;
}

#[tokio::test]
async fn a_circle_is_refused_and_nothing_of_it_taken_in() {
    let world = World::serving().await;
    world.task("task", TaskPolicy::default()).await;
    let circle = vec![named("a", &["b"]), named("b", &["a"])];
    let refused = batch(BatchMode::Dependency, circle);
    let error = Executor::execute_batch(&*world.plugin, refused).await.unwrap_err();
    assert!(error.message.contains("`a` -> `b` -> `a`"), "{error}");
    assert_eq!(JobStore::stats(&world.store).await.unwrap().last_24h, 0);
}

#[tokio::test]
async fn a_limit_of_the_batch_and_one_of_the_task_contradict() {
    let world = World::serving().await;
    world.task("task", TaskPolicy { concurrency: Some(1), ..TaskPolicy::default() }).await;
    let limited = BatchRequest {
        max_parallel: Some(2),
        ..batch(BatchMode::Parallel, vec![request(json!({}))])
    };
    let error = Executor::execute_batch(&*world.plugin, limited).await.unwrap_err();
    assert_eq!(error.reason.as_deref(), Some("batch.invalid_limit"));
}

#[tokio::test]
async fn workers_are_those_the_host_reports() {
    let world = World::serving().await;
    assert_eq!(Executor::workers(&*world.plugin).await.unwrap(), []);
    let report = json!([{
        "plugin": "js-boa", "worker": 1, "pid": 4711, "ready": true, "in_flight": 1,
        "answered": 12, "resident_bytes": 20_000_000, "other": true,
    }]);
    world.host.fake().answer("workers", report.to_string());
    let workers = Executor::workers(&*world.plugin).await.unwrap();
    assert_eq!((workers[0].name.as_str(), workers[0].pid), ("js-boa/1", 4711));
    assert_eq!((workers[0].busy, workers[0].answered), (1, 12));
    let hosts = async {
        loop {
            if let Some(host) = Executor::hosts(&*world.plugin).await.unwrap().pop() {
                return host;
            }
            tokio::task::yield_now().await;
        }
    };
    let host = tokio::time::timeout(std::time::Duration::from_secs(10), hosts).await.unwrap();
    assert_eq!((host.info.id, host.info.slots), (workers[0].host, 2));
}
