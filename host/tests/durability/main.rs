//! The real program under real kills: nothing accepted is lost, nothing is recorded twice, and
//! nothing is stuck.
//!
//! Hosts run a stream of jobs that succeed, fail, are tried again, and take their time, while
//! workers, hosts, shell commands and connections to the database are killed at random. At the end
//! everything is restarted, what is left is run, and what the store says is compared with what was
//! accepted.
//!
//! `RATCHET_KILLS` says how many kills, `RATCHET_FAULT_SEED` the seed of every choice,
//! `RATCHET_FAULT_DATABASE` where (`sqlite`, `postgres`, or the URL of an empty PostgreSQL
//! database). `cargo xtask faults` builds what is needed and sets them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod farm;
mod feeder;
mod ledger;
mod postgres;
mod random;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use farm::{Farm, LEASE};
use feeder::Feeder;
use ledger::Ledger;
use postgres::Postgres;
use random::Random;

/// How long running what is left may take after the last kill.
const PATIENCE: Duration = Duration::from_secs(240);

/// What was killed, and when, in microseconds since 1970.
#[derive(Default)]
struct Kills {
    workers: Vec<i64>,
    hosts: Vec<i64>,
    connections: u64,
    commands: u64,
}

impl Kills {
    fn count(&self) -> u64 {
        (self.workers.len() + self.hosts.len()) as u64 + self.connections + self.commands
    }
}

fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_micros()).unwrap()
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().expect("a number"))
}

#[test]
fn nothing_is_lost_or_done_twice_or_stuck_on_a_file_of_sqlite() {
    if wanted("sqlite") {
        let farm = Farm::new(None, 1);
        assault(farm, None);
    }
}

#[test]
fn nothing_is_lost_or_done_twice_or_stuck_on_postgresql_with_three_hosts() {
    let database = std::env::var("RATCHET_FAULT_DATABASE").unwrap_or_default();
    if database.starts_with("postgres:") || database.starts_with("postgresql:") {
        assault(Farm::new(Some(database), 3), None);
    } else if wanted("postgres")
        && let Some(server) = Postgres::start()
    {
        assault(Farm::new(Some(server.url()), 3), Some(server));
    }
}

/// Whether this kind of database is to be tried.
fn wanted(kind: &str) -> bool {
    std::env::var("RATCHET_FAULT_DATABASE").is_ok_and(|chosen| chosen == kind)
        || std::env::var_os("RATCHET_FAULT_DATABASE").is_none()
}

fn assault(mut farm: Farm, server: Option<Postgres>) {
    let seed = number("RATCHET_FAULT_SEED", 1);
    let wanted = number("RATCHET_KILLS", 40);
    let mut random = Random::new(seed);
    farm.start_all();
    let stop = Arc::new(AtomicBool::new(false));
    let feeder = Feeder::start(&farm, seed, Arc::clone(&stop));
    let begun = Instant::now();
    let mut kills = Kills::default();
    while kills.count() < wanted {
        // The pause is part of what is tried: something has to be going on.
        std::thread::sleep(Duration::from_millis(random.below(200)));
        strike(&mut farm, server.as_ref(), &feeder, &mut random, &mut kills);
    }
    stop.store(true, Ordering::SeqCst);
    let accepted = feeder.finish();
    farm.start_all();
    let assaulted = begun.elapsed();
    let stuck = farm.drain(PATIENCE);
    let ledger = Ledger::read(&farm);
    let faults = ledger.faults(&accepted);
    let again = ledger.ran_again(&kills.workers, "worker_lost");
    let elsewhere = ledger.ran_again(&kills.hosts, "host_lost");
    eprintln!(
        "{} kills in {assaulted:.1?} ({} workers, {} hosts, {} connections, {} commands), seed \
         {seed}: {} jobs accepted, {} executions",
        kills.count(),
        kills.workers.len(),
        kills.hosts.len(),
        kills.connections,
        kills.commands,
        accepted.len(),
        ledger.executions(),
    );
    eprintln!("after the kill of a worker its job runs again: {again}");
    eprintln!("after the kill of a host, with a lease of {LEASE:?}: {elsewhere}");
    farm.stop_all();
    assert!(stuck.is_none(), "seed {seed}: {}", stuck.unwrap_or_default());
    assert!(faults.is_empty(), "seed {seed}: {} faults:\n{}", faults.len(), faults.join("\n"));
}

/// Kills one thing.
fn strike(
    farm: &mut Farm,
    server: Option<&Postgres>,
    feeder: &Feeder,
    random: &mut Random,
    kills: &mut Kills,
) {
    let hosts = farm.len() as u64;
    let host = random.below(hosts) as usize;
    match random.below(100) {
        0..78 => {
            let workers = farm.workers(host);
            if let Some(worker) = random.one_of(&workers) {
                let at = now_us();
                if farm::kill(*worker) {
                    kills.workers.push(at);
                }
            }
        }
        78..88 => {
            kills.hosts.push(now_us());
            farm.kill_host(host);
            farm.start_host(host);
        }
        88..94 => kills.commands += u64::from(feeder.kill_command()),
        _ => {
            if let Some(server) = server {
                kills.connections += u64::from(server.kill_connection(random));
            }
        }
    }
}
