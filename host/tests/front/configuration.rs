//! Layers, keys and what plugins get.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::world::{World, object};

/// A section for two plugins: one has the server, the other the database below it.
fn server_and_store() -> World {
    with_server_and_store(World::default())
}

fn with_server_and_store(world: World) -> World {
    let port = json!({
        "type": "integer", "minimum": 0, "maximum": 65535, "default": 8080,
        "description": "The TCP port to listen on.",
    });
    let server = json!({
        "type": "object", "additionalProperties": false, "x-section": "server",
        "description": "The HTTP server.",
        "properties": {
            "port": port,
            "bind_address": {
                "type": "string", "default": "127.0.0.1", "x-alias": "host",
                "description": "The address to listen on.",
            },
            "tls": {
                "type": "object", "additionalProperties": false, "x-optional": true,
                "description": "Encryption.",
                "properties": {"cert_file": {"type": "string", "description": "The certificate."}},
                "required": ["cert_file"],
            },
        },
        "required": [],
    });
    let database = json!({
        "type": "object", "additionalProperties": false, "x-section": "server.database",
        "description": "Where everything is kept.",
        "properties": {
            "url": {"type": "string", "description": "Where the database is."},
            "password": {"type": "string", "x-secret": true, "description": "Its password."},
            "max_connections": {
                "type": "integer", "minimum": 1, "default": 10, "description": "At most so many.",
            },
        },
        "required": ["url"],
    });
    let mode = json!({
        "oneOf": [{"const": "fast"}, {"const": "safe"}], "default": "safe",
        "description": "How it writes.",
    });
    world
        .plugin("acme.gateway", json!({"config": object(json!({"server": server}), &["server"])}))
        .plugin(
            "acme.store",
            json!({"config": object(json!({"database": database, "mode": mode}), &["database"])}),
        )
}

const PLUGINS: &str = "plugins: [acme.gateway, acme.store]\n";

fn in_file(text: &str) -> World {
    with_server_and_store(World::file(&format!("{PLUGINS}{text}")))
}

#[test]
fn each_plugin_gets_its_sections_and_its_own_keys_with_defaults() {
    let world = in_file("server:\n  host: 0.0.0.0\n  database:\n    url: sqlite://ratchet.db\n");
    assert_snapshot!(world.outcome(), @r#"
    acme.gateway {"server":{"bind_address":"0.0.0.0","port":8080}}
    acme.store {"database":{"url":"sqlite://ratchet.db","max_connections":10},"mode":"safe"}
    "#);
}

#[test]
fn later_layers_override_earlier_ones_by_whatever_name() {
    let world = in_file("server: {host: file, port: 1, database: {url: from-file}}\n")
        .variable("RATCHET_SERVER__HOST", "variable")
        .variable("RATCHET_SERVER_PORT", "2")
        .variable("RATCHET_DATABASE_URL", "from-variable")
        .variable("RATCHET_PLUGINS__ACME.STORE__CONFIG__MODE", "fast")
        .set("server.port=3");
    assert_snapshot!(world.outcome(), @r#"
    acme.gateway {"server":{"bind_address":"variable","port":3}}
    acme.store {"mode":"fast","database":{"url":"from-variable","max_connections":10}}
    "#);
}

#[test]
fn text_of_variables_is_read_as_its_key_wants_it() {
    let world = in_file("")
        .variable("RATCHET_SERVER__DATABASE__URL", "5432")
        .variable("RATCHET_SERVER__DATABASE__MAX_CONNECTIONS", "5")
        .variable("RATCHET_SERVER__TLS", "{cert_file: a.pem}");
    assert_snapshot!(world.outcome(), @r#"
    acme.gateway {"server":{"tls":{"cert_file":"a.pem"},"port":8080,"bind_address":"127.0.0.1"}}
    acme.store {"database":{"max_connections":5,"url":"5432"},"mode":"safe"}
    "#);
}

#[test]
fn foreign_variables_of_the_prefix_are_left_alone() {
    let world = in_file("server: {database: {url: x}}\n")
        .variable("RATCHET_SERVICE_HOST", "10.0.0.1")
        .variable("RATCHET_INSTALL_DIR", "/opt");
    assert!(world.configurations().is_ok());
}

#[test]
fn every_mistake_is_reported_at_once_with_its_place() {
    let world = in_file(
        "server:\n  prot: 80\n  port: 80000\n  database:\n    url: [x]\n    password: 5\n\
         serve: {}\nzzz: 1\n",
    )
    .variable("RATCHET_SERVER__TLS__KEY", "x")
    .set("plugins.\"acme.store\".config.mode=slow");
    assert_snapshot!(world.outcome());
}

#[test]
fn mistakes_in_the_hosts_keys_are_reported_with_their_place() {
    let world = World::file(
        "logging:\n  level: loud\n  format: xml\nsandbox: maybe\nplugins:\n  - name: a\n    \
         replicas: 0\n  - {enabled: true}\n  - 5\n  - a\n  - {name: b, replicas: 2}\n  - \
         {name: c, comfig: {}}\nlifecycle: {start_timeout: -1}\n",
    );
    assert_snapshot!(world.outcome());
    let world = World::file("logging: {level: loud}\nplugins: [{name: a, replicas: 0}]\n");
    assert_snapshot!(world.outcome());
}

#[test]
fn what_is_missing_matters_where_it_is_needed() {
    assert_snapshot!(in_file("server: {tls: {}}\n").outcome());
    let (_, resolved) = in_file("").resolve().expect("nothing that is given is wrong");
    let store = &server_and_store().manifests[1];
    assert!(resolved.of_plugin("acme.store", store).is_err());
}

#[test]
fn sections_without_content_change_nothing() {
    let world = in_file("server:\n  database: {url: x}\n  tls:\nlogging:\n");
    assert_snapshot!(world.outcome(), @r#"
    acme.gateway {"server":{"tls":null,"port":8080,"bind_address":"127.0.0.1"}}
    acme.store {"database":{"url":"x","max_connections":10},"mode":"safe"}
    "#);
}

#[test]
fn references_are_replaced() {
    let folder = tempfile::tempdir().expect("a folder");
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "hunter2\n").expect("written");
    let world = in_file(&format!(
        "server:\n  port: ${{env:PORT}}\n  database:\n    url: pg://${{env:USER}}@db/$${{x}}\n    \
         password: ${{file:{}}}\n",
        secret.display()
    ))
    .variable("PORT", "81")
    .variable("USER", "joe");
    let configurations = world.configurations().expect("valid");
    assert_eq!(configurations["acme.gateway"]["server"]["port"], 81);
    assert_eq!(configurations["acme.store"]["database"]["url"], "pg://joe@db/${x}");
    assert_eq!(configurations["acme.store"]["database"]["password"], "hunter2");

    let world = in_file("server: {database: {url: '${env:NOT_THERE}'}}\n");
    assert_snapshot!(world.outcome(), @r"
    error: the environment variable NOT_THERE is not set
      --> ratchet.yaml:2, server.database.url
    ");
}

#[test]
fn the_plugin_list_is_laid_over_the_default_list() {
    let world = World::file(
        "plugins:\n  - {name: js-boa, replicas: 3}\n  - ./lib/acme.so\n  - ratchet.http.fetch\n  \
         - {name: archive, path: /opt/archive.so, enabled: false}\n",
    )
    .variable("RATCHET_PLUGINS__TASKKIT__ENABLED", "false");
    let configuration = world.load().expect("valid");
    let lines = configuration.plugins.iter().map(|entry| {
        let settings = &entry.settings;
        format!(
            "{} {} x{} {} {}{}\n",
            entry.name,
            settings.placement.as_str(),
            settings.replicas,
            if settings.enabled { "on" } else { "off" },
            if entry.users { "user's" } else { "default" },
            settings.path.as_deref().map_or(String::new(), |path| {
                let end = path.rsplit_once('/').map_or(path, |(_, end)| end);
                format!(" …/{end} {}", path.starts_with('/'))
            }),
        )
    });
    assert_snapshot!(lines.collect::<String>());
}

#[test]
fn the_plugin_list_can_be_given_anywhere_and_has_to_be_a_list() {
    let world = World::default().set("plugins=[acme.a, {name: taskkit, enabled: false}]");
    let configuration = world.load().expect("valid");
    let last = configuration.plugins.last().expect("a plugin");
    assert_eq!((last.name.as_str(), last.users), ("acme.a", true));
    assert!(configuration.plugins.iter().any(|p| p.name == "taskkit" && !p.settings.enabled));
    assert_snapshot!(World::file("plugins: js-boa\n").outcome());
}

#[test]
fn profiles_lie_under_the_file_and_all_of_them_are_valid() {
    use ratchet_host::cli::commands::ProfileName::{Claude, Dev, Enterprise, Minimal, Production};
    for name in [Dev, Production, Minimal, Enterprise, Claude] {
        let world = World::default().profile(name);
        assert_eq!(world.outcome(), "", "{name:?}");
    }
    let world = World::file("profile: production\nlogging: {level: error}\n");
    let settings = world.load().expect("valid").settings;
    assert_eq!(settings.logging.level, "error");
    assert!(matches!(settings.sandbox, ratchet_host::config::settings::Sandbox::Required));
    assert_snapshot!(World::file("profile: produktion\n").outcome(), @r"
    error: there is no profile `produktion`
      --> ratchet.yaml:1, profile
      help: did you mean `production`?
    ");
}

#[test]
fn a_configuration_that_cannot_be_read_is_an_error() {
    assert_snapshot!(World::file("a: 1\nb: [1,\nc: 2\n").outcome());
    assert_snapshot!(World::file("- a\n").outcome());
    assert_snapshot!(World::file("sandbox: off\nsandbox: off\n").outcome());
    let mut world = World::default();
    world.globals.config = Some("/nowhere/ratchet.yaml".into());
    assert_snapshot!(world.outcome());
    assert_snapshot!(World::default().set("nonsense").outcome(), @r"
    error: `--set nonsense` sets nothing
      help: write --set KEY=VALUE, such as --set logging.level=debug
    ");
}

#[test]
fn the_environment_chooses_log_levels() {
    let level = |world: World| world.load().expect("valid").settings.logging.level;
    assert_eq!(level(World::default()), "info");
    assert_eq!(level(World::default().variable("RUST_LOG", "warn,x=debug")), "warn,x=debug");
    let both = World::default().variable("RUST_LOG", "warn").variable("RATCHET_LOG_LEVEL", "debug");
    assert_eq!(level(both), "debug");
}

#[test]
fn plugins_with_the_same_section_both_have_to_be_pleased() {
    let section = |maximum: u32| {
        let limit = json!({
            "type": "integer", "minimum": 0, "maximum": maximum, "description": "A limit.",
        });
        let section = json!({
            "type": "object", "additionalProperties": false, "x-section": "limits",
            "description": "Limits.", "properties": {"most": limit}, "required": [],
        });
        json!({"config": object(json!({"limits": section}), &[])})
    };
    let world = |most: u32| {
        World::file(&format!("plugins: [acme.a, acme.b]\nlimits: {{most: {most}}}\n"))
            .plugin("acme.a", section(100))
            .plugin("acme.b", section(10))
    };
    assert!(world(10).configurations().is_ok());
    assert_snapshot!(world(50).outcome(), @r"
    error: `most` must be a whole number from 0 to 10; found the number 50
      --> ratchet.yaml:2, limits.most
      A limit.
    ");
}

#[test]
fn numbers_survive_the_layers() {
    let schema = |schema: Value| object(json!({"n": schema}), &[]);
    let number = json!({"type": "number", "description": "Any."});
    let whole = json!({"type": "integer", "minimum": i64::MIN, "description": "Whole."});
    let world = World::file(
        "plugins:\n  - {name: acme.a, config: {n: 0.25}}\n  \
         - {name: acme.b, config: {n: -9223372036854775808}}\n",
    )
    .plugin("acme.a", json!({"config": schema(number)}))
    .plugin("acme.b", json!({"config": schema(whole)}));
    let configurations = world.configurations().expect("valid");
    assert_eq!(configurations["acme.a"]["n"], 0.25);
    assert_eq!(configurations["acme.b"]["n"], i64::MIN);
}
