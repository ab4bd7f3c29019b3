//! Backups from one kind of database into another, what is kept, and how the schema came to be.

use ratchet_plugin_api::model::{
    ExecutionStatus, Id, Json, Key, ListQuery, LogLevel, LogLine, NewResult, NewUser, Role,
    Timestamp,
};
use ratchet_plugin_api::services::{
    Database, ExecutionStore, HostInfo, JobStore, PutTask, Retention, TaskStore, UserStore,
};
use ratchet_plugin_api::{Code, Plugin as _};

use super::support::Postgres;
use super::{configured, definition, each, reason, started};
use crate::Storage;
use crate::db::{Db, query_number};
use crate::migration;
use crate::upkeep::look;

fn put(name: &str) -> PutTask {
    let definition = definition(name, "line one\nline \"two\" \u{1F980}");
    PutTask { task: None, definition, enabled: None, if_checksum: None, note: None }
}

fn result(task: Id) -> NewResult {
    NewResult {
        task,
        input: Json::from_trusted("{\"big\": 9007199254740993, \"text\": \"a\\nb\"}"),
        status: ExecutionStatus::Completed,
        output: Some(Json::from_trusted("[1.50]")),
        error: None,
        http: Vec::new(),
        duration_us: Some(7),
        metadata: Json::null(),
    }
}

async fn furnish(store: &Storage) {
    for name in ["addition", "subtraction"] {
        let task = store.put(put(name)).await.unwrap();
        ExecutionStore::record(store, result(task.id)).await.unwrap();
    }
    TaskStore::remove(store, Key::Name("subtraction".into())).await.unwrap();
    let user = NewUser {
        name: "alice".into(),
        email: None,
        display_name: Some("Alice A.".into()),
        role: Role::Admin,
        password_hash: Some("hash".into()),
    };
    store.create(user).await.unwrap();
}

/// Everything there is to see in a furnished store.
async fn contents(store: &Storage) -> String {
    let tasks = TaskStore::list(store, ListQuery::default(), true).await.unwrap();
    let executions = ExecutionStore::list(store, ListQuery::default()).await.unwrap();
    let users = UserStore::list(store, ListQuery::default()).await.unwrap();
    format!("{tasks:?} {executions:?} {users:?}")
}

#[tokio::test]
async fn a_backup_is_restored_into_either_kind_of_database() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let postgres = (Postgres::fresh().await, Postgres::fresh().await);
    let mut urls = vec![(format!("sqlite://{}", at("1.db")), format!("sqlite://{}", at("2.db")))];
    if let (Some(one), Some(other)) = (&postgres.0, &postgres.1) {
        urls.push((urls[0].0.clone(), one.url()));
        urls.push((one.url(), other.url()));
        urls.push((other.url(), format!("sqlite://{}", at("3.db"))));
    }
    for (place, (from, to)) in urls.into_iter().enumerate() {
        let source = started(&from).await;
        if source.count().await.unwrap() == 0 {
            furnish(&source).await;
        }
        let before = contents(&source).await;
        let file = at(&format!("{place}.backup"));
        let written = source.backup(file.clone()).await.unwrap();
        assert_eq!(reason(source.backup(file.clone()).await), "backup.exists");
        source.stop().await.unwrap();

        let target = started(&to).await;
        let restored = target.restore(file.clone(), false).await.unwrap();
        assert_eq!((restored.rows, restored.bytes), (written.rows, written.bytes));
        assert_eq!(contents(&target).await, before, "{from} to {to}");
        // Numbers go on where they were.
        assert_eq!(target.put(put("next")).await.unwrap().number, 3);
        assert_eq!(reason(target.restore(file.clone(), false).await), "restore.not_empty");
        target.restore(file, true).await.unwrap();
        assert_eq!(contents(&target).await, before);
        target.stop().await.unwrap();
    }
}

/// One backup for each schema there has been, made by the version that had it.
const RELEASED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/released");

#[tokio::test]
async fn data_of_every_schema_there_has_been_comes_forward() {
    let mut schemas = Vec::new();
    for entry in std::fs::read_dir(RELEASED).unwrap() {
        let file = entry.unwrap().path();
        each(async |store: &Storage| {
            store.restore(file.display().to_string(), false).await.unwrap();
            let db = store.db().unwrap();
            assert_eq!(db.schema().await.unwrap().applied, migration::known());
            let task = TaskStore::get(store, Key::Name("addition".into())).await.unwrap();
            assert_eq!(task.number, 1);
            let executions = ExecutionStore::list(store, ListQuery::default()).await.unwrap();
            let ended = executions.items.iter().filter(|it| it.finished_at.is_some());
            assert_eq!(ended.count(), 2);
            let output = executions.items[0].output.as_ref().map(Json::as_str);
            assert_eq!(output, Some("[1.50]"));
            assert_eq!(store.count().await.unwrap(), 1);
            assert!(JobStore::list(store, ListQuery::default()).await.unwrap().total > Some(0));
        })
        .await;
        schemas.push(file.file_stem().unwrap().to_string_lossy().into_owned());
    }
    schemas.sort();
    assert_eq!(schemas, migration::known(), "each schema has a backup in {RELEASED}");
}

/// Makes the backup of the newest schema when a schema is released: run it by name, with the
/// folder it goes to in `RATCHET_RELEASE_BACKUP`.
#[tokio::test]
#[ignore = "writes a file that is committed"]
async fn a_backup_of_the_newest_schema_is_made() {
    let folder = std::env::var("RATCHET_RELEASE_BACKUP").unwrap();
    let store = started("sqlite::memory:").await;
    furnish(&store).await;
    let task = TaskStore::get(&*store, Key::Name("addition".into())).await.unwrap();
    accepted(&store, task.id).await;
    let name = migration::known().pop().unwrap();
    store.backup(format!("{folder}/{name}.backup")).await.unwrap();
}

#[tokio::test]
async fn a_backup_that_is_not_whole_or_not_ours_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = started("sqlite::memory:").await;
    furnish(&store).await;
    let file = folder.path().join("backup");
    store.backup(file.display().to_string()).await.unwrap();
    let before = contents(&store).await;
    let text = std::fs::read_to_string(&file).unwrap();
    let bad = |text: String| {
        std::fs::write(&file, text).unwrap();
        store.restore(file.display().to_string(), true)
    };
    let cut = text[..text.len() / 2].to_owned();
    assert_eq!(reason(bad(cut).await), "backup.damaged");
    assert_eq!(reason(bad(text.replace("addition", "xddition")).await), "backup.damaged");
    assert_eq!(reason(bad("{}".into()).await), "backup.damaged");
    let newer = text.replacen("m0001_first", "m9999_later", 1);
    let (body, _) = newer.trim_end().rsplit_once('\n').unwrap();
    let digest = {
        use sha2::Digest as _;
        let digest = sha2::Sha256::digest(format!("{body}\n"));
        digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let newer = format!("{body}\n{{\"rows\":0,\"sha256\":\"{digest}\"}}\n");
    assert_eq!(reason(bad(newer).await), "backup.newer");
    let missing = store.restore(folder.path().join("no").display().to_string(), true).await;
    assert_eq!(missing.unwrap_err().code, Code::NotFound);
    assert_eq!(contents(&store).await, before);
}

#[tokio::test]
async fn a_database_in_use_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let store = started("sqlite::memory:").await;
    let file = folder.path().join("backup").display().to_string();
    store.backup(file.clone()).await.unwrap();
    let host = HostInfo { id: Id::new(), name: "h".into(), slots: 1, version: "1".into() };
    store.enter(host, 60_000).await.unwrap();
    assert_eq!(reason(store.restore(file, false).await), "restore.in_use");
}

#[tokio::test]
async fn what_is_old_or_too_many_is_removed() {
    each(async |store: &Storage| {
        let task = store.put(put("addition")).await.unwrap();
        for _ in 0..5 {
            ExecutionStore::record(store, result(task.id)).await.unwrap();
        }
        let nothing = store.retain(Retention::default()).await.unwrap();
        assert_eq!(nothing.executions, 0);
        let most = Retention { max_count: Some(3), max_age_ms: Some(3_600_000) };
        assert_eq!(store.retain(most).await.unwrap().executions, 2);
        let left = ExecutionStore::list(store, ListQuery::default()).await.unwrap();
        let numbers: Vec<i64> = left.items.iter().map(|execution| execution.number).collect();
        assert_eq!(numbers, [3, 4, 5], "the newest stay");
        let old = Retention { max_age_ms: Some(0), max_count: None };
        assert_eq!(store.retain(old).await.unwrap().executions, 3);
    })
    .await;
}

#[tokio::test]
async fn what_the_database_is_and_holds_is_told() {
    each(async |store: &Storage| {
        furnish(store).await;
        let status = Database::status(store).await.unwrap();
        assert_eq!(status.schema.as_deref(), migration::known().last().map(String::as_str));
        assert!(status.pending.is_empty() && status.unknown.is_empty());
        assert!(status.bytes > 0 && !status.server_version.is_empty());
        assert!(!status.url.contains("root@"), "{}", status.url);
        let stats = Database::stats(store).await.unwrap();
        let tasks = stats.tables.iter().find(|table| table.name == "tasks").unwrap();
        assert_eq!(tasks.rows, 2);
        assert!(tasks.bytes.unwrap_or(1) > 0);
        assert!(store.vacuum().await.unwrap() > 0);
        assert!(Database::migrate(store).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_database_is_looked_at_without_being_made_or_changed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ratchet.db");
    let config = configured(&format!("sqlite://{}", file.display()));
    let status = look(&config).await.unwrap();
    assert_eq!((status.schema, status.pending), (None, migration::known()));
    assert!(!file.exists());
    let db = Db::open(config.clone()).await.unwrap();
    let sql = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_later', 0)";
    db.execute_outside(sql).await.unwrap();
    db.close().await;
    let status = look(&config).await.unwrap();
    assert_eq!(status.unknown, ["m9999_later"]);
}

#[tokio::test]
async fn a_migration_that_is_interrupted_leaves_what_was_and_goes_on_later() {
    let folder = tempfile::tempdir().unwrap();
    let postgres = Postgres::fresh().await;
    let file = format!("sqlite://{}", folder.path().join("ratchet.db").display());
    for url in std::iter::once(file).chain(postgres.as_ref().map(Postgres::url)) {
        let db = Db::connect(configured(&url)).await.unwrap();
        let transaction = db.begin().await.unwrap();
        migration::up(&transaction, None).await.unwrap();
        // The process ends before it is committed.
        drop(transaction);
        db.close().await;
        let db = Db::connect(configured(&url)).await.unwrap();
        assert_eq!(db.schema().await.unwrap().applied, Vec::<String>::new());
        assert_eq!(db.migrate().await.unwrap(), migration::known());
        assert_eq!(query_number(db.read(), "SELECT COUNT(*) FROM tasks", []).await.unwrap(), 0);
        db.close().await;
    }
}

#[tokio::test]
async fn hosts_that_start_together_migrate_once() {
    let Some(postgres) = Postgres::fresh().await else { return };
    let open = || Db::open(configured(&postgres.url()));
    let (one, two, three) = tokio::join!(open(), open(), open());
    for db in [one, two, three] {
        let db = db.unwrap();
        assert!(db.schema().await.unwrap().pending.is_empty());
        db.close().await;
    }
}

#[tokio::test]
async fn logs_are_kept_once_and_read_in_parts() {
    each(async |store: &Storage| {
        let task = store.put(put("addition")).await.unwrap();
        let execution = accepted(store, task.id).await;
        let line = |text: &str| LogLine {
            time: Timestamp::from_microseconds(1),
            level: LogLevel::Info,
            message: text.into(),
        };
        let lines = |texts: &[&str]| texts.iter().map(|text| line(text)).collect::<Vec<_>>();
        store.append_logs(execution, 0, lines(&["a", "b"])).await.unwrap();
        store.append_logs(execution, 1, lines(&["b", "c"])).await.unwrap();
        store.append_logs(execution, 0, lines(&["a"])).await.unwrap();
        let gap = store.append_logs(execution, 9, lines(&["z"])).await;
        assert_eq!(reason(gap), "execution.log_gap");
        let page = store.logs(Key::Id(execution), 0, 10).await.unwrap();
        assert_eq!((page.lines, page.next, page.ended), (lines(&["a", "b", "c"]), 3, false));
        let page = store.logs(Key::Id(execution), 1, 1).await.unwrap();
        assert_eq!((page.lines, page.next), (lines(&["b"]), 2));
        let page = store.logs(Key::Id(execution), 7, 5).await.unwrap();
        assert_eq!((page.lines.len(), page.next), (0, 7));
        let nobody = store.append_logs(Id::new(), 0, lines(&["a"])).await;
        assert_eq!(reason(nobody), "execution.not_found");
    })
    .await;
}

async fn accepted(store: &Storage, task: Id) -> Id {
    use ratchet_plugin_api::services::{AcceptJobs, Acceptance};
    let job = serde_json::json!({
        "id": Id::new().to_string(), "task": task.to_string(), "input": {}, "priority": "normal",
        "metadata": {},
    });
    let jobs = vec![serde_json::from_value(job).unwrap()];
    let request = AcceptJobs { jobs, atomic: true, claim_for: None, max_waiting: None };
    match store.accept(request).await.unwrap().remove(0) {
        Acceptance::Accepted { execution, .. } => execution,
        other => panic!("not accepted: {other:?}"),
    }
}

#[tokio::test]
async fn retention_is_as_configured() {
    let host = ratchet_testkit::TestHost::new();
    let config = serde_json::json!({ "database": {
        "url": "sqlite::memory:",
        "retention": { "max_age_days": 1, "max_count": 2, "interval_minutes": 5 },
    }});
    let store = host.start::<Storage>(config).await.unwrap();
    let task = store.put(put("addition")).await.unwrap();
    for _ in 0..4 {
        ExecutionStore::record(&*store, result(task.id)).await.unwrap();
    }
    let db = store.db().unwrap();
    db.write(|tx| {
        Box::pin(async move {
            let sql = "UPDATE executions SET finished_at = $1 WHERE number = 4";
            crate::db::execute(tx, sql, [1_i64.into()]).await
        })
    })
    .await
    .unwrap();
    // It looks once before it notices that it shall stop.
    host.stop();
    crate::upkeep::keep_tidy(host.context("ratchet.storage"), std::sync::Arc::clone(db)).await;
    let left = ExecutionStore::list(&*store, ListQuery::default()).await.unwrap();
    let numbers: Vec<i64> = left.items.iter().map(|execution| execution.number).collect();
    assert_eq!(numbers, [2, 3]);
}
