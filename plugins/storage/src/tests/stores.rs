//! Stores on every database: tasks, schedules, executions, deliveries, repositories.

use ratchet_plugin_api::model::{
    CatchUp, ExecutionStatus, FilterOp, Json, Key, ListQuery, NewResult, OfferedTask, Overlap,
    Pause, RepositorySpec, ScheduleSpec, TaskProblem, Timestamp, Timing,
};
use ratchet_plugin_api::services::{
    ExecutionStore, FireSchedule, Offer, PutTask, RepositoryReading, RepositoryStore, ResultStore,
    ScheduleStore, TaskStore,
};
use ratchet_plugin_api::{Code, Result};

use super::{definition, each, reason};
use crate::Storage;

fn put(name: &str, source: &str) -> PutTask {
    PutTask {
        task: None,
        definition: definition(name, source),
        enabled: None,
        if_checksum: None,
        note: Some("because".into()),
    }
}

#[tokio::test]
async fn a_task_has_versions_and_one_name() {
    each(async |store: &Storage| {
        let made = store.put(put("addition", "1")).await.unwrap();
        assert_eq!((made.number, made.enabled), (1, true));
        assert_eq!(made.definition.id, Some(made.id));
        assert_eq!(reason(store.put(put("addition", "2")).await), "task.exists");

        let mut change = put("addition", "2");
        change.task = Some(Key::Name("addition".into()));
        change.if_checksum = Some("another".into());
        assert_eq!(reason(store.put(change.clone()).await), "task.changed");
        change.if_checksum = Some(made.checksum.clone());
        let changed = store.put(change.clone()).await.unwrap();
        assert_eq!((changed.id, changed.number), (made.id, 1));
        assert_ne!(changed.checksum, made.checksum);
        change.if_checksum = None;
        assert_eq!(store.put(change).await.unwrap(), changed);

        let versions = store.versions(Key::Id(made.id), ListQuery::default()).await.unwrap();
        assert_eq!(versions.total, Some(2));
        let revisions: Vec<u32> = versions.items.iter().map(|version| version.revision).collect();
        assert_eq!(revisions, [2, 1]);
        assert_eq!(versions.items[1].definition, made.definition);
        assert_eq!(versions.items[1].note.as_deref(), Some("because"));

        let error = TaskStore::get(store, Key::Name("additoin".into())).await.unwrap_err();
        assert_eq!(error.code, Code::NotFound);
        assert!(error.message.contains("did you mean `addition`?"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_task_is_disabled_paused_and_removed() {
    each(async |store: &Storage| {
        let task = store.put(put("addition", "1")).await.unwrap();
        let key = || Key::Number(task.number);
        assert!(!store.enable(key(), false).await.unwrap().enabled);
        assert!(store.enable(key(), true).await.unwrap().enabled);
        let pause = Pause { reason: Some("holiday".into()), ..Pause::default() };
        let paused = store.pause(key(), Some(pause)).await.unwrap().paused.unwrap();
        assert_eq!(paused.reason.as_deref(), Some("holiday"));
        assert!(paused.since.is_some());
        let past = Timestamp::from_microseconds(1);
        let over = Pause { until: Some(past), ..Pause::default() };
        assert_eq!(store.pause(key(), Some(over)).await.unwrap().paused, None);
        let query = ListQuery::default().filter("paused", FilterOp::Eq, true);
        assert_eq!(TaskStore::list(store, query, false).await.unwrap().total, Some(0));
        assert!(store.validated(key()).await.unwrap().validated_at.is_some());

        TaskStore::remove(store, key()).await.unwrap();
        assert_eq!(TaskStore::get(store, key()).await.unwrap_err().code, Code::NotFound);
        let again = store.put(put("addition", "1")).await.unwrap();
        assert_eq!(again.number, 2, "numbers are never used again");
    })
    .await;
}

fn offer(tasks: &[(&str, &str)], problems: &[&str]) -> Offer {
    let tasks = tasks
        .iter()
        .map(|(name, source)| OfferedTask {
            definition: definition(name, source),
            path: format!("tasks/{name}"),
            revision: None,
        })
        .collect();
    let problem =
        |path: &&str| TaskProblem { path: (*path).to_owned(), message: "broken".to_owned() };
    let problems = problems.iter().map(problem).collect();
    Offer { repository: "samples".into(), tasks, problems, complete: true }
}

#[tokio::test]
async fn a_source_is_brought_up_to_date() {
    each(async |store: &Storage| {
        let report = store.sync(offer(&[("a", "1"), ("b", "1")], &[])).await.unwrap();
        assert_eq!(report.added, ["a", "b"]);
        let before = TaskStore::get(store, Key::Name("a".into())).await.unwrap();
        let report = store.sync(offer(&[("a", "2"), ("b", "1"), ("c", "1")], &[])).await.unwrap();
        assert_eq!((report.added, report.updated), (vec!["c".to_owned()], vec!["a".to_owned()]));
        assert_eq!(report.unchanged, 1);
        let after = TaskStore::get(store, Key::Name("a".into())).await.unwrap();
        assert_eq!(after.id, before.id);
        assert_eq!(after.origin.unwrap().path, "tasks/a");

        // One that is broken now stays as it was; one that is gone is removed, and comes back.
        let report = store.sync(offer(&[("c", "1")], &["tasks/a"])).await.unwrap();
        assert_eq!(report.removed, ["b"]);
        assert_eq!(report.problems.len(), 1);
        assert!(TaskStore::get(store, Key::Name("a".into())).await.is_ok());
        let report = store.sync(offer(&[("b", "1"), ("c", "1")], &["tasks/a"])).await.unwrap();
        assert_eq!(report.added, ["b"]);

        // A name that another has is reported and hides no other.
        store.put(put("mine", "1")).await.unwrap();
        let report = store
            .sync(offer(&[("mine", "2"), ("b", "2"), ("c", "1")], &["tasks/a"]))
            .await
            .unwrap();
        assert_eq!((report.updated, report.problems.len()), (vec!["b".to_owned()], 2));
        assert!(report.problems[1].message.contains("is called `mine` already"));
    })
    .await;
}

fn schedule(name: &str, task: &ratchet_plugin_api::model::Task) -> ScheduleSpec {
    ScheduleSpec {
        name: name.into(),
        description: None,
        task: task.id,
        input: Json::null(),
        timing: Timing::Cron("0 0 * * *".into()),
        timezone: "UTC".into(),
        enabled: true,
        priority: None,
        max_runs: None,
        catch_up: CatchUp::Once,
        overlap: Overlap::Skip,
        outputs: Vec::new(),
        metadata: Json::null(),
    }
}

#[tokio::test]
async fn each_time_of_a_schedule_is_taken_once() {
    each(async |store: &Storage| {
        let task = store.put(put("addition", "1")).await.unwrap();
        let now = ScheduleStore::now(store).await.unwrap();
        let later = now.after(std::time::Duration::from_secs(3_600));
        let made = store.create(schedule("nightly", &task), Some(now)).await.unwrap();
        assert_eq!((made.number, made.task_name.as_str()), (1, "addition"));
        let again = store.create(schedule("nightly", &task), None).await;
        assert_eq!(reason(again), "schedule.exists");
        store.create(schedule("later", &task), Some(later)).await.unwrap();

        let due = store.due(10).await.unwrap();
        assert_eq!(due.schedules.len(), 1);
        assert_eq!(due.next_at, Some(later));
        let fire = FireSchedule {
            schedule: made.id,
            seen: now,
            next: Some(later),
            last: now,
            jobs: Vec::new(),
            cancel: Vec::new(),
        };
        assert_eq!(store.fire(fire.clone()).await.unwrap(), Some(Vec::new()));
        assert_eq!(store.fire(fire).await.unwrap(), None);
        let fired = ScheduleStore::get(store, Key::Name("nightly".into())).await.unwrap();
        assert_eq!((fired.next_run_at, fired.last_run_at), (Some(later), Some(now)));

        let mut spec = schedule("nightly", &task);
        spec.enabled = false;
        let changed = ScheduleStore::update(store, Key::Number(1), spec.clone(), None).await;
        let changed = changed.unwrap();
        assert_eq!((changed.spec, changed.next_run_at), (spec, None));
        ScheduleStore::remove(store, Key::Number(1)).await.unwrap();
        let gone = ScheduleStore::get(store, Key::Number(1)).await;
        assert_eq!(reason(gone), "schedule.not_found");
    })
    .await;
}

fn result(task: &ratchet_plugin_api::model::Task, status: ExecutionStatus) -> NewResult {
    NewResult {
        task: task.id,
        input: Json::from_trusted("{\"n\": 1.10}"),
        status,
        output: (status == ExecutionStatus::Completed).then(|| Json::from_trusted("42")),
        error: None,
        http: Vec::new(),
        duration_us: Some(1_500),
        metadata: Json::from_trusted("{\"from\":\"elsewhere\"}"),
    }
}

#[tokio::test]
async fn results_from_elsewhere_are_executions() {
    each(async |store: &Storage| {
        let task = store.put(put("addition", "1")).await.unwrap();
        let done = store.record(result(&task, ExecutionStatus::Completed)).await.unwrap();
        assert_eq!(done.input.as_str(), "{\"n\": 1.10}", "documents are kept as they were written");
        assert_eq!((done.task_name.as_str(), done.duration_us), ("addition", Some(1_500)));
        let failed = store.record(result(&task, ExecutionStatus::Failed)).await.unwrap();
        assert!(failed.error.is_some());
        let bad = store.record(result(&task, ExecutionStatus::Running)).await;
        assert_eq!(reason(bad), "execution.not_ended");

        let query = ListQuery::default().filter("has_error", FilterOp::Eq, true);
        let found = ExecutionStore::list(store, query).await.unwrap();
        assert_eq!(found.items, std::slice::from_ref(&failed));
        let stats = ExecutionStore::stats(store).await.unwrap();
        assert_eq!((stats.completed, stats.failed, stats.last_24h), (1, 1, 2));
        assert_eq!(stats.average_duration_ms, Some(1.5));
        assert_eq!(stats.success_rate, Some(0.5));

        let lines = store.append_logs(done.id, 0, Vec::new()).await;
        assert_eq!(reason(lines), "execution.ended");
        ExecutionStore::remove(store, Key::Id(failed.id)).await.unwrap();
        let gone = ExecutionStore::get(store, Key::Number(failed.number)).await;
        assert_eq!(reason(gone), "execution.not_found");
        let named = ExecutionStore::get(store, Key::Name("x".into())).await.unwrap_err();
        assert!(named.message.contains("give its id or its number"));
    })
    .await;
}

#[tokio::test]
async fn deliveries_are_for_hosts_that_live() {
    each(async |store: &Storage| {
        let host = ratchet_plugin_api::model::Id::new();
        assert_eq!(reason(store.claim_deliveries(host, 5).await), "host.expired");
        assert_eq!(store.next_delivery_ms().await.unwrap(), None);
        assert_eq!(ResultStore::list(store, ListQuery::default()).await.unwrap().total, Some(0));
    })
    .await;
}

fn repository(name: &str, uri: &str) -> RepositorySpec {
    RepositorySpec {
        name: name.into(),
        kind: "filesystem".into(),
        uri: uri.into(),
        branch: None,
        enabled: true,
        watch: false,
        poll_ms: None,
        auth: None,
        writable: false,
        settings: Json::null(),
    }
}

#[tokio::test]
async fn repositories_are_the_configurations_or_ones_own() {
    each(async |store: &Storage| {
        let spec = repository("samples", "file:///samples");
        let configured = store.configure(vec![spec.clone()]).await.unwrap();
        assert!(configured[0].configured);
        let updated = RepositoryStore::update(store, Key::Name("samples".into()), spec).await;
        assert_eq!(reason(updated), "repository.configured");
        let own = store.add(repository("own", "file:///own")).await.unwrap();
        assert_eq!(reason(store.add(repository("own", "x")).await), "repository.exists");

        let problems = vec![TaskProblem { path: "x".into(), message: "broken".into() }];
        let reading = RepositoryReading { problems: problems.clone(), ..Default::default() };
        let read = store.read(Key::Id(own.id), reading).await.unwrap();
        assert_eq!(read.problems, problems);
        assert!(read.synced_at.is_some());
        let failed = RepositoryReading { error: Some("gone".into()), ..Default::default() };
        let failed = store.read(Key::Id(own.id), failed).await.unwrap();
        assert_eq!((failed.error.as_deref(), failed.synced_at), (Some("gone"), read.synced_at));
        let query = ListQuery::default().filter("has_error", FilterOp::Eq, "true");
        assert_eq!(RepositoryStore::list(store, query).await.unwrap().items.len(), 1);

        // What the configuration forgets is forgotten; what is one's own stays.
        assert_eq!(store.configure(Vec::new()).await.unwrap(), []);
        let left = RepositoryStore::list(store, ListQuery::default()).await.unwrap();
        assert_eq!(left.items.len(), 1);
        RepositoryStore::remove(store, Key::Name("own".into())).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_query_that_makes_no_sense_is_refused() {
    each(async |store: &Storage| {
        let ask = async |field: &str, op, value: &str| -> Result<u64> {
            let query = ListQuery::default().filter(field, op, value);
            Ok(ExecutionStore::list(store, query).await?.total.unwrap_or_default())
        };
        let error = ask("statuss", FilterOp::Eq, "x").await.unwrap_err();
        assert!(error.message.contains("did you mean `status`?"), "{error}");
        for (field, op, value) in [
            ("status", FilterOp::Eq, "compleet"),
            ("queued_at", FilterOp::Gt, "yesterday"),
            ("attempt", FilterOp::Eq, "one"),
            ("attempt", FilterOp::Contains, "1"),
            ("has_error", FilterOp::Eq, "maybe"),
            ("job", FilterOp::Eq, "nightly"),
            ("task_name", FilterOp::Eq, "a\0b"),
            ("duration_ms", FilterOp::Lt, "NaN"),
        ] {
            let error = ask(field, op, value).await.unwrap_err();
            assert_eq!(error.code, Code::Invalid, "{field} {op} {value}: {error}");
        }
        assert_eq!(ask("job", FilterOp::Eq, "17").await.unwrap(), 0);
    })
    .await;
}
