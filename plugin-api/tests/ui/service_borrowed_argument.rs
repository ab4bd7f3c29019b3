//! Nothing borrowed crosses to another plugin.

#![allow(unused)]

use ratchet_plugin_api::{Result, service};

#[service(id = "acme.thing", version = "1.0")]
trait Thing {
    async fn store(&self, name: &str) -> Result<()>;
}

fn main() {}
