//! `ratchet db vacuum`: gives free space back.

use ratchet_plugin_api::shell::{Shell, ShellCommand};
use ratchet_plugin_api::{Result, command};
use serde_json::json;

use super::{lasting, print};
use crate::Storage;
use crate::upkeep::vacuum;

/// Gives space that holds nothing back to the system.
#[command(name = "db vacuum")]
pub(crate) struct DbVacuum {
    /// Print JSON.
    json: bool,
}

impl ShellCommand<Storage> for DbVacuum {
    async fn run(self, plugin: &Storage, _shell: Shell) -> Result<u8> {
        let db = lasting(plugin).await?;
        let bytes = vacuum(&db).await;
        db.close().await;
        let bytes = bytes?;
        if self.json {
            print::json(plugin.context(), &json!({ "bytes": bytes }))?;
        } else {
            plugin.context().print(format!("the database has {} now\n", print::bytes(bytes)))?;
        }
        Ok(0)
    }
}
