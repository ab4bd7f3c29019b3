//! Results on their way.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ratchet_plugin_api::model::{
    Delivery, DeliveryRecord, DeliveryStatus, Destination, Job, Json, ListQuery, Receipt,
    RetryPolicy, TaskPolicy,
};
use ratchet_plugin_api::services::{JobRequest, OutputSink, ResultStore};
use ratchet_plugin_api::{Error, Result, service};
use serde_json::{Value, json};

use super::{World, WorldBuilder, request};

/// A sink that fails so many times before it works.
#[derive(Default)]
struct Sink {
    failures: u32,
    invalid: bool,
    asked: AtomicU32,
    delivered: Mutex<Vec<Delivery>>,
}

#[service]
impl OutputSink for Sink {
    async fn deliver(&self, delivery: Delivery) -> Result<Receipt> {
        let asked = self.asked.fetch_add(1, Ordering::SeqCst);
        if self.invalid {
            return Err(Error::invalid("there is no such place"));
        }
        if asked < self.failures {
            return Err(Error::unavailable("not now"));
        }
        let receipt = Receipt::new(delivery.body.len() as u64).at("memory");
        self.delivered.lock().unwrap().push(delivery);
        Ok(receipt)
    }
}

async fn world(sink: &Arc<Sink>) -> World {
    let world = WorldBuilder::new()
        .config("output", "default_retry_policy", json!({"initial_delay_ms": 5}))
        .sink("memory", sink.clone())
        .start()
        .await;
    world.task("task", TaskPolicy::default()).await;
    world
}

fn to(sink: &str, script: Value) -> JobRequest {
    let target = Json::from_trusted(r#"{"path":"x"}"#);
    let outputs = Some(vec![Destination { sink: sink.into(), target, retry: None }]);
    JobRequest { outputs, max_retries: Some(0), ..request(script) }
}

/// The delivery of a job once it has ended.
async fn record(world: &World, job: &Job) -> DeliveryRecord {
    let ended = async {
        loop {
            let records = ResultStore::list(&world.store, ListQuery::default()).await.unwrap();
            let own = records.items.into_iter().find(|record| record.job == Some(job.id));
            if let Some(record) = own.filter(|record| record.status != DeliveryStatus::Pending) {
                return record;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), ended).await.unwrap()
}

#[tokio::test]
async fn a_result_is_delivered_again_and_again_until_it_arrives() {
    let sink = Arc::new(Sink { failures: 2, ..Sink::default() });
    let world = world(&sink).await;
    let job = world.run(to("memory", json!({"returns": {"sum": 3}}))).await;
    let record = record(&world, &job).await;
    assert_eq!((record.status, record.attempts), (DeliveryStatus::Delivered, 3));
    assert_eq!((record.bytes, record.location.as_deref()), (Some(9), Some("memory")));
    let delivered = sink.delivered.lock().unwrap();
    assert_eq!((delivered.len(), delivered[0].id, delivered[0].attempt), (1, record.id, 3));
    assert_eq!(&delivered[0].body[..], br#"{"sum":3}"#);
    assert_eq!(delivered[0].target.as_str(), r#"{"path":"x"}"#);
    assert!(delivered[0].run.succeeded);
    assert_eq!(delivered[0].run.task_version, "1.2.3");
}

#[tokio::test]
async fn a_failure_is_a_result_too() {
    let sink = Arc::new(Sink::default());
    let world = world(&sink).await;
    let job = world.run(to("memory", json!({"fail": 1}))).await;
    record(&world, &job).await;
    let delivered = sink.delivered.lock().unwrap();
    let body: Value = serde_json::from_slice(&delivered[0].body).unwrap();
    assert_eq!(body["error"]["message"], "attempt 1 fails");
    assert!(!delivered[0].run.succeeded);
}

#[tokio::test]
async fn what_can_never_work_is_not_tried_again() {
    let sink = Arc::new(Sink { invalid: true, ..Sink::default() });
    let world = world(&sink).await;
    let job = world.run(to("memory", json!({}))).await;
    let record = record(&world, &job).await;
    assert_eq!((record.status, record.attempts), (DeliveryStatus::Failed, 1));
    assert_eq!(record.error.as_deref(), Some("there is no such place"));
}

#[tokio::test]
async fn policies_give_up() {
    let sink = Arc::new(Sink { failures: 99, ..Sink::default() });
    let world = world(&sink).await;
    let configured = world.run(to("memory", json!({}))).await;
    assert_eq!(record(&world, &configured).await.attempts, 4);
    let mut own = to("memory", json!({}));
    let retry = RetryPolicy { max_retries: 1, initial_delay_ms: 1, ..RetryPolicy::default() };
    own.outputs.as_mut().unwrap()[0].retry = Some(retry);
    let own = world.run(own).await;
    assert_eq!(record(&world, &own).await.attempts, 2);
}

#[tokio::test]
async fn a_sink_that_is_not_there_is_named() {
    let world = world(&Arc::new(Sink::default())).await;
    let job = world.run(to("memroy", json!({}))).await;
    let record = record(&world, &job).await;
    assert_eq!(record.status, DeliveryStatus::Failed);
    let error = record.error.unwrap();
    assert!(error.ends_with("there is: memory; did you mean `memory`?"), "{error}");
}
