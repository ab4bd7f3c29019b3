//! Every call can fail.

#![allow(unused)]

use ratchet_plugin_api::service;

#[service(id = "acme.thing", version = "1.0")]
trait Thing {
    async fn store(&self) -> u32;
}

fn main() {}
