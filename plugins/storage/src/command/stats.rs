//! `ratchet db stats`: what the database holds.

use ratchet_plugin_api::shell::{Shell, ShellCommand};
use ratchet_plugin_api::{Result, command};

use super::{lasting, print};
use crate::Storage;
use crate::upkeep::stats;

/// Shows how many rows and bytes each table has.
#[command(name = "db stats")]
pub(crate) struct DbStats {
    /// Print JSON.
    json: bool,
}

impl ShellCommand<Storage> for DbStats {
    async fn run(self, plugin: &Storage, _shell: Shell) -> Result<u8> {
        let db = lasting(plugin).await?;
        let stats = stats(&db).await;
        db.close().await;
        let stats = stats?;
        if self.json {
            print::json(plugin.context(), &stats)?;
            return Ok(0);
        }
        let width = stats.tables.iter().map(|table| table.name.len()).max().unwrap_or(0).max(5);
        let mut text = format!("{:<width$}  {:>15}  {:>10}\n", "table", "rows", "size");
        for table in &stats.tables {
            let size = table.bytes.map(print::bytes).unwrap_or_default();
            let rows = print::grouped(table.rows);
            text.push_str(&format!("{:<width$}  {rows:>15}  {size:>10}\n", table.name));
        }
        text.push_str(&format!("\n{} in all", print::bytes(stats.bytes)));
        if let Some(free) = stats.free_bytes.filter(|free| *free > 0) {
            text.push_str(&format!(", of which {} hold nothing", print::bytes(free)));
        }
        text.push('\n');
        plugin.context().print(text)?;
        Ok(0)
    }
}
