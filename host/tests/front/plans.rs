//! What is loaded for what, and what cannot be.

use std::fmt::Write as _;

use insta::assert_snapshot;
use ratchet_host::diagnostic;
use ratchet_host::plan::{Goal, plan};
use serde_json::{Value, json};

use crate::world::{World, without_folder};

/// One line for each plugin: `id: provides a, b/1.2, many c as x; requires d; wants e; command f
/// needs g`.
fn world(configuration: &str, plugins: &str) -> World {
    let mut world = World::file(configuration);
    let mut names = Vec::new();
    for line in plugins.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (id, said) = line.split_once(':').expect("an id");
        names.push(id);
        world = world.plugin(id, keys(said));
    }
    if !configuration.contains("plugins:") {
        world.file = Some(format!("{configuration}\nplugins: [{}]\n", names.join(", ")));
    }
    world
}

fn keys(said: &str) -> Value {
    let mut keys = json!({"provides": [], "requires": [], "wants": [], "commands": []});
    for part in said.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        let (verb, rest) = part.split_once(' ').expect("a verb");
        if verb == "command" {
            let (name, needs) = rest.split_once(" needs ").unwrap_or((rest, ""));
            let needs: Vec<Value> = list(needs).map(requirement).collect();
            let command = json!({"name": name, "summary": "Does it.", "needs": needs});
            keys["commands"].as_array_mut().expect("a list").push(command);
        } else {
            let make = if verb == "provides" { provision } else { requirement };
            keys[verb] = list(rest).map(make).collect();
        }
    }
    keys
}

fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

fn requirement(text: &str) -> Value {
    let (service, version) = text.split_once('/').unwrap_or((text, "1.0"));
    json!({"service": service, "version": version})
}

fn provision(text: &str) -> Value {
    let (text, instance) = text.split_once(" as ").unwrap_or((text, ""));
    let many = text.starts_with("many ");
    let mut provision = requirement(text.trim_start_matches("many "));
    provision["instance"] = instance.into();
    provision["cardinality"] = if many { "many" } else { "one" }.into();
    provision
}

fn outcome(world: &World, goal: Goal<'_>) -> String {
    let (catalogue, resolved) = match world.resolve() {
        Ok(resolved) => resolved,
        Err(problems) => return without_folder(&diagnostic::render(&problems)),
    };
    match plan(&catalogue, &resolved, goal) {
        Ok(plan) => {
            let mut text = String::new();
            for plugin in &plan.plugins {
                let _ = write!(text, "{} {}", plugin.level, plugin.manifest.id);
                for (service, provider) in &plugin.bindings {
                    let instance = &provider.instance;
                    let slash = if instance.is_empty() { "" } else { "/" };
                    let _ = write!(text, " {service}={}{slash}{instance}", provider.plugin);
                }
                text.push('\n');
            }
            for warning in plan.warnings {
                let _ = writeln!(text, "{warning}");
            }
            text
        }
        Err(problems) => without_folder(&diagnostic::render(&problems)),
    }
}

fn everything(configuration: &str, plugins: &str) -> String {
    outcome(&world(configuration, plugins), Goal::Everything)
}

fn command(configuration: &str, plugins: &str) -> String {
    outcome(&world(configuration, plugins), Goal::Command { plugin: "a.kit", command: "run" })
}

#[test]
fn providers_start_first_and_the_rest_in_the_order_of_configuration() {
    let plan = everything(
        "",
        "
        a.web: requires execution
        a.execution: provides execution; requires store, engine
        a.engine: provides engine
        a.store: provides store
        a.console: requires execution
    ",
    );
    assert_snapshot!(plan, @r"
    0 a.engine
    0 a.store
    1 a.execution engine=a.engine store=a.store
    2 a.web execution=a.execution
    2 a.console execution=a.execution
    ");
}

#[test]
fn what_is_wanted_orders_but_never_blocks() {
    let plan = everything(
        "",
        "
        a.one: provides one; wants two
        a.two: provides two; requires one; wants absent
        a.three: provides three; wants four
        a.four: provides four
    ",
    );
    assert_snapshot!(plan, @r"
    0 a.four
    1 a.three four=a.four
    0 a.one two=a.two
    1 a.two one=a.one
    ");
}

#[test]
fn a_command_loads_what_it_needs_and_no_more() {
    let plugins = "
        a.kit: wants sink; command run needs engine; command other needs store
        a.engine: provides engine; requires fetch
        a.fetch: provides fetch
        a.store: provides store
        a.file: provides many sink as file
        a.stdio: provides many sink as stdio
        a.web: requires store
    ";
    assert_snapshot!(command("", plugins), @r"
    0 a.fetch
    1 a.engine fetch=a.fetch
    0 a.file
    0 a.stdio
    2 a.kit engine=a.engine sink=a.file/file
    ");
}

#[test]
fn what_is_missing_is_named_with_what_would_help() {
    let plugins = "
        a.kit: command run needs engine/2.0
        a.old: provides engine/1.4
        a.web: requires store
        a.store: provides store
    ";
    let configuration = "plugins: [a.kit, a.old, a.web, {name: a.store, enabled: false}]\n";
    assert_snapshot!(everything(configuration, plugins));
    assert_snapshot!(command(configuration, plugins));
}

#[test]
fn an_older_minor_version_is_a_warning() {
    let plan = everything(
        "",
        "
        a.old: provides engine/1.1
        a.new: requires engine/1.3
    ",
    );
    assert_snapshot!(plan, @r"
    0 a.old
    1 a.new engine=a.old
    warning: plugin `a.old` provides engine 1.1; `a.new` knows 1.3
      what came later is answered with `unsupported`
    ");
}

#[test]
fn two_providers_of_one_need_a_decision() {
    let plugins = "
        a.kit: requires store; command run
        a.sqlite: provides store
        a.postgres: provides store
    ";
    assert_snapshot!(everything("", plugins));
    let bound = "bind: {store: a.postgres}";
    assert_snapshot!(everything(bound, plugins), @r"
    0 a.sqlite
    0 a.postgres
    1 a.kit store=a.postgres
    ");
    assert_snapshot!(command(bound, plugins), @r"
    0 a.postgres
    1 a.kit store=a.postgres
    ");
    let own = "plugins: [{name: a.kit, bind: {store: a.sqlite}}, a.sqlite, a.postgres]\n\
               bind: {store: a.postgres}\n";
    assert_snapshot!(command(own, plugins), @r"
    0 a.sqlite
    1 a.kit store=a.sqlite
    ");
}

#[test]
fn of_many_the_first_answers_unless_bind_says_otherwise() {
    let plugins = "
        a.kit: requires engine
        a.boa: provides many engine as boa, many engine as boa-strict
        a.quick: provides many engine as quick
    ";
    assert_snapshot!(everything("", plugins), @r"
    0 a.boa
    0 a.quick
    1 a.kit engine=a.boa/boa
    ");
    assert_snapshot!(everything("bind: {engine: a.boa/boa-strict}", plugins), @r"
    0 a.boa
    0 a.quick
    1 a.kit engine=a.boa/boa-strict
    ");
}

#[test]
fn a_bind_that_names_nothing_is_a_mistake() {
    let plugins = "
        a.kit: requires store
        a.sqlite: provides store
    ";
    assert_snapshot!(everything("\nbind:\n  store: a.oracle\n  queue: a.sqlite\n", plugins));
}

#[test]
fn two_providers_of_one_instance_are_a_mistake() {
    assert_snapshot!(everything(
        "",
        "
        a.file: provides many sink as file
        b.file: provides many sink as file
    "
    ));
}

#[test]
fn a_cycle_is_shown() {
    assert_snapshot!(everything(
        "",
        "
        a.lead: requires one
        a.one: provides one; requires two
        a.two: provides two; requires three
        a.three: provides three; requires one
    "
    ));
}

#[test]
fn all_problems_come_at_once() {
    let problems = everything(
        "bind: {queue: a.none}",
        "
        a.one: provides one; requires two, absent
        a.two: provides two; requires one
        a.store: provides store
        b.store: provides store
        a.user: requires store
    ",
    );
    let headlines: Vec<_> = problems.lines().filter(|line| line.starts_with("error")).collect();
    assert_snapshot!(headlines.join("\n"));
}
