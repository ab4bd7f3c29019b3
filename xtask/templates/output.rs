//! `acme.kind.template`: writes each result to a file of its own.

use std::path::PathBuf;

use ratchet_plugin_api::model::{Delivery, Json, Receipt};
use ratchet_plugin_api::services::OutputSink;
use ratchet_plugin_api::{Context, Plugin, Result, config, plugin, service};

/// The plugin's own configuration.
#[config]
struct Config {
    /// What the files' names end in.
    #[default("json")]
    extension: String,
}

/// A destination: what a user writes to choose this sink for a task's results.
#[config]
struct Target {
    /// The folder for the files; made if it does not exist.
    folder: PathBuf,
}

struct Template {
    extension: String,
}

impl Plugin for Template {
    type Config = Config;

    async fn start(_context: Context, config: Config) -> Result<Self> {
        Ok(Self { extension: config.extension })
    }
}

#[service]
impl OutputSink for Template {
    async fn deliver(&self, delivery: Delivery) -> Result<Receipt> {
        let target: Target = delivery.target.to()?;
        std::fs::create_dir_all(&target.folder)?;
        // Named by the delivery, so a repeat replaces the file instead of adding one.
        let path = target.folder.join(format!("{}.{}", delivery.id, self.extension));
        std::fs::write(&path, &delivery.body)?;
        let bytes = delivery.body.len() as u64;
        Ok(Receipt::new(bytes).at(path.display().to_string()))
    }

    async fn check(&self, target: Json) -> Result<()> {
        target.to::<Target>().map(drop)
    }
}

plugin! {
    id: "acme.kind.template",
    summary: "Writes each result to a file of its own",
    plugin: Template,
    provides: [OutputSink as "template-name"],
}

#[cfg(test)]
mod tests {
    use ratchet_testkit::TestHost;
    use ratchet_testkit::contract::{Targets, output_sink};
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn it_does_what_every_output_sink_must() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let sink = TestHost::new().start::<Template>(json!({})).await.expect("it starts");
        let targets = Targets {
            valid: json!({ "folder": folder.path() }),
            invalid: vec![json!({}), json!({ "folder": 1 }), json!({ "foldr": "x" })],
        };
        output_sink(sink, targets).await.assert_passed();
    }
}
