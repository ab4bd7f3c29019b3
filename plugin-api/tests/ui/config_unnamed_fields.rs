//! A configuration's fields have names.

#![allow(unused)]

use ratchet_plugin_api::config;

#[config]
struct Config(String);

fn main() {}
