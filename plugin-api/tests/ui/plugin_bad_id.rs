//! A plugin's id is lower-case words joined by dots.

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
    id: "My Plugin",
    plugin: Mine,
}

fn main() {}
