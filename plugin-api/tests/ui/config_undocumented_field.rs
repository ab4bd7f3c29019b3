//! Every key of a configuration says what it is for.

#![allow(unused)]

use ratchet_plugin_api::config;

#[config]
struct Config {
    /// Where to write.
    path: String,
    depth: u32,
}

fn main() {}
