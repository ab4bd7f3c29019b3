//! `ratchet db backup` and `ratchet db restore`.

use std::path::PathBuf;

use ratchet_plugin_api::services::DumpReport;
use ratchet_plugin_api::shell::{Shell, ShellCommand};
use ratchet_plugin_api::{Result, command};

use super::{lasting, print};
use crate::Storage;
use crate::upkeep::{backup, restore};

/// Writes everything in the database to a file, also while a server uses it.
#[command(name = "db backup")]
pub(crate) struct DbBackup {
    /// The file to write; it must not exist.
    #[arg(positional, value_name = "FILE")]
    file: PathBuf,
    /// Print JSON.
    json: bool,
}

impl ShellCommand<Storage> for DbBackup {
    async fn run(self, plugin: &Storage, _shell: Shell) -> Result<u8> {
        let db = lasting(plugin).await?;
        let report = backup(&db, &self.file).await;
        db.close().await;
        tell(plugin, "wrote", &report?, self.json)
    }
}

/// Puts what a backup holds in the place of everything in the database.
#[command(name = "db restore")]
pub(crate) struct DbRestore {
    /// The file that `ratchet db backup` wrote, from either kind of database.
    #[arg(positional, value_name = "FILE")]
    file: PathBuf,
    /// Replace what is there, and do so even while a server uses it.
    force: bool,
    /// Print JSON.
    json: bool,
}

impl ShellCommand<Storage> for DbRestore {
    async fn run(self, plugin: &Storage, _shell: Shell) -> Result<u8> {
        let db = lasting(plugin).await?;
        let report = restore(&db, &self.file, self.force).await;
        db.close().await;
        tell(plugin, "restored", &report?, self.json)
    }
}

fn tell(plugin: &Storage, done: &str, report: &DumpReport, json: bool) -> Result<u8> {
    if json {
        print::json(plugin.context(), report)?;
        return Ok(0);
    }
    let (rows, size) = (print::grouped(report.rows), print::bytes(report.bytes));
    let text = format!("{done} {rows} rows, {size}: {}\n", report.path);
    plugin.context().print(text)?;
    Ok(0)
}
