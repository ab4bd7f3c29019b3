//! The commands as the host runs them, on the store in memory.

mod jobs;
mod look;
mod schedules;
mod tasks;

use std::sync::Arc;

use ratchet_plugin_api::model::{
    Id, Job, Json, Key, ListQuery, LogLevel, LogLine, Program, TaskDefinition, TaskError, Timestamp,
};
use ratchet_plugin_api::services::{
    ClaimJobs, ClaimedJob, HostInfo, Invocation, JobQueue, JobStore, PutTask, ResultStore,
    ScheduleStore, Settlement, TaskStore, Verdict,
};
use ratchet_plugin_api::services::{ExecutionStore, Executor, Scheduler};
use ratchet_plugin_api::shell::{ShellCommand, run_command};
use ratchet_plugin_api::{Provided, Result};
use ratchet_testkit::TestHost;
use ratchet_testkit::memory::MemoryStore;
use serde_json::{Value, json};

use crate::Execution;

/// A host with the store in memory and the plugin on it, which does not serve.
struct World {
    host: TestHost,
    store: MemoryStore,
    plugin: Arc<Execution>,
    /// What the plugin provides.
    _provided: [Provided; 3],
}

impl World {
    /// One with the task `addition`.
    async fn new() -> Self {
        Self::on(TestHost::new()).await
    }

    async fn on(host: TestHost) -> Self {
        let store = MemoryStore::new();
        let all = Arc::new(store.clone());
        let host = host
            .with::<dyn TaskStore>("", all.clone())
            .with::<dyn JobStore>("", all.clone())
            .with::<dyn ExecutionStore>("", all.clone())
            .with::<dyn ScheduleStore>("", all.clone())
            .with::<dyn ResultStore>("", all);
        let plugin = host.start::<Execution>(json!({})).await.unwrap();
        let provided = [
            host.provide::<dyn JobQueue>("", plugin.clone()).unwrap(),
            host.provide::<dyn Executor>("", plugin.clone()).unwrap(),
            host.provide::<dyn Scheduler>("", plugin.clone()).unwrap(),
        ];
        let world = Self { host, store, plugin, _provided: provided };
        world.put_task("addition").await;
        world
    }

    async fn put_task(&self, name: &str) {
        let schema = json!({"type": "object", "properties": {"num1": {"type": "number"}}});
        let definition = TaskDefinition {
            id: None,
            name: name.to_owned(),
            label: None,
            version: "1.0.0".to_owned(),
            description: Some("Adds two numbers".to_owned()),
            tags: vec!["math".to_owned()],
            program: Program {
                entry: "main.js".to_owned(),
                source: "({num1, num2}) => ({sum: num1 + num2})".to_owned(),
                modules: Default::default(),
            },
            schemas: ratchet_plugin_api::model::Schemas {
                input: Some(schema.into()),
                ..Default::default()
            },
            policy: Default::default(),
            tests: Default::default(),
            metadata: Json::null(),
        };
        let put = PutTask { task: None, definition, enabled: None, if_checksum: None, note: None };
        TaskStore::put(&self.store, put).await.unwrap();
    }

    /// Runs the command `C`; gives its exit code and what it printed.
    async fn run<C: ShellCommand<Execution>>(&self, arguments: Value) -> Result<(u8, String)> {
        let before = self.host.printed().len();
        let invocation = Invocation {
            command: C::NAME.to_owned(),
            arguments: arguments.into(),
            globals: json!({}).into(),
            interactive: false,
            stdout_is_terminal: false,
        };
        let code = run_command::<Execution, C>(Arc::clone(&self.plugin), invocation).await?;
        Ok((code, self.host.printed().split_off(before)))
    }

    /// The same for a command that succeeds.
    async fn text<C: ShellCommand<Execution>>(&self, arguments: Value) -> String {
        let (code, text) = self.run::<C>(arguments).await.unwrap();
        assert_eq!(code, 0, "{text}");
        text
    }

    /// The same, as JSON.
    async fn json<C: ShellCommand<Execution>>(&self, mut arguments: Value) -> Value {
        arguments["json"] = true.into();
        serde_json::from_str(&self.text::<C>(arguments).await).unwrap()
    }

    /// What is wrong with a command line.
    async fn wrong<C: ShellCommand<Execution>>(&self, arguments: Value) -> String {
        self.run::<C>(arguments).await.unwrap_err().message
    }

    /// Takes the next job as a host does.
    async fn claim(&self) -> (Id, ClaimedJob) {
        let host = Id::new();
        let info =
            HostInfo { id: host, name: "alpha".to_owned(), slots: 4, version: "1.0.0".to_owned() };
        self.store.enter(info, 60_000).await.unwrap();
        let claims = self.store.claim(ClaimJobs { host, max: 1 }).await.unwrap();
        (host, claims.jobs.into_iter().next().unwrap())
    }

    /// Lets the next job end like this.
    async fn settle(&self, verdict: Verdict) {
        let (host, claimed) = self.claim().await;
        let line = |level, message: &str| LogLine {
            time: Timestamp::now(),
            level,
            message: message.to_owned(),
        };
        let settlement = Settlement {
            host,
            job: claimed.job,
            execution: claimed.execution,
            verdict,
            task_version: Some("1.0.0".to_owned()),
            began_ms_ago: Some(20),
            duration_us: 12_345,
            logs: vec![line(LogLevel::Info, "one\ntwo"), line(LogLevel::Warn, "three")],
            logs_dropped: 0,
            http: Vec::new(),
            deliveries: Vec::new(),
        };
        self.store.settle(vec![settlement]).await.unwrap();
    }

    async fn job(&self, number: i64) -> Job {
        JobStore::get(&self.store, Key::Number(number)).await.unwrap()
    }
}

fn error(message: &str) -> TaskError {
    TaskError {
        kind: ratchet_plugin_api::model::FailureKind::Thrown,
        class: "TypeError".to_owned(),
        message: message.to_owned(),
        stack: Vec::new(),
        violations: Vec::new(),
        details: None,
        causes: Vec::new(),
    }
}

/// The names in a document, without its values.
fn shape(document: &Value) -> Value {
    match document {
        Value::Object(object) => {
            object.iter().map(|(name, value)| (name.clone(), shape(value))).collect()
        }
        Value::Array(items) => {
            items.first().map(|first| json!([shape(first)])).unwrap_or(json!([]))
        }
        Value::String(_) => "text".into(),
        Value::Number(_) => "number".into(),
        Value::Bool(_) => "truth".into(),
        Value::Null => Value::Null,
    }
}
