//! A server that runs, with sources that change.

use std::path::Path;
use std::time::Duration;

use ratchet_plugin_api::Code;
use ratchet_plugin_api::Stream;
use ratchet_plugin_api::model::{Json, RepositorySpec};
use ratchet_plugin_api::services::{Change, JobStore, TaskSource};
use ratchet_taskdir::test_folder::{ADDITION, folder, write, write_zip};
use serde_json::json;

use super::*;

/// How long anything that is awaited may take.
const SOON: Duration = Duration::from_secs(30);

fn add_task(root: &Path, path: &str, name: &str, body: &str) {
    let metadata = format!(r#"{{"name": "{name}", "label": "L", "version": "1.0.0"}}"#);
    write(&root.join(path), &[("metadata.json", &metadata), ("main.js", body)]);
}

/// Waits until tasks have changed.
async fn tasks_change(changes: &mut Stream<Change>) {
    let changed = async {
        while let Some(change) = changes.next().await {
            if change.unwrap() == Change::Tasks {
                return;
            }
        }
        panic!("the store has gone");
    };
    tokio::time::timeout(SOON, changed).await.expect("tasks change");
}

#[tokio::test]
async fn a_running_server_takes_over_changes() {
    let folder = folder(&[]);
    add_task(folder.path(), "tasks/one", "one", "() => 1");
    let world = World::new();
    let mut changes = world.tasks.changes().await.unwrap();
    let uri = format!("file://{}", folder.path().display());
    let source = json!([{"name": "local", "uri": uri, "config": {"watch": true}}]);
    let _plugin = world.serve(source).await;
    tasks_change(&mut changes).await;
    assert_eq!(world.names().await, ["one"]);
    let first = world.kept().await.remove(0);
    assert_eq!(first.origin.unwrap().path, "tasks/one");

    // A task that is changed is a new version of itself, though it has no id of its own.
    add_task(folder.path(), "tasks/one", "one", "() => 2");
    tasks_change(&mut changes).await;
    let second = world.kept().await.remove(0);
    assert_eq!(second.id, first.id);
    assert_eq!(second.definition.program.source, "() => 2");

    // Another comes in an archive, one is broken, and the good one stays.
    write(&folder.path().join("tasks/one"), &[("metadata.json", "{,}")]);
    write_zip(&folder.path().join("pack.zip"), "addition/", ADDITION);
    tasks_change(&mut changes).await;
    assert_eq!(world.names().await, ["addition", "one"]);

    // What is gone is removed.
    std::fs::remove_file(folder.path().join("pack.zip")).unwrap();
    tasks_change(&mut changes).await;
    assert_eq!(world.names().await, ["one"]);
    let status = world.host.service::<dyn TaskSource>("local").unwrap().status().await.unwrap();
    assert!(status.watching && status.synced_at.is_some());
    assert!(status.problems[0].message.contains("metadata.json:1:2"), "{:?}", status.problems);
    world.host.stop();
}

#[tokio::test]
async fn a_source_that_is_not_there_yet_keeps_nothing_from_starting() {
    let folder = folder(&[]);
    add_task(&folder.path().join("there"), "a", "a", "1");
    let world = World::new();
    let mut changes = world.tasks.changes().await.unwrap();
    let missing = folder.path().join("later");
    let _plugin = world
        .serve(json!([
            {"name": "there", "uri": folder.path().join("there")},
            {"name": "later", "uri": missing},
        ]))
        .await;
    tasks_change(&mut changes).await;
    assert_eq!(world.names().await, ["a"]);
    let later = world.host.service::<dyn TaskSource>("later").unwrap();
    assert_eq!(later.sync(false).await.unwrap_err().code, Code::Unavailable);
    assert!(later.status().await.unwrap().error.unwrap().contains("cannot read"));
    assert!(world.repositories.find(&Key::Name("later".into())).unwrap().error.is_some());
    add_task(&missing, "b", "b", "1");
    tasks_change(&mut changes).await;
    assert_eq!(world.names().await, ["a", "b"]);
    world.host.stop();
}

#[tokio::test]
async fn repositories_that_were_added_are_followed_and_let_go() {
    let folder = folder(&[]);
    add_task(folder.path(), "a", "a", "1");
    let world = World::new();
    let mut changes = world.tasks.changes().await.unwrap();
    let spec = RepositorySpec {
        name: "extra".into(),
        kind: "filesystem".into(),
        uri: folder.path().display().to_string(),
        branch: None,
        enabled: true,
        watch: true,
        poll_ms: None,
        auth: None,
        writable: false,
        settings: Json::null(),
    };
    world.repositories.put(spec, false);
    let _plugin = world.serve(json!([])).await;
    tasks_change(&mut changes).await;
    assert_eq!(world.names().await, ["a"]);
    assert!(world.host.service::<dyn TaskSource>("extra").is_ok());

    // It is seen to be gone when anything else is, and else within half a minute.
    world.repositories.0.lock().unwrap().clear();
    let context = world.host.context("test.other");
    let mut seen = context.changed(0).await.unwrap();
    let sign = Arc::new(MemoryStore::new()) as Arc<dyn TaskStore>;
    let _sign = world.host.provide::<dyn TaskStore>("sign", sign).unwrap();
    while world.host.service::<dyn TaskSource>("extra").is_ok() {
        seen = tokio::time::timeout(SOON, context.changed(seen)).await.unwrap().unwrap();
    }
    world.host.stop();
}

#[tokio::test]
async fn a_source_that_is_not_watched_is_looked_at_as_often_as_it_says() {
    let folder = folder(&[]);
    add_task(folder.path(), "a", "a", "1");
    let world = World::new();
    let mut changes = world.tasks.changes().await.unwrap();
    let source = json!([{"name": "polled", "uri": folder.path(), "polling_interval": 0.05,
                         "config": {"filesystem": {"watch_changes": false}}}]);
    let _plugin = world.serve(source).await;
    tasks_change(&mut changes).await;
    add_task(folder.path(), "b", "b", "1");
    tasks_change(&mut changes).await;
    assert_eq!(world.names().await, ["a", "b"]);
    let source = world.host.service::<dyn TaskSource>("polled").unwrap();
    assert!(!source.status().await.unwrap().watching);
    world.host.stop();
}

#[tokio::test]
async fn a_task_that_moves_is_found_at_its_new_place_at_once() {
    let folder = folder(&[]);
    add_task(folder.path(), "old", "a", "1");
    let world = World::new();
    let plugin = world.start(json!([{"name": "s", "uri": folder.path()}])).await;
    let source = &plugin.sources[0];
    assert_eq!(source.sync(false).await.unwrap().added, ["a"]);
    assert_eq!(source.sync(false).await.unwrap().unchanged, 1);
    std::fs::rename(folder.path().join("old"), folder.path().join("new")).unwrap();
    let report = source.sync(false).await.unwrap();
    assert_eq!((report.added, report.removed), (vec!["a".to_owned()], vec!["a".to_owned()]));
    assert!(report.problems.is_empty(), "{:?}", report.problems);
    assert_eq!(world.kept().await.remove(0).origin.unwrap().path, "new");
}

#[tokio::test]
async fn nothing_is_done_by_itself_for_a_command_that_ends() {
    let folder = folder(&[]);
    add_task(folder.path(), "a", "a", "1");
    let world = World::new();
    let plugin = world.start(json!([{"name": "s", "uri": folder.path()}])).await;
    assert_eq!(plugin.sources.len(), 1);
    let source = world.host.service::<dyn TaskSource>("s").unwrap();
    assert_eq!(source.offer().await.unwrap().tasks.len(), 1);
    assert!(world.names().await.is_empty());
    assert!(!source.status().await.unwrap().watching);
}

#[tokio::test]
async fn sources_that_are_off_or_elsewhere_are_not_read_here() {
    let world = World::new();
    let plugin = world
        .start(json!([
            {"name": "off", "uri": "./tasks", "enabled": false},
            {"name": "git", "uri": "https://example.com/tasks.git"},
        ]))
        .await;
    assert_eq!((plugin.sources.len(), plugin.configured.len()), (0, 2));
}
