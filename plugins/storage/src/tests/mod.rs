//! Tests of what is inside.

#[path = "../../tests/support/mod.rs"]
pub(crate) mod support;

mod commands;
mod connecting;
mod explain;
mod lists;
mod stores;
mod trouble;
mod upkeep;
mod users;

use ratchet_plugin_api::model::{Json, Program, Schemas, TaskDefinition, TaskPolicy};
use ratchet_plugin_api::{Plugin as _, Result};
use ratchet_testkit::TestHost;
use serde_json::json;

use crate::Storage;
use crate::config::{Config, DatabaseConfig};
use support::Postgres;

/// Runs a test on a fresh store of each kind: in memory, in a file, and on PostgreSQL.
pub(crate) async fn each(test: impl AsyncFn(&Storage)) {
    let folder = tempfile::tempdir().unwrap();
    let file = format!("sqlite://{}", folder.path().join("ratchet.db").display());
    let postgres = Postgres::fresh().await;
    let urls =
        [Some("sqlite::memory:".to_owned()), Some(file), postgres.as_ref().map(Postgres::url)];
    for url in urls.into_iter().flatten() {
        eprintln!("on {url}");
        let store = started(&url).await;
        test(&store).await;
        store.stop().await.unwrap();
    }
}

/// The plugin with the database of this URL.
pub(crate) async fn started(url: &str) -> std::sync::Arc<Storage> {
    TestHost::new().start(json!({ "database": { "url": url } })).await.unwrap()
}

/// The stable name of what went wrong.
pub(crate) fn reason<T: std::fmt::Debug>(result: Result<T>) -> String {
    result.unwrap_err().reason.unwrap_or_default()
}

/// A task of one line.
pub(crate) fn definition(name: &str, source: &str) -> TaskDefinition {
    TaskDefinition {
        id: None,
        name: name.into(),
        label: None,
        version: "1.0.0".into(),
        description: None,
        tags: Vec::new(),
        program: Program {
            entry: "main.js".into(),
            source: source.into(),
            modules: Default::default(),
        },
        schemas: Schemas::default(),
        policy: TaskPolicy::default(),
        tests: Default::default(),
        metadata: Json::null(),
    }
}

/// The configuration with this URL.
pub(crate) fn configured(url: &str) -> DatabaseConfig {
    with(json!({ "url": url }))
}

/// The configuration with these keys.
pub(crate) fn with(database: serde_json::Value) -> DatabaseConfig {
    let config: Config = serde_json::from_value(json!({ "database": database })).unwrap();
    config.database
}
