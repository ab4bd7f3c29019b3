//! Settings of a plugin's entry that are taken from elsewhere in the configuration.

use insta::assert_snapshot;
use ratchet_host::diagnostic;
use ratchet_host::plan::{Goal, plan};
use serde_json::json;

use crate::world::{World, object, without_folder};

/// How the plugin `engine` is placed, or what keeps it from being planned.
fn placed(world: World) -> String {
    let workers = object(
        json!({
            "count": {"type": "integer", "minimum": 0},
            "restart": {"type": "boolean"},
            "check": {"type": "integer"},
        }),
        &[],
    );
    let mut section = workers;
    section["x-section"] = "server.workers".into();
    let config = object(json!({"workers": section}), &[]);
    let world = world.plugin("ratchet.engine", json!({"config": config}));
    let (catalogue, resolved) = world.resolve().expect("the configuration fits its schema");
    match plan(&catalogue, &resolved, Goal::Everything) {
        Ok(plan) => {
            let settings = &plan.plugins[0].settings;
            format!(
                "replicas {}, restart {}, heartbeat {} s",
                settings.replicas, settings.restart, settings.heartbeat_seconds
            )
        }
        Err(problems) => without_folder(&diagnostic::render(&problems)),
    }
}

const ENGINE: &str = "
plugins:
  - name: engine
    placement: process
    from:
      replicas: server.workers.count
      restart: server.workers.restart
      heartbeat_seconds: server.workers.check
";

fn with(more: &str) -> World {
    World::file(&format!("{ENGINE}{more}"))
}

#[test]
fn what_is_set_elsewhere_decides() {
    let elsewhere = "server: {workers: {count: 3, restart: false, check: 30}}";
    assert_eq!(placed(with(elsewhere)), "replicas 3, restart false, heartbeat 30 s");
}

#[test]
fn what_is_not_set_elsewhere_leaves_the_entry_as_it_is() {
    assert_eq!(placed(with("")), "replicas 1, restart true, heartbeat 5 s");
}

#[test]
fn a_later_layer_of_the_entry_stands() {
    let world = with("server: {workers: {count: 3}}").set("plugins.engine.replicas=7");
    assert_eq!(placed(world), "replicas 7, restart true, heartbeat 5 s");
}

#[test]
fn a_value_that_does_not_fit_is_refused_where_it_was_set() {
    assert_snapshot!(placed(with("server: {workers: {count: 300, check: 0}}")), @r"
    error: `server.workers.check` must be a whole number of seconds, at least 1; found 0
      --> ratchet.yaml:9, server.workers.check
      it decides `plugins.engine.heartbeat_seconds`

    error: `server.workers.count` must be a whole number from 0 to 256; found 300
      --> ratchet.yaml:9, server.workers.count
      it decides `plugins.engine.replicas`
    ");
}

#[test]
fn a_key_that_cannot_be_taken_is_refused() {
    let world = World::file("plugins: [{name: engine, from: {replica: server.workers.count}}]");
    assert_snapshot!(placed(world), @r"
    error: `replica` cannot be taken from elsewhere
      --> ratchet.yaml:1, plugins.engine.from.replica
      help: did you mean `replicas`?
    ");
}
