//! Who climbs a rung, and how one run of theirs is made.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::failure::{Failure, Result};

use super::options::Options;
use super::peers::Peers;
use super::postgres::Postgres;
use super::ratchet::{Machine, Setup};
use super::redis::Redis;

/// Seconds a run may take in all, as a multiple of the time that is measured.
const LIMIT: u64 = 20;

/// The databases' name in the private PostgreSQL.
pub(super) const DATABASE: &str = "bench";

/// Where jobs are kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Store {
    /// SQLite in a file, synced at the end of each transaction.
    SqliteFull,
    /// SQLite in a file, synced now and then: a loss of power costs the last transactions.
    SqliteNormal,
    Postgres,
    /// Redis, synced after each command.
    RedisAlways,
    /// Redis, synced each second.
    RedisEverySecond,
    /// A file of SQLite, as the peer opens it.
    PeersSqlite,
}

impl Store {
    fn name(self) -> &'static str {
        match self {
            Self::SqliteFull => "SQLite, synchronous=FULL",
            Self::SqliteNormal => "SQLite, synchronous=NORMAL",
            Self::Postgres => "PostgreSQL",
            Self::RedisAlways => "Redis, appendfsync always",
            Self::RedisEverySecond => "Redis, appendfsync everysec",
            Self::PeersSqlite => "SQLite, synchronous=NORMAL",
        }
    }

    /// What Ratchet's configuration calls it.
    pub(super) fn synchronous(self) -> &'static str {
        if self == Self::SqliteNormal { "normal" } else { "full" }
    }
}

/// A system, set up in one way.
pub(super) struct Contestant {
    pub(super) kind: Kind,
    pub(super) store: Store,
}

/// Which system.
pub(super) enum Kind {
    /// Ratchet with tasks on this runtime; in rung C at this rate, or one job after the other.
    Ratchet { runtime: &'static str, rate: Option<u32> },
    /// The peer with this adapter in this mode.
    Peer { module: &'static str, mode: &'static str },
}

/// What contestants run on.
pub(super) struct Ground<'a> {
    pub(super) machine: &'a Machine,
    pub(super) folder: &'a Path,
    pub(super) peers: std::result::Result<Peers, String>,
    pub(super) postgres: std::result::Result<Postgres, String>,
}

impl Contestant {
    pub(super) const fn ratchet(runtime: &'static str, store: Store) -> Self {
        Self { kind: Kind::Ratchet { runtime, rate: None }, store }
    }

    pub(super) const fn at_rate(runtime: &'static str, store: Store, rate: u32) -> Self {
        Self { kind: Kind::Ratchet { runtime, rate: Some(rate) }, store }
    }

    pub(super) const fn peer(module: &'static str, mode: &'static str, store: Store) -> Self {
        Self { kind: Kind::Peer { module, mode }, store }
    }

    /// What a table calls it.
    pub(super) fn name(&self) -> String {
        let store = self.store.name();
        match &self.kind {
            Kind::Ratchet { runtime, rate: None } => format!("**Ratchet**, {runtime}, {store}"),
            Kind::Ratchet { runtime, rate: Some(rate) } => {
                format!("**Ratchet**, {runtime}, {store}, {rate} a second")
            }
            Kind::Peer { module, mode } => format!("{module} ({mode}), {store}"),
        }
    }

    /// Whether it is ours, so that its failure is a failure of the benchmark.
    pub(super) fn is_ours(&self) -> bool {
        matches!(self.kind, Kind::Ratchet { .. })
    }

    /// Jobs it gets where others get `jobs`: systems at their defaults are slow.
    fn share(&self, jobs: u64) -> u64 {
        match self.kind {
            Kind::Peer { mode: "default", .. } => (jobs / 10).max(jobs.min(500)),
            _ => jobs,
        }
    }

    /// Makes one run of this rung, on a database of its own.
    ///
    /// # Errors
    /// When something it needs is missing, it fails, or its delivery is not exact.
    pub(super) fn run(
        &self,
        rung: &str,
        jobs: u64,
        ground: &Ground<'_>,
        options: &Options,
    ) -> Result<Value> {
        let missing = |what: &String| Failure::new(what.clone());
        let mut redis = None;
        let place = match self.store {
            Store::Postgres => ground.postgres.as_ref().map_err(missing)?.fresh(DATABASE)?,
            Store::RedisAlways | Store::RedisEverySecond => {
                let always = self.store == Store::RedisAlways;
                let fsync = if always { "always" } else { "everysec" };
                redis.insert(Redis::start(ground.folder, fsync)?).place()
            }
            _ => fresh_file(ground.folder),
        };
        let jobs = self.share(jobs);
        let limit = options.budget_seconds() * LIMIT;
        let measured = match &self.kind {
            Kind::Ratchet { runtime, rate } => {
                self.run_ratchet(rung, jobs, &place, (runtime, *rate), ground, limit)
            }
            Kind::Peer { module, mode } => {
                let budget = options.budget_seconds();
                let mut request = json!({ "mode": mode, "rung": rung, "place": place });
                (request["n"], request["budget_s"]) = (json!(jobs), json!(budget));
                ground.peers.as_ref().map_err(missing)?.measure(module, &request, limit)
            }
        };
        drop(redis);
        Ok(merge(&measured?))
    }

    fn run_ratchet(
        &self,
        rung: &str,
        jobs: u64,
        place: &str,
        (runtime, rate): (&str, Option<u32>),
        ground: &Ground<'_>,
        limit: u64,
    ) -> Result<Vec<Value>> {
        let postgres = self.store == Store::Postgres;
        let url = if postgres { place.to_owned() } else { format!("sqlite://{place}") };
        let instance = ground.machine.set_up(&Setup {
            folder: ground.folder,
            url: &url,
            synchronous: self.store.synchronous(),
            workers: (rung == "F").then_some(4),
            measures: true,
        })?;
        let count = jobs.to_string();
        let on = ["--runtime", runtime];
        match rung {
            "A" | "B2" => {
                let work = if rung == "A" { "nothing" } else { "sort" };
                let load = ["bench", "load", "--work", work, "--jobs", &count];
                instance.run(&[&load[..], &on].concat(), limit)?;
                if let (true, Ok(postgres)) = (postgres, &ground.postgres) {
                    postgres.settle(DATABASE)?;
                }
                instance.measure(&[&["bench", "burn", "--jobs", &count], &on[..]].concat(), limit)
            }
            "C" => {
                let rate = rate.map(|rate| rate.to_string());
                let mut arguments = vec!["bench", "latency", "--samples", &count];
                arguments.extend(on);
                if let Some(rate) = &rate {
                    arguments.extend(["--rate", rate]);
                }
                instance.measure(&arguments, limit)
            }
            "E" => instance.measure(&["bench", "enqueue", "--jobs", &count], limit),
            _ => instance
                .measure(&[&["bench", "recover", "--kills", &count], &on[..]].concat(), limit),
        }
    }
}

/// The path of a database that is not there.
pub(super) fn fresh_file(folder: &Path) -> String {
    let path = folder.join("jobs.db").display().to_string();
    for suffix in ["", "-wal", "-shm", "-journal"] {
        // It need not be there.
        let _ = fs::remove_file(format!("{path}{suffix}"));
    }
    path
}

/// All measurements of one run as one object. Those of rung E are told apart by their callers and
/// batches, such as `32x1`.
fn merge(measured: &[Value]) -> Value {
    let mut merged = json!({});
    for one in measured {
        if let (Some(callers), Some(batch)) = (one["callers"].as_u64(), one["batch"].as_u64()) {
            merged[format!("{callers}x{batch}")] = one["per_second"].clone();
            continue;
        }
        for (key, value) in one.as_object().into_iter().flatten() {
            merged[key] = value.clone();
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measurements_of_one_run_are_one_object() {
        let one = json!({ "callers": 32, "batch": 1, "per_second": 5.0, "exact": true });
        let two = json!({ "callers": 1, "batch": 1000, "per_second": 7.0, "exact": true });
        assert_eq!(merge(&[one, two]), json!({ "32x1": 5.0, "1x1000": 7.0 }));
        let burn = json!({ "n": 3, "per_second": 5.0, "exact": true });
        assert_eq!(merge(std::slice::from_ref(&burn)), burn);
    }
}
