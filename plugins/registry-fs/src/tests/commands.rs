//! The shell commands.

use ratchet_plugin_api::model::Json;
use ratchet_plugin_api::services::Invocation;
use ratchet_plugin_api::shell::{ShellCommand, run_command};
use ratchet_taskdir::test_folder::{ADDITION, folder, write};
use ratchet_taskdir::{INDEX_FILE, Index};
use serde_json::json;

use super::*;
use crate::command::{
    RepoAdd, RepoInit, RepoList, RepoRefreshMetadata, RepoRemove, RepoStatus, RepoSync, RepoVerify,
};
use crate::repository::{REPOSITORY_FILE, RepositoryFile};

/// Runs a command; gives its exit code and what it printed.
async fn run<C: ShellCommand<RegistryFs>>(
    world: &World,
    plugin: &Arc<RegistryFs>,
    arguments: Value,
) -> Result<(u8, String)> {
    let before = world.host.printed().len();
    let invocation = Invocation {
        command: C::NAME.to_owned(),
        arguments: Json::from(arguments),
        globals: Json::from(json!({})),
        interactive: false,
        stdout_is_terminal: false,
    };
    let code = run_command::<RegistryFs, C>(Arc::clone(plugin), invocation).await?;
    Ok((code, world.host.printed()[before..].to_owned()))
}

#[tokio::test]
async fn a_repository_is_made_filled_and_indexed() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("repo");
    let world = World::new();
    let plugin = world.start(json!([])).await;
    let made = json!({"directory": root, "name": "Mine", "description": "D", "version": "2.0.0"});
    let (code, text) = run::<RepoInit>(&world, &plugin, made.clone()).await.unwrap();
    assert_eq!(code, 0);
    assert!(text.contains(REPOSITORY_FILE) && text.contains("refresh-metadata"), "{text}");
    let own = RepositoryFile::load(&root).unwrap().unwrap();
    assert_eq!((own.name.as_str(), own.version.as_deref()), ("Mine", Some("2.0.0")));
    assert_eq!(own.unfit(), None);
    let error = run::<RepoInit>(&world, &plugin, made.clone()).await.unwrap_err();
    assert!(error.message.contains("--force"), "{error}");

    write(&root.join("tasks/addition"), ADDITION);
    let (code, text) =
        run::<RepoRefreshMetadata>(&world, &plugin, json!({"directory": root})).await.unwrap();
    assert!(code == 0 && text.contains("with 1 task"), "{text}");
    let index = Index::load(&root).unwrap().unwrap();
    assert_eq!(index.repository.name, "Mine");
    let task = &index.tasks[0];
    assert_eq!((task.name.as_str(), task.path.as_str()), ("addition", "tasks/addition"));
    assert!(task.uuid.is_some() && task.last_modified.is_some() && task.checksum.len() == 64);
    let (_, text) =
        run::<RepoRefreshMetadata>(&world, &plugin, json!({"directory": root})).await.unwrap();
    assert!(text.contains("is up to date"), "{text}");
    assert_eq!(Index::load(&root).unwrap().unwrap(), index);

    write(&root.join("tasks/bad"), &[("metadata.json", "{,}"), ("main.js", "1")]);
    let refresh = |force: bool| json!({"directory": root, "force": force});
    let error = run::<RepoRefreshMetadata>(&world, &plugin, refresh(false)).await.unwrap_err();
    assert!(error.message.contains("metadata.json:1:2"), "{error}");
    let (code, _) = run::<RepoRefreshMetadata>(&world, &plugin, refresh(true)).await.unwrap();
    assert_eq!(code, 1);

    let forced = json!({"directory": root, "name": "Other", "force": true});
    run::<RepoInit>(&world, &plugin, forced).await.unwrap();
    assert_eq!(RepositoryFile::load(&root).unwrap().unwrap().name, "Other");
}

#[tokio::test]
async fn verification_finds_everything_and_takes_a_path() {
    let good = folder(&[]);
    write(&good.path().join("a"), ADDITION);
    let bad = folder(&[("x/metadata.json", "{,}"), ("x/main.js", "1")]);
    write(bad.path(), &[(REPOSITORY_FILE, "name: R\nratchet_version: '>=99'\n")]);
    let world = World::new();
    let plugin = world
        .start(json!([
            {"name": "good", "uri": good.path()},
            {"name": "bad", "uri": bad.path()},
            {"name": "git", "uri": "https://example.com/tasks.git"},
            {"name": "disabled-one", "uri": "nowhere", "enabled": false},
        ]))
        .await;
    let one = json!({"repository": "good", "list-tasks": true, "format": "json"});
    let (code, text) = run::<RepoVerify>(&world, &plugin, one).await.unwrap();
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &report[0]["state"], &report[0]["tasks"]), (0, &json!("ok"), &json!(1)));
    assert_eq!(report[0]["listed"][0]["path"], "a");

    let (code, text) =
        run::<RepoVerify>(&world, &plugin, json!({"offline": true, "detailed": true}))
            .await
            .unwrap();
    assert_eq!(code, 1);
    for expected in [
        "✓ good",
        "✗ bad",
        "! x: ",
        "metadata.json:1:2: not valid JSON",
        "! .: is for Ratchet >=99",
        "- git (https://example.com/tasks.git): not on this machine, skipped",
    ] {
        assert!(text.contains(expected), "{expected} is missing in\n{text}");
    }
    assert!(!text.contains("disabled-one"), "{text}");

    let (code, text) = run::<RepoVerify>(&world, &plugin, json!({})).await.unwrap();
    assert!(code == 1 && text.contains("no plugin that is loaded reads it"), "{text}");

    let path = json!({"repository": good.path()});
    assert_eq!(run::<RepoVerify>(&world, &plugin, path).await.unwrap().0, 0);
    let error =
        run::<RepoVerify>(&world, &plugin, json!({"repository": "goof"})).await.unwrap_err();
    assert!(error.message.contains("did you mean `good`?"), "{error}");
}

#[tokio::test]
async fn an_index_that_is_out_of_date_is_said_to_be() {
    let root = folder(&[]);
    write(&root.path().join("a"), ADDITION);
    let world = World::new();
    let plugin = world.start(json!([])).await;
    run::<RepoRefreshMetadata>(&world, &plugin, json!({"directory": root.path()})).await.unwrap();
    assert!(root.path().join(INDEX_FILE).exists());
    let verify = json!({"repository": root.path(), "format": "yaml", "detailed": true});
    let (_, text) = run::<RepoVerify>(&world, &plugin, verify.clone()).await.unwrap();
    assert!(text.contains("index: fresh"), "{text}");
    write(&root.path().join("a"), &[("main.js", "another")]);
    let (_, text) = run::<RepoVerify>(&world, &plugin, verify).await.unwrap();
    assert!(text.contains("index: out of date") && text.contains("refresh-metadata"), "{text}");
}

#[tokio::test]
async fn sources_are_added_listed_synced_and_removed() {
    let root = folder(&[]);
    write(&root.path().join("a"), ADDITION);
    let world = World::new();
    let plugin = world.start(json!([{"name": "fixed", "uri": root.path()}])).await;
    let add = |name: &str, uri: &std::path::Path| json!({"name": name, "uri": uri});
    let taken = run::<RepoAdd>(&world, &plugin, add("fixed", root.path())).await.unwrap_err();
    assert!(taken.message.contains("the configuration has"), "{taken}");
    let nothing = root.path().join("nothing");
    let error = run::<RepoAdd>(&world, &plugin, add("extra", &nothing)).await.unwrap_err();
    assert!(error.message.contains("there is nothing at"), "{error}");
    let secret = json!({"name": "extra", "uri": "https://u:p@example.com/a.git"});
    let error = run::<RepoAdd>(&world, &plugin, secret).await.unwrap_err();
    assert!(error.message.contains("password"), "{error}");

    let extra = folder(&[("b/main.js", "() => 1")]);
    let (code, text) = run::<RepoAdd>(&world, &plugin, add("extra", extra.path())).await.unwrap();
    assert!(code == 0 && text.starts_with("added extra ("), "{text}");
    let (_, text) = run::<RepoList>(&world, &plugin, json!({})).await.unwrap();
    assert!(text.contains("fixed") && text.contains("configuration"), "{text}");
    assert!(text.contains("extra") && text.contains("added"), "{text}");

    let status = json!({"format": "json"});
    let (_, text) = run::<RepoStatus>(&world, &plugin, status.clone()).await.unwrap();
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report[0]["differences"]["new"], json!(["a"]));
    let (code, text) = run::<RepoSync>(&world, &plugin, json!({})).await.unwrap();
    assert!(code == 0 && text.contains("extra: 1 added"), "{text}");
    assert_eq!(world.names().await, ["addition", "b"]);
    let (_, text) = run::<RepoStatus>(&world, &plugin, status).await.unwrap();
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&report[0]["state"], &report[1]["state"]), (&json!("in sync"), &json!("in sync")));
    assert!(report[0]["synced_at"].is_string(), "{report}");

    let error = run::<RepoRemove>(&world, &plugin, json!({"name": "fixed"})).await.unwrap_err();
    assert!(error.message.contains("registry.sources"), "{error}");
    let (_, text) = run::<RepoRemove>(&world, &plugin, json!({"name": "extra"})).await.unwrap();
    assert_eq!(text, "removed extra\n");
    let error = run::<RepoSync>(&world, &plugin, json!({"name": "extra"})).await.unwrap_err();
    assert!(error.message.contains("there is no repository `extra`"), "{error}");
}
