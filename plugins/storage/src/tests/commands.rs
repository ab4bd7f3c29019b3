//! `ratchet db …` as it is typed.

use std::sync::Arc;

use ratchet_plugin_api::model::Json;
use ratchet_plugin_api::services::{Invocation, PutTask, TaskStore};
use ratchet_plugin_api::shell::{ShellCommand, run_command};
use ratchet_plugin_api::{Plugin as _, Result};
use ratchet_testkit::TestHost;
use serde_json::{Value, json};

use super::{definition, reason, started};
use crate::Storage;
use crate::command::{DbBackup, DbMigrate, DbRestore, DbStats, DbStatus, DbVacuum};
use crate::db::Db;

/// Runs a command on the database of this URL; gives what it printed and its exit code.
async fn typed<C: ShellCommand<Storage>>(url: &str, arguments: Value) -> Result<(String, u8)> {
    let host = TestHost::new();
    let purpose = json!({ "name": C::NAME, "serves": false });
    host.fake().answer("command", purpose.to_string());
    let config = json!({ "database": { "url": url } });
    let storage = host.start::<Storage>(config).await?;
    let invocation = Invocation {
        command: C::NAME.to_owned(),
        arguments: Json::from(arguments),
        globals: Json::from(json!({})),
        interactive: false,
        stdout_is_terminal: false,
    };
    let code = run_command::<Storage, C>(Arc::clone(&storage), invocation).await?;
    storage.stop().await?;
    Ok((host.printed(), code))
}

fn parsed(printed: &str) -> Value {
    serde_json::from_str(printed).unwrap()
}

#[tokio::test]
async fn a_database_is_made_seen_backed_up_and_restored() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let url = format!("sqlite://{}", at("ratchet.db"));
    let plain = || json!({ "json": false });

    let (text, code) = typed::<DbStatus>(&url, plain()).await.unwrap();
    assert_eq!(code, 0);
    assert!(text.contains("none yet") && text.contains("ratchet.db"), "{text}");
    assert!(!folder.path().join("ratchet.db").exists(), "looking makes nothing");
    let (text, _) = typed::<DbMigrate>(&url, plain()).await.unwrap();
    assert!(text.starts_with("applied m0001_first\n"), "{text}");
    let (text, _) = typed::<DbMigrate>(&url, plain()).await.unwrap();
    assert_eq!(text, "the database is up to date\n");
    let (text, _) = typed::<DbStatus>(&url, json!({ "json": true })).await.unwrap();
    assert_eq!(parsed(&text)["pending"], json!([]));

    let store = started(&url).await;
    let definition = definition("addition", "1");
    let put = PutTask { task: None, definition, enabled: None, if_checksum: None, note: None };
    store.put(put).await.unwrap();
    store.stop().await.unwrap();
    let (text, _) = typed::<DbStats>(&url, json!({ "json": true })).await.unwrap();
    let tables = parsed(&text)["tables"].as_array().unwrap().clone();
    let tasks = tables.iter().find(|table| table["name"] == "tasks").unwrap();
    assert_eq!(tasks["rows"], 1);
    let (text, _) = typed::<DbStats>(&url, plain()).await.unwrap();
    assert!(text.contains("tasks") && text.contains("in all"), "{text}");

    let file = at("ratchet.backup");
    let backup = json!({ "file": file, "json": false });
    let (text, _) = typed::<DbBackup>(&url, backup.clone()).await.unwrap();
    assert!(text.starts_with("wrote ") && text.contains(&file), "{text}");
    assert_eq!(reason(typed::<DbBackup>(&url, backup).await), "backup.exists");
    let other = format!("sqlite://{}", at("other.db"));
    let restore = |force| json!({ "file": file, "force": force, "json": true });
    let (text, _) = typed::<DbRestore>(&other, restore(false)).await.unwrap();
    assert_eq!(parsed(&text)["schema"], "m0001_first");
    assert_eq!(reason(typed::<DbRestore>(&other, restore(false)).await), "restore.not_empty");
    typed::<DbRestore>(&other, restore(true)).await.unwrap();
    let store = started(&other).await;
    assert!(TaskStore::get(&*store, "addition".parse().unwrap()).await.is_ok());
    store.stop().await.unwrap();
    let (text, _) = typed::<DbVacuum>(&other, plain()).await.unwrap();
    assert!(text.starts_with("the database has "), "{text}");
}

#[tokio::test]
async fn what_is_in_memory_is_not_looked_after() {
    let error = typed::<DbMigrate>("sqlite::memory:", json!({ "json": false })).await.unwrap_err();
    assert_eq!(error.reason.as_deref(), Some("storage.in_memory"));
    assert!(error.message.contains("server.database.url"), "{error}");
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_shown_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("ratchet.db").display());
    let db = Db::open(super::configured(&url)).await.unwrap();
    let sql = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_later', 0)";
    db.execute_outside(sql).await.unwrap();
    db.close().await;
    let (text, code) = typed::<DbStatus>(&url, json!({ "json": false })).await.unwrap();
    assert_eq!(code, 1);
    assert!(text.contains("newer version") && text.contains("m9999_later"), "{text}");
    let migrated = typed::<DbMigrate>(&url, json!({ "json": false })).await;
    assert_eq!(reason(migrated), "storage.newer");
}
