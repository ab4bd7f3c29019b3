//! `ratchet db migrate`: brings the schema up to date.

use ratchet_plugin_api::shell::{Shell, ShellCommand};
use ratchet_plugin_api::{Result, command};
use serde_json::json;

use super::{lasting, print};
use crate::Storage;

/// Brings the database's schema up to date with this version.
#[command(name = "db migrate")]
pub(crate) struct DbMigrate {
    /// Print JSON.
    json: bool,
}

impl ShellCommand<Storage> for DbMigrate {
    async fn run(self, plugin: &Storage, _shell: Shell) -> Result<u8> {
        let db = lasting(plugin).await?;
        let applied = db.migrate().await?;
        db.close().await;
        if self.json {
            print::json(plugin.context(), &json!({ "applied": applied }))?;
            return Ok(0);
        }
        let mut text = String::new();
        for name in &applied {
            text.push_str(&format!("applied {name}\n"));
        }
        if applied.is_empty() {
            text.push_str("the database is up to date\n");
        }
        plugin.context().print(text)?;
        Ok(0)
    }
}
