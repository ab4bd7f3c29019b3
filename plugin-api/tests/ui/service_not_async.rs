//! A contract's methods are async.

#![allow(unused)]

use ratchet_plugin_api::{Result, service};

#[service(id = "acme.thing", version = "1.0")]
trait Thing {
    fn store(&self) -> Result<()>;
}

fn main() {}
