//! The whole plugin on stores in memory, with a runtime that does what its input says.

mod batches;
mod cancelling;
mod deliveries;
mod faulty;
mod queueing;
mod running;
mod script;
mod stopping;
mod trouble;

use std::sync::Arc;
use std::time::Duration;

use ratchet_plugin_api::model::{
    Execution as Attempt, Id, Job, JobStatus, Json, Key, Program, Schemas, Task, TaskDefinition,
    TaskPolicy,
};
use ratchet_plugin_api::services::{
    ExecutionStore, JobQueue, JobRequest, JobStore, JsRuntime, OutputSink, PutTask, ResultStore,
    ScheduleStore, TaskStore,
};
use ratchet_plugin_api::{Call, Plugin as _, Result};
use ratchet_testkit::TestHost;
use ratchet_testkit::memory::MemoryStore;
use serde_json::{Value, json};

use crate::Execution;
use faulty::FaultyStore;
use script::ScriptedRuntime;

/// Far longer than anything here takes, in milliseconds.
const LONG_MS: u64 = 20_000;

/// A plugin with everything around it.
pub(super) struct World {
    host: TestHost,
    store: MemoryStore,
    faulty: Arc<FaultyStore>,
    runtime: Arc<ScriptedRuntime>,
    plugin: Arc<Execution>,
}

/// How a world is made.
struct WorldBuilder {
    store: MemoryStore,
    config: Value,
    serves: bool,
    sinks: Vec<(&'static str, Arc<dyn OutputSink>)>,
}

impl WorldBuilder {
    fn new() -> Self {
        let config = json!({
            "queue": {"default_retry_delay": 0.01, "lease_seconds": 3.0},
            "workers": {"worker_count": 2},
        });
        Self { store: MemoryStore::new(), config, serves: true, sinks: Vec::new() }
    }

    /// The same with other values in the configuration, by section.
    fn config(mut self, section: &str, key: &str, value: impl Into<Value>) -> Self {
        self.config[section][key] = value.into();
        self
    }

    fn store(self, store: &MemoryStore) -> Self {
        Self { store: store.clone(), ..self }
    }

    fn serving(self, serves: bool) -> Self {
        Self { serves, ..self }
    }

    fn sink(mut self, name: &'static str, sink: Arc<dyn OutputSink>) -> Self {
        self.sinks.push((name, sink));
        self
    }

    async fn start(self) -> World {
        let store = self.store;
        let faulty = Arc::new(FaultyStore::new(store.clone()));
        let runtime = Arc::new(ScriptedRuntime::default());
        let mut host = TestHost::new()
            .with::<dyn TaskStore>("", Arc::new(store.clone()))
            .with::<dyn JobStore>("", faulty.clone())
            .with::<dyn ExecutionStore>("", Arc::new(store.clone()))
            .with::<dyn ScheduleStore>("", Arc::new(store.clone()))
            .with::<dyn ResultStore>("", Arc::new(store.clone()))
            .with::<dyn JsRuntime>("scripted", runtime.clone());
        for (name, sink) in self.sinks {
            host = host.with::<dyn OutputSink>(name, sink);
        }
        let command = json!({"name": "any", "serves": self.serves}).to_string();
        host.fake().answer("command", command);
        let plugin = host.start::<Execution>(self.config).await.unwrap();
        World { host, store, faulty, runtime, plugin }
    }
}

impl World {
    /// A host that serves, with two places.
    async fn serving() -> Self {
        WorldBuilder::new().start().await
    }

    async fn task(&self, name: &str, policy: TaskPolicy) -> Task {
        self.task_with(name, policy, Schemas::default()).await
    }

    async fn task_with(&self, name: &str, policy: TaskPolicy, schemas: Schemas) -> Task {
        let definition = TaskDefinition {
            id: None,
            name: name.into(),
            label: None,
            version: "1.2.3".into(),
            description: None,
            tags: Vec::new(),
            program: Program {
                entry: "main.js".into(),
                source: "scripted".into(),
                modules: Default::default(),
            },
            schemas,
            policy,
            tests: Default::default(),
            metadata: Json::from_trusted("{}"),
        };
        let put = PutTask { task: None, definition, enabled: None, if_checksum: None, note: None };
        TaskStore::put(&self.store, put).await.unwrap()
    }

    async fn submit(&self, request: JobRequest) -> Result<Job> {
        JobQueue::submit(&*self.plugin, request).await.map(|submitted| submitted.job)
    }

    /// Waits for a job to end.
    async fn end(&self, job: &Job) -> Job {
        let ended = JobQueue::wait(&*self.plugin, Key::Id(job.id), LONG_MS).await.unwrap();
        assert!(ended.status.is_final(), "{ended:?}");
        ended
    }

    /// Submits a job and waits for its end.
    async fn run(&self, request: JobRequest) -> Job {
        let job = self.submit(request).await.unwrap();
        self.end(&job).await
    }

    /// The executions of a job that have ended, in order.
    async fn attempts(&self, job: Id) -> Vec<Attempt> {
        let query = ratchet_plugin_api::model::ListQuery::default()
            .filter("job", ratchet_plugin_api::model::FilterOp::Eq, job)
            .sort_by("attempt", false);
        ExecutionStore::list(&self.store, query).await.unwrap().items
    }

    async fn job(&self, id: Id) -> Job {
        JobStore::get(&self.store, Key::Id(id)).await.unwrap()
    }

    async fn stop(&self, within: Duration) {
        Call::root().within(within).scope(self.plugin.stop()).await.unwrap();
    }
}

/// A job of the task `task` that does what `script` says.
fn request(script: Value) -> JobRequest {
    JobRequest { task: "task".into(), input: script.into(), ..JobRequest::default() }
}

fn assert_status(job: &Job, status: JobStatus) {
    assert_eq!(job.status, status, "{job:?}");
}
