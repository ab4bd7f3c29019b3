//! Taking jobs in.

use std::time::Duration;

use ratchet_plugin_api::Code;
use ratchet_plugin_api::model::{
    Hold, JobStatus, Json, Key, Limiter, Pause, Priority, Schemas, TaskPolicy,
};
use ratchet_plugin_api::services::{
    Answer, ClearJobs, JobQueue, JobRequest, JobStore, Submitted, TaskStore,
};
use serde_json::json;

use super::{World, WorldBuilder, assert_status, request};

#[tokio::test]
async fn an_input_is_checked_before_the_job_is_taken_in() {
    let world = World::serving().await;
    let input = Json::parse(r#"{"type":"object","required":["name"]}"#).unwrap();
    let schemas = Schemas { input: Some(input), output: None };
    world.task_with("task", TaskPolicy::default(), schemas).await;
    let error = world.submit(request(json!({}))).await.unwrap_err();
    assert_eq!((error.code, error.reason.as_deref()), (Code::Invalid, Some("task.invalid_input")));
    assert_eq!(JobQueue::stats(&*world.plugin).await.unwrap().last_24h, 0);
    world.run(request(json!({"name": "x"}))).await;
}

#[tokio::test]
async fn schemas_are_not_checked_where_configuration_says_so() {
    let world = WorldBuilder::new().config("execution", "validate_schemas", false).start().await;
    let input = Json::parse(r#"{"required":["name"]}"#).unwrap();
    let schemas = Schemas { input: Some(input), output: None };
    world.task_with("task", TaskPolicy::default(), schemas).await;
    assert_status(&world.run(request(json!({}))).await, JobStatus::Completed);
}

#[tokio::test]
async fn a_task_that_is_not_there_or_disabled_is_refused() {
    let world = World::serving().await;
    let task = world.task("task", TaskPolicy::default()).await;
    let other = JobRequest { task: "tsak".into(), ..request(json!({})) };
    assert_eq!(world.submit(other).await.unwrap_err().code, Code::NotFound);
    world.store.enable(Key::Id(task.id), false).await.unwrap();
    let error = world.submit(request(json!({}))).await.unwrap_err();
    assert_eq!((error.code, error.reason.as_deref()), (Code::Conflict, Some("task.disabled")));
}

#[tokio::test]
async fn a_key_makes_a_repeat_harmless() {
    let world = World::serving().await;
    world.task("task", TaskPolicy::default()).await;
    let keyed = |script| JobRequest { idempotency_key: Some("k".into()), ..request(script) };
    let submit = |script| JobQueue::submit(&*world.plugin, keyed(script));
    let Submitted { job, duplicate } = submit(json!({})).await.unwrap();
    assert!(!duplicate);
    world.end(&job).await;
    let repeated = submit(json!({})).await.unwrap();
    assert!(repeated.duplicate);
    assert_eq!((repeated.job.id, repeated.job.status), (job.id, JobStatus::Completed));
    let other = submit(json!({"returns": 5})).await.unwrap_err();
    assert_eq!(other.code, Code::Conflict);
    assert_eq!(world.runtime.seen.begun(), 1);
}

#[tokio::test]
async fn a_full_queue_refuses() {
    let world =
        WorldBuilder::new().config("queue", "max_queue_size", 2).serving(false).start().await;
    world.task("task", TaskPolicy::default()).await;
    for _ in 0..2 {
        world.submit(request(json!({}))).await.unwrap();
    }
    let error = world.submit(request(json!({}))).await.unwrap_err();
    assert_eq!((error.code, error.reason.as_deref()), (Code::LimitExceeded, Some("queue.full")));
}

#[tokio::test]
async fn higher_priorities_go_first() {
    let world = WorldBuilder::new().config("workers", "worker_count", 1).start().await;
    world.task("task", TaskPolicy::default()).await;
    JobQueue::pause(&*world.plugin, None, Pause::default()).await.unwrap();
    let mut jobs = Vec::new();
    for (name, priority) in [
        ("low", Priority::Low),
        ("normal", Priority::Normal),
        ("critical", Priority::Critical),
        ("high", Priority::High),
    ] {
        let one = JobRequest { priority: Some(priority), ..request(json!({"name": name})) };
        let job = world.submit(one).await.unwrap();
        assert_status(&job, JobStatus::Queued);
        jobs.push(job);
    }
    assert_eq!(world.runtime.seen.begun(), 0, "the queue is paused");
    JobQueue::resume(&*world.plugin, None).await.unwrap();
    for job in &jobs {
        world.end(job).await;
    }
    let order = world.runtime.seen.order.lock().unwrap().clone();
    assert_eq!(order, ["critical", "high", "normal", "low"]);
}

#[tokio::test]
async fn a_paused_task_holds_its_jobs_and_no_others() {
    let world = World::serving().await;
    world.task("task", TaskPolicy::default()).await;
    world.task("other", TaskPolicy::default()).await;
    let key = Key::Name("task".into());
    JobQueue::pause(&*world.plugin, Some(key.clone()), Pause::default()).await.unwrap();
    let held = world.submit(request(json!({}))).await.unwrap();
    assert_eq!(held.hold, Hold::TaskPaused);
    let other = JobRequest { task: "other".into(), ..request(json!({})) };
    assert_status(&world.run(other).await, JobStatus::Completed);
    assert_status(&world.job(held.id).await, JobStatus::Queued);
    JobQueue::resume(&*world.plugin, Some(key)).await.unwrap();
    assert_status(&world.end(&held).await, JobStatus::Completed);
}

#[tokio::test]
async fn a_tasks_limit_holds() {
    let world = WorldBuilder::new().config("workers", "worker_count", 4).start().await;
    world.task("task", TaskPolicy { concurrency: Some(2), ..TaskPolicy::default() }).await;
    let mut jobs = Vec::new();
    for _ in 0..12 {
        jobs.push(world.submit(request(json!({"wait_ms": 5}))).await.unwrap());
    }
    for job in &jobs {
        assert_status(&world.end(job).await, JobStatus::Completed);
    }
    assert_eq!(world.runtime.seen.most.load(std::sync::atomic::Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_delayed_job_runs_at_its_time() {
    let world = World::serving().await;
    world.task("task", TaskPolicy::default()).await;
    let begun = std::time::Instant::now();
    let later = JobRequest { delay_ms: Some(120), ..request(json!({})) };
    let job = world.submit(later).await.unwrap();
    assert_eq!(job.hold, Hold::NotBefore);
    world.end(&job).await;
    let began = world.runtime.seen.began_at.lock().unwrap()[0];
    assert!(began - begun >= Duration::from_millis(120));
    assert!(began - begun < Duration::from_millis(600), "{:?}", began - begun);
}

#[tokio::test]
async fn what_is_told_of_a_job_is_what_the_store_keeps() {
    let world = WorldBuilder::new().serving(false).start().await;
    world.task("task", TaskPolicy::default()).await;
    let limiter = Limiter { key: "customer:42".into(), concurrency: Some(1), rate: None };
    for request in [
        request(json!({})),
        JobRequest { delay_ms: Some(50_000), lifetime_ms: Some(9), ..request(json!({})) },
        JobRequest { limiter: Some(limiter), ..request(json!({})) },
        JobRequest { metadata: Json::from_trusted(r#"{"a":1}"#), ..request(json!({})) },
    ] {
        let delayed = request.delay_ms.is_some();
        let mut told = world.submit(request).await.unwrap();
        let kept = world.job(told.id).await;
        if delayed {
            // By this process's clock, where the other is by the store's.
            told.queued_at = kept.queued_at;
        }
        assert_eq!(told, kept);
    }
}

#[tokio::test]
async fn a_batch_is_taken_in_whole_or_in_part() {
    let world = World::serving().await;
    world.task("task", TaskPolicy::default()).await;
    let wrong =
        || JobRequest { task: "nothing".into(), reference: Some("b".into()), ..request(json!({})) };
    let after = || JobRequest { depends_on: vec!["b".into()], ..request(json!({})) };
    let requests = vec![request(json!({})), wrong(), after()];
    let error = JobQueue::submit_many(&*world.plugin, requests.clone(), true).await.unwrap_err();
    assert_eq!(error.code, Code::NotFound);
    assert!(error.message.starts_with("`b` of 3: "), "{error}");
    assert_eq!(JobQueue::stats(&*world.plugin).await.unwrap().last_24h, 0);

    let answers = JobQueue::submit_many(&*world.plugin, requests, false).await.unwrap();
    assert!(matches!(answers[0], Answer::Submitted(_)));
    let reasons: Vec<_> = answers[1..]
        .iter()
        .map(|answer| match answer {
            Answer::Refused(error) => error.reason.clone(),
            Answer::Submitted(submitted) => panic!("{submitted:?}"),
        })
        .collect();
    assert_eq!(reasons[1].as_deref(), Some("batch.dependency_refused"));
}

#[tokio::test]
async fn jobs_wait_for_those_they_depend_on() {
    let world = World::serving().await;
    world.task("task", TaskPolicy::default()).await;
    let first = world.submit(request(json!({"wait_ms": 50, "name": "first"}))).await.unwrap();
    let number = first.number.to_string();
    let second = JobRequest { depends_on: vec![number], ..request(json!({"name": "second"})) };
    let second = world.submit(second).await.unwrap();
    assert_eq!((second.hold, second.waits_for.as_slice()), (Hold::Dependency, &[first.id][..]));
    world.end(&second).await;
    assert_eq!(*world.runtime.seen.order.lock().unwrap(), ["first", "second"]);
}

#[tokio::test]
async fn only_ended_jobs_are_cleared_away() {
    let world = World::serving().await;
    world.task("task", TaskPolicy::default()).await;
    world.run(request(json!({}))).await;
    let open = ClearJobs { statuses: vec![JobStatus::Queued], ..ClearJobs::default() };
    let error = JobQueue::clear(&*world.plugin, open).await.unwrap_err();
    assert!(error.message.contains("`queued`"), "{error}");
    assert_eq!(JobQueue::clear(&*world.plugin, ClearJobs::default()).await.unwrap(), 1);
}

#[tokio::test]
async fn waiting_ends_with_the_time_or_the_job_whichever_is_first() {
    let world = World::serving().await;
    world.task("task", TaskPolicy::default()).await;
    let job = world.submit(request(json!({"wait_ms": 200}))).await.unwrap();
    let early = JobQueue::wait(&*world.plugin, Key::Id(job.id), 20).await.unwrap();
    assert_status(&early, JobStatus::Processing);
    assert_status(&world.end(&job).await, JobStatus::Completed);
    let never = JobQueue::wait(&*world.plugin, Key::Number(999), 20).await.unwrap_err();
    assert_eq!(never.code, Code::NotFound);
}

#[tokio::test]
async fn a_replayed_job_is_checked_and_runs_again() {
    let world = World::serving().await;
    let input = Json::parse(r#"{"type":"object"}"#).unwrap();
    let schemas = Schemas { input: Some(input), output: None };
    world.task_with("task", TaskPolicy::default(), schemas).await;
    let once = JobRequest { max_retries: Some(0), ..request(json!({"fail": 1})) };
    let job = world.run(once).await;
    let key = Key::Id(job.id);
    let wrong = JobQueue::retry(&*world.plugin, key.clone(), Some(Json::null())).await;
    assert_eq!(wrong.unwrap_err().reason.as_deref(), Some("task.invalid_input"));
    JobQueue::retry(&*world.plugin, key, None).await.unwrap();
    assert_status(&world.end(&job).await, JobStatus::Completed);
    assert_eq!(JobStore::stats(&world.store).await.unwrap().completed, 1);
}
