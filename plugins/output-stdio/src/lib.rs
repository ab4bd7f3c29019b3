//! `ratchet.output.stdio`: delivers results to standard output or standard error.

use std::io::Write as _;

use ratchet_plugin_api::model::{Delivery, Json, Receipt};
use ratchet_plugin_api::services::OutputSink;
use ratchet_plugin_api::{Context, NoConfig, Plugin, Result, config, plugin, service};

struct StdioOutput {
    context: Context,
}

/// Which stream a delivery goes to.
#[config]
#[derive(Default)]
enum StreamName {
    /// Standard output.
    #[default]
    Stdout,
    /// Standard error.
    Stderr,
}

/// A destination of this sink.
#[config]
struct Target {
    /// The stream to write to.
    #[default(StreamName::Stdout)]
    stream: StreamName,
    /// Put before the result.
    #[default("")]
    prefix: String,
}

impl Plugin for StdioOutput {
    type Config = NoConfig;

    async fn start(context: Context, _config: NoConfig) -> Result<Self> {
        Ok(Self { context })
    }
}

#[service]
impl OutputSink for StdioOutput {
    async fn deliver(&self, delivery: Delivery) -> Result<Receipt> {
        let target: Target = delivery.target.to()?;
        let mut line = target.prefix.into_bytes();
        line.extend_from_slice(&delivery.body);
        if line.last() != Some(&b'\n') {
            line.push(b'\n');
        }
        match target.stream {
            StreamName::Stdout => self.context.print(&line)?,
            StreamName::Stderr => std::io::stderr().lock().write_all(&line)?,
        }
        Ok(Receipt::new(line.len() as u64))
    }

    async fn check(&self, target: Json) -> Result<()> {
        target.to::<Target>().map(drop)
    }
}

plugin! {
    id: "ratchet.output.stdio",
    summary: "Delivers results to standard output or standard error",
    plugin: StdioOutput,
    provides: [OutputSink as "stdio"],
}
