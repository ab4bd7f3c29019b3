//! A contract's method cannot be generic.

#![allow(unused)]

use ratchet_plugin_api::{Result, service};

#[service(id = "acme.thing", version = "1.0")]
trait Thing {
    async fn store<T: Send>(&self, value: T) -> Result<()>;
}

fn main() {}
