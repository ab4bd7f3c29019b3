//! A plugin needs an id.

#![allow(unused)]

use ratchet_plugin_api::{Context, NoConfig, Plugin, Result, plugin};

struct Mine;

impl Plugin for Mine {
    type Config = NoConfig;

    async fn start(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }
}

plugin! {
    summary: "Has no name",
    plugin: Mine,
}

fn main() {}
