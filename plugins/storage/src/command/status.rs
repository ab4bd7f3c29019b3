//! `ratchet db status`: which database it is, and whether this version can use it.

use ratchet_plugin_api::shell::{Shell, ShellCommand};
use ratchet_plugin_api::{Result, command};

use super::print;
use crate::Storage;
use crate::upkeep::look;

/// Shows which database is used, its schema and its size.
#[command(name = "db status")]
pub(crate) struct DbStatus {
    /// Print JSON.
    json: bool,
}

impl ShellCommand<Storage> for DbStatus {
    async fn run(self, plugin: &Storage, _shell: Shell) -> Result<u8> {
        let status = look(plugin.config()).await?;
        // Whoever only wants to know whether it can be used asks for the exit code.
        let code = u8::from(!status.unknown.is_empty());
        if self.json {
            print::json(plugin.context(), &status)?;
            return Ok(code);
        }
        let schema = match (&status.schema, status.pending.as_slice()) {
            _ if !status.unknown.is_empty() => format!(
                "of a newer version of Ratchet, which this one cannot use: {}",
                status.unknown.join(", ")
            ),
            (None, _) => "none yet; `ratchet db migrate` or `ratchet serve` makes it".to_owned(),
            (Some(schema), []) => format!("{schema}, up to date"),
            (Some(schema), pending) => format!(
                "{schema}; `ratchet db migrate` brings it to {}",
                pending.last().map(String::as_str).unwrap_or_default()
            ),
        };
        let kind = if status.backend == "sqlite" { "SQLite" } else { "PostgreSQL" };
        let text = format!(
            "database  {}\nkind      {kind} {}\nschema    {schema}\nsize      {}\n",
            status.url,
            status.server_version,
            print::bytes(status.bytes)
        );
        plugin.context().print(text)?;
        Ok(code)
    }
}
