//! Plugins placed in processes of their own.
//!
//! The same plugin file, the same services: a worker process (`ratchet --worker`) hosts the plugin,
//! and its services are proxied over a socket pair, with correlation, deadlines and cancellation.
//! The services the plugin needs are bridged the other way. A worker that hangs, explodes or is
//! killed costs the calls it was answering, and is replaced.

mod death;
mod frame;
mod lease;
mod memory;
mod outlet;
mod peer;
mod pool;
mod sandbox;
mod worker;
mod worker_main;

use std::path::PathBuf;

use ratchet_plugin_api::manifest::{Provision, Requirement};
use serde::{Deserialize, Serialize};

use crate::config::settings::Sandbox;

pub use pool::{Pool, PoolOptions};
pub use worker_main::main as worker_main;

/// Everything a worker process is told, first of all.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkerSetup {
    /// The worker's number, unique within the host.
    pub worker: u64,
    /// The host's process id: a worker whose parent is another has outlived its host.
    pub host_pid: u32,
    /// The plugin to host.
    pub plugin: String,
    /// Its file, as the host holds it open: the bytes that were checked.
    pub file: PathBuf,
    /// Its configuration, a JSON object.
    pub config: String,
    /// Services of the plugin that the host may call, by target number.
    pub provides: Vec<Provision>,
    /// Services of the host that the plugin may call, by target number.
    pub services: Vec<Requirement>,
    /// The most verbose level anything listens to, 1 to 5.
    pub log_level: u8,
    /// How to shut the process in.
    pub sandbox: Sandbox,
    /// Bytes of data the process may hold; see `setrlimit(2)`, `RLIMIT_DATA`.
    pub memory_bytes: u64,
}
