//! Tests of what is inside.

#[path = "../../tests/support/mod.rs"]
pub(crate) mod support;

mod connecting;

use serde_json::json;

use crate::config::{Config, DatabaseConfig};

/// The configuration with this URL.
pub(crate) fn configured(url: &str) -> DatabaseConfig {
    with(json!({ "url": url }))
}

/// The configuration with these keys.
pub(crate) fn with(database: serde_json::Value) -> DatabaseConfig {
    let config: Config = serde_json::from_value(json!({ "database": database })).unwrap();
    config.database
}
