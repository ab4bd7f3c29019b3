//! What the user's page says about configuration is so.

use serde_json::json;

use crate::world::{World, object};

const PAGE: &str = include_str!("../../../docs/configuration.md");

/// The YAML examples of the page.
fn examples() -> Vec<&'static str> {
    let blocks = PAGE.split("```yaml\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap_or_default()).collect()
}

#[test]
fn every_example_is_valid() {
    let examples = examples();
    assert!(examples.len() >= 8, "the examples of the page are not found any more");
    let bucket = json!({"bucket": {"type": "string", "description": "Where results go."}});
    for example in examples {
        let world = World::file(example)
            .plugin("ratchet.js.boa", json!({}))
            .plugin("acme.output.s3", json!({"config": object(bucket.clone(), &["bucket"])}));
        let outcome = world.configurations();
        assert!(outcome.is_ok(), "{example}\n{}", world.outcome());
    }
}

#[test]
fn every_key_of_the_host_is_described() {
    let schema: serde_json::Value =
        serde_json::from_str(include_str!("../../../config/schema.json")).expect("JSON");
    let entry = &schema["properties"]["plugins"]["items"]["anyOf"][1];
    let keys = |schema: &serde_json::Value| -> Vec<String> {
        let properties = schema["properties"].as_object().expect("keys");
        properties.keys().cloned().collect()
    };
    let logging = keys(&schema["properties"]["logging"]);
    let host = ["plugin_dirs", "bind", "sandbox", "lifecycle", "trust", "profile"];
    let host = host.into_iter().map(str::to_owned);
    for key in keys(entry).into_iter().chain(logging).chain(host) {
        assert!(PAGE.contains(&key), "docs/configuration.md does not mention `{key}`");
    }
}
