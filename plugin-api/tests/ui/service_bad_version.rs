//! A contract's version has two numbers.

#![allow(unused)]

use ratchet_plugin_api::{Result, service};

#[service(id = "acme.thing", version = "one")]
trait Thing {
    async fn store(&self) -> Result<()>;
}

fn main() {}
