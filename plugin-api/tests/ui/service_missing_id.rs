//! A contract needs an id.

#![allow(unused)]

use ratchet_plugin_api::{Result, service};

#[service(version = "1.0")]
trait Thing {
    async fn store(&self) -> Result<()>;
}

fn main() {}
