//! `acme.kind.template`: starts and stops, and provides nothing yet.

use ratchet_plugin_api::{Context, NoConfig, Plugin, Result, plugin};

struct Template;

impl Plugin for Template {
    type Config = NoConfig;

    async fn start(_context: Context, _config: NoConfig) -> Result<Self> {
        Ok(Self)
    }
}

plugin! {
    id: "acme.kind.template",
    summary: "Provides nothing yet",
    plugin: Template,
}

#[cfg(test)]
mod tests {
    use ratchet_testkit::TestHost;

    use super::*;

    #[tokio::test]
    async fn it_starts_and_stops() {
        let host = TestHost::new();
        let plugin = host.start::<Template>(serde_json::json!({})).await.expect("it starts");
        plugin.stop().await.expect("it stops");
    }
}
