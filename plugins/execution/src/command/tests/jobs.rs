//! `ratchet job …`, `ratchet execution …` and `ratchet why`.

use ratchet_plugin_api::model::JobStatus;
use ratchet_plugin_api::services::{
    Database, DatabaseStats, DatabaseStatus, DumpReport, Retention, RetentionReport,
};
use ratchet_plugin_api::{Code, Error, service};

use super::*;
use crate::command::*;

#[tokio::test]
async fn a_job_is_added_listed_shown_and_explained() {
    let world = World::new().await;
    let text = world
        .text::<JobAdd>(json!({
            "task": "addition", "input-json": "{\"num1\": 1}", "priority": "urgent", "delay": "1h",
        }))
        .await;
    assert!(text.starts_with("job 1 of `addition` is accepted ("), "{text}");
    let job = world.job(1).await;
    assert_eq!((job.input.as_str(), job.priority.as_str()), ("{\"num1\": 1}", "critical"));
    let text = world.text::<JobList>(json!({"task": "addition", "status": ["queued"]})).await;
    assert!(text.contains("addition  queued  not_before  critical  0/4"), "{text}");
    let text = world.text::<JobShow>(json!({"job": "1"})).await;
    assert!(text.contains("\npriority   critical\n"), "{text}");
    let text = world.text::<Why>(json!({"job": "1"})).await;
    assert!(text.starts_with("job 1 of `addition` waits for its time, which comes at "), "{text}");
    assert!(text.ends_with("\n  why.not_before\n"), "{text}");
}

#[tokio::test]
async fn mistakes_are_named_with_what_would_be_right() {
    let world = World::new().await;
    let table = [
        (world.wrong::<JobAdd>(json!({})).await, "no task is given"),
        (world.wrong::<JobAdd>(json!({"task": "adition"})).await, "did you mean `addition`?"),
        (
            world.wrong::<JobAdd>(json!({"task": "addition", "priority": "hihg"})).await,
            "did you mean `high`?",
        ),
        (
            world.wrong::<JobAdd>(json!({"task": "addition", "delay": "1x"})).await,
            "--delay is `1x`; it is a duration",
        ),
        (
            world.wrong::<JobAdd>(json!({"task": "addition", "input-json": "{num1: 1}"})).await,
            "--input-json is not valid JSON",
        ),
        (
            world
                .wrong::<JobAdd>(json!({"task": "addition", "input-json": "{\"num1\": \"x\"}"}))
                .await,
            "num1",
        ),
        (world.wrong::<JobList>(json!({"status": ["faild"]})).await, "did you mean `failed`?"),
        (world.wrong::<JobList>(json!({"sort": ["-queud_at"]})).await, "did you mean `queued_at`?"),
        (world.wrong::<JobList>(json!({"where": ["attemt>1"]})).await, "did you mean `attempt`?"),
        (world.wrong::<JobList>(json!({"since": "now"})).await, "--since is `now`"),
        (world.wrong::<JobList>(json!({"limit": 0})).await, "--limit is 0; it is 1 to 1000"),
        (world.wrong::<JobClear>(json!({})).await, "nothing is chosen"),
        (
            world.wrong::<JobClear>(json!({"status": ["queued"]})).await,
            "only jobs that are completed, failed or cancelled",
        ),
        (world.wrong::<JobPause>(json!({"for": "1h", "until": "2030-01-01"})).await, "give one"),
        (
            world.wrong::<JobPause>(json!({"until": "2020-01-01T00:00:00Z"})).await,
            "would be over already",
        ),
        (world.wrong::<JobShow>(json!({"job": "7"})).await, "7"),
    ];
    for (error, expected) in table {
        assert!(error.contains(expected), "{error} does not say: {expected}");
    }
}

#[tokio::test]
async fn jobs_are_cancelled_retried_and_cleared_away() {
    let world = World::new().await;
    world.text::<JobAdd>(json!({"task": "addition"})).await;
    let text = world.text::<JobCancel>(json!({"job": "1", "reason": "a mistake"})).await;
    assert_eq!(text, "job 1 of `addition` is cancelled\n");
    let text = world.text::<Why>(json!({"job": "1"})).await;
    assert!(text.contains("before it began: a mistake"), "{text}");
    let error = world.run::<JobCancel>(json!({"job": "1"})).await.unwrap_err();
    assert_eq!((error.code, error.code.exit_code()), (Code::Conflict, 1));
    let retry = json!({"job": "1", "input-json": "{\"num1\": 2}"});
    assert_eq!(world.text::<JobRetry>(retry).await, "job 1 of `addition` waits again\n");
    assert_eq!(world.job(1).await.input.as_str(), "{\"num1\": 2}");
    world.settle(Verdict::Failed(error_of_task())).await;
    let text = world.text::<JobShow>(json!({"job": "1"})).await;
    assert!(text.contains("\nTypeError: x is undefined\n"), "{text}");
    let text = world.text::<JobClear>(json!({"status": ["completed"]})).await;
    assert_eq!(text, "0 jobs removed\n");
    assert_eq!(world.json::<JobClear>(json!({"all": true})).await, json!({"removed": 1}));
    assert_eq!(world.text::<JobList>(json!({})).await, "no jobs\n");
}

fn error_of_task() -> TaskError {
    error("x is undefined")
}

#[tokio::test]
async fn the_queue_is_paused_and_resumed() {
    let world = World::new().await;
    world.text::<JobAdd>(json!({"task": "addition"})).await;
    let text = world.text::<JobPause>(json!({"reason": "maintenance"})).await;
    assert_eq!(text, "the queue is paused\n");
    let text = world.text::<JobStats>(json!({})).await;
    assert!(text.contains("\npaused               yes: maintenance\n"), "{text}");
    let told = world.json::<Why>(json!({"job": "1"})).await;
    assert_eq!(told["cause"], "why.queue_paused");
    assert_eq!(world.text::<JobResume>(json!({})).await, "the queue goes on\n");
    let paused = world.json::<JobPause>(json!({"task": "addition", "for": "1h"})).await;
    assert_eq!((&paused["paused"], &paused["task"]), (&json!(true), &json!("addition")));
    let told = world.json::<Why>(json!({"job": "1"})).await;
    assert_eq!(told["cause"], "why.task_paused");
    let text = world.text::<JobResume>(json!({"task": "addition"})).await;
    assert_eq!(text, "the jobs of `addition` go on\n");
}

#[tokio::test]
async fn a_batch_is_taken_as_a_whole_or_in_part() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("batch.jsonl");
    let lines = "{\"task\": \"addition\", \"reference\": \"a\"}\n\
                 {\"task\": \"addition\", \"depends_on\": [\"a\"]}\n\
                 {\"task\": \"adition\"}\n";
    std::fs::write(&file, lines).unwrap();
    let path = file.display().to_string();
    let arguments = |partial: bool| json!({"batch-file": path, "partial": partial, "json": true});
    let error = world.wrong::<JobAdd>(arguments(false)).await;
    assert!(error.contains("3 of 3") && error.contains("did you mean `addition`?"), "{error}");
    assert_eq!(world.text::<JobList>(json!({})).await, "no jobs\n");
    let (code, text) = world.run::<JobAdd>(arguments(true)).await.unwrap();
    let answers: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(code, 1);
    assert_eq!(
        answers[1]["submitted"]["job"]["waits_for"][0],
        answers[0]["submitted"]["job"]["id"]
    );
    assert_eq!(answers[2]["refused"]["code"], "not_found");
}

#[tokio::test]
async fn a_job_is_waited_for() {
    let world = World::new().await;
    let adding = world.run::<JobAdd>(json!({"task": "addition", "wait": true}));
    let running = async {
        while world.host_has_no_job().await {
            tokio::task::yield_now().await;
        }
        world.settle(Verdict::Completed(Json::from_trusted("{\n\"sum\": 15}"))).await;
    };
    let (added, ()) = tokio::join!(adding, running);
    assert_eq!(added.unwrap(), (0, "{\"sum\":15}\n".to_owned()));
    let executions = world.json::<ExecutionList>(json!({"job": "1"})).await;
    assert_eq!(
        (&executions["total"], &executions["items"][0]["status"]),
        (&json!(1), &json!("completed"))
    );
}

impl World {
    async fn host_has_no_job(&self) -> bool {
        JobStore::stats(&self.store).await.unwrap().queued == 0
    }
}

#[tokio::test]
async fn executions_are_listed_shown_and_their_logs_printed() {
    let world = World::new().await;
    world.text::<JobAdd>(json!({"task": "addition"})).await;
    world.settle(Verdict::Failed(error("x is undefined"))).await;
    let list = json!({"status": ["failed"], "where": ["error_class=TypeError"]});
    let text = world.text::<ExecutionList>(list).await;
    assert!(text.contains("12.3 ms") && text.contains("TypeError: x is undefined"), "{text}");
    let id = world.job(1).await.execution.to_string();
    let text = world.text::<ExecutionShow>(json!({"execution": id})).await;
    assert!(text.contains("\ntook       12.3 ms\n"), "{text}");
    let text = world.text::<ExecutionLogs>(json!({"execution": id, "follow": true})).await;
    let lines: Vec<&str> =
        text.lines().map(|line| line.trim_start_matches(|c: char| !c.is_alphabetic())).collect();
    assert_eq!(lines, ["INFO  one", "two", "WARN  three"]);
    let text =
        world.text::<ExecutionLogs>(json!({"execution": id, "level": "warn", "json": true})).await;
    let line: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&line["position"], &line["level"], &line["message"]),
        (&json!(1), &json!("warn"), &json!("three"))
    );
    let text = world.text::<ExecutionLogs>(json!({"execution": id, "from": 1})).await;
    assert_eq!(text.lines().count(), 1);
    let error = world.wrong::<ExecutionLogs>(json!({"execution": id, "level": "warm"})).await;
    assert!(error.ends_with("did you mean `warn`?"), "{error}");
}

#[tokio::test]
async fn documents_keep_their_names() {
    let world = World::new().await;
    let added = world.json::<JobAdd>(json!({"task": "addition"})).await;
    world.text::<ScheduleAdd>(json!({"name": "daily", "task": "addition", "cron": "@daily"})).await;
    let documents = [
        ("job add", added),
        ("job list", world.json::<JobList>(json!({})).await),
        ("job stats", world.json::<JobStats>(json!({})).await),
        ("why", world.json::<Why>(json!({"job": "1"})).await),
        ("schedule show", world.json::<ScheduleShow>(json!({"schedule": "daily"})).await),
        ("schedule next", world.json::<ScheduleNext>(json!({"schedule": "daily"})).await),
        ("task list", world.json::<TaskList>(json!({})).await),
        ("task versions", world.json::<TaskVersions>(json!({"task": "addition"})).await),
        ("execution list", world.json::<ExecutionList>(json!({})).await),
    ];
    let text: Vec<String> =
        documents.iter().map(|(name, document)| format!("{name}\n{:#}", shape(document))).collect();
    insta::assert_snapshot!(text.join("\n"));
}

/// A database that is gone with the process.
struct Fleeting;

#[service]
impl Database for Fleeting {
    async fn status(&self) -> Result<DatabaseStatus> {
        Ok(DatabaseStatus {
            url: "sqlite::memory:".to_owned(),
            backend: "sqlite".to_owned(),
            server_version: "3.53.0".to_owned(),
            schema: None,
            pending: Vec::new(),
            unknown: Vec::new(),
            bytes: 0,
        })
    }

    async fn migrate(&self) -> Result<Vec<String>> {
        Err(not_here())
    }

    async fn stats(&self) -> Result<DatabaseStats> {
        Err(not_here())
    }

    async fn backup(&self, _: String) -> Result<DumpReport> {
        Err(not_here())
    }

    async fn restore(&self, _: String, _: bool) -> Result<DumpReport> {
        Err(not_here())
    }

    async fn retain(&self, _: Retention) -> Result<RetentionReport> {
        Err(not_here())
    }

    async fn vacuum(&self) -> Result<u64> {
        Err(not_here())
    }
}

fn not_here() -> Error {
    Error::new(Code::Unsupported, "this database only has a status")
}

#[tokio::test]
async fn a_database_in_memory_is_no_place_to_leave_things() {
    let host = TestHost::new().with::<dyn Database>("", Arc::new(Fleeting));
    let world = World::on(host).await;
    let error = world.run::<JobAdd>(json!({"task": "addition"})).await.unwrap_err();
    assert_eq!((error.code, error.code.exit_code()), (Code::Configuration, 78));
    assert!(error.message.contains("server.database.url"), "{error}");
    assert_eq!(world.job_count(JobStatus::Queued).await, 0);
    // What needs no store works all the same.
    let next = json!({"every": "1h", "count": 1});
    assert_eq!(world.text::<ScheduleNext>(next).await.lines().count(), 1);
}

impl World {
    async fn job_count(&self, status: JobStatus) -> usize {
        let query =
            ListQuery::default().filter("status", ratchet_plugin_api::model::FilterOp::Eq, status);
        JobStore::list(&self.store, query).await.unwrap().items.len()
    }
}
