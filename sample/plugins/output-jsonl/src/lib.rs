//! `acme.output.jsonl`: appends each result as one line of JSON to a file.

use std::{collections::BTreeMap, fs::File, io::Write as _, path::PathBuf};

use ratchet_plugin_api::model::{Delivery, Json, Receipt};
use ratchet_plugin_api::services::OutputSink;
use ratchet_plugin_api::{Context, Error, Plugin, Result, config, plugin, service};

/// The plugin's own configuration.
#[config]
struct JsonLines {
    /// The folder of all files; made if it does not exist.
    folder: PathBuf,
}

/// A destination: what a user writes to choose this sink for a task's results.
#[config]
struct Target {
    /// The name of the file in the plugin's folder, such as `daily.jsonl`.
    file: String,
}

impl Plugin for JsonLines {
    type Config = Self;

    async fn start(_context: Context, config: Self) -> Result<Self> {
        std::fs::create_dir_all(&config.folder)?;
        Ok(config)
    }
}

#[service]
impl OutputSink for JsonLines {
    async fn deliver(&self, Delivery { id, run, target, body, .. }: Delivery) -> Result<Receipt> {
        self.check(target.clone()).await?;
        let path = self.folder.join(target.to::<Target>()?.file);
        let body = String::from_utf8(body.into()).map_err(|_| Error::invalid("not UTF-8"))?;
        // A delivery that is repeated adds a line with the same id, by which readers tell it.
        let (id, run, result) = (Json::of(&id)?, Json::of(&run)?, Json::parse(body)?);
        let line = Json::of(&BTreeMap::from([("id", id), ("run", run), ("result", result)]))?;
        // In JSON a line break is never part of a value, so the result may lose its own.
        let line = line.as_str().replace(['\n', '\r'], " ") + "\n";
        // One write to a file opened for appending: the lines of concurrent deliveries do not mix.
        File::options().append(true).create(true).open(&path)?.write_all(line.as_bytes())?;
        Ok(Receipt::new(line.len() as u64).at(path.display().to_string()))
    }

    async fn check(&self, target: Json) -> Result<()> {
        let file = PathBuf::from(target.to::<Target>()?.file);
        let is_name = file.file_name() == Some(file.as_os_str());
        is_name.then_some(()).ok_or_else(|| Error::invalid("`file` is not the name of a file"))
    }
}

plugin! {
    id: "acme.output.jsonl",
    summary: "Appends each result as one line of JSON to a file",
    plugin: JsonLines,
    provides: [OutputSink as "jsonl"],
}

#[cfg(test)]
mod tests;
