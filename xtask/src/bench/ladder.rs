//! The rungs: the same work for everybody, in turn, as often as it takes to trust the figures.

use std::fs;

use crate::failure::{Failure, Result, While};
use crate::project::Project;

use super::contestant::{Contestant, Ground, Store};
use super::options::Options;
use super::peers::Peers;
use super::postgres::Postgres;
use super::ratchet::Machine;
use super::report::{self, Column, Row, Unit};
use super::workplace::Workplace;

/// The benchmarks that are ladders.
pub(super) const NAMES: &[&str] = &["queue", "jobs", "latency"];

/// One kind of work.
struct Rung {
    /// The benchmark it is part of.
    benchmark: &'static str,
    /// The letter by which adapters know it.
    letter: &'static str,
    title: &'static str,
    /// How many jobs.
    jobs: u64,
    columns: &'static [Column],
    contestants: Vec<Contestant>,
}

const PER_SECOND: &[Column] = &[Column::new("jobs a second", "per_second", Unit::PerSecond)];

const ENQUEUED: &[Column] = &[
    Column::new("1 caller", "1x1", Unit::PerSecond),
    Column::new("32 callers", "32x1", Unit::PerSecond),
    Column::new("256 callers", "256x1", Unit::PerSecond),
    Column::new("1 000 to a call", "1x1000", Unit::PerSecond),
];

const LATENCY: &[Column] = &[
    Column::new("first instruction, p50", "p50_us", Unit::Microseconds),
    Column::new("p99", "p99_us", Unit::Microseconds),
    Column::new("accepted, p50", "answered_p50_us", Unit::Microseconds),
    Column::new("result recorded, p50", "ended_p50_us", Unit::Microseconds),
];

const RECOVERED: &[Column] = &[
    Column::new("runs again, p50", "p50_us", Unit::Microseconds),
    Column::new("p99", "p99_us", Unit::Microseconds),
    Column::new("longest", "max_us", Unit::Microseconds),
];

fn rungs() -> Vec<Rung> {
    use Store::{PeersSqlite, Postgres, RedisAlways, RedisEverySecond, SqliteFull, SqliteNormal};
    let ratchet = Contestant::ratchet;
    let peer = Contestant::peer;
    let tuned = || {
        [
            peer("graphile-worker", "tuned", Postgres),
            peer("graphile-worker", "tuned-2", Postgres),
            peer("pg-boss", "tuned", Postgres),
            peer("bullmq", "tuned", RedisAlways),
            peer("bullmq", "tuned", RedisEverySecond),
            peer("bunqueue", "tuned", PeersSqlite),
            peer("bunqueue", "durable", PeersSqlite),
        ]
    };
    let default = || {
        [
            peer("graphile-worker", "default", Postgres),
            peer("pg-boss", "default", Postgres),
            peer("bullmq", "default", RedisEverySecond),
            peer("bunqueue", "default", PeersSqlite),
        ]
    };
    let one_process = |contestant: &Contestant| !contestant.name().contains("tuned-2");
    let all = || tuned().into_iter().chain(default());
    vec![
        Rung {
            benchmark: "queue",
            letter: "A",
            title: "Jobs that do nothing, waiting already: from the first to the last",
            jobs: 200_000,
            columns: PER_SECOND,
            contestants: [SqliteFull, SqliteNormal, Postgres]
                .map(|store| ratchet("noop", store))
                .into_iter()
                .chain(all())
                .collect(),
        },
        Rung {
            benchmark: "queue",
            letter: "E",
            title: "Jobs accepted in a second",
            jobs: 100_000,
            columns: ENQUEUED,
            contestants: [SqliteFull, SqliteNormal, Postgres]
                .map(|store| ratchet("noop", store))
                .into_iter()
                .chain(tuned().into_iter().filter(one_process))
                .collect(),
        },
        Rung {
            benchmark: "jobs",
            letter: "B2",
            title: "Jobs of JavaScript, each in a fresh context, with schemas on both sides",
            jobs: 50_000,
            columns: PER_SECOND,
            contestants: [("quickjs", SqliteFull), ("quickjs", Postgres), ("boa", SqliteFull)]
                .map(|(runtime, store)| ratchet(runtime, store))
                .into_iter()
                .chain(tuned())
                .collect(),
        },
        Rung {
            benchmark: "jobs",
            letter: "B",
            title: "Jobs of JavaScript without isolation, which Ratchet does not offer",
            jobs: 50_000,
            columns: PER_SECOND,
            contestants: tuned().into(),
        },
        Rung {
            benchmark: "jobs",
            letter: "F",
            title: "A worker killed in the middle of a job",
            jobs: 100,
            columns: RECOVERED,
            contestants: vec![ratchet("quickjs", SqliteFull), ratchet("quickjs", Postgres)],
        },
        Rung {
            benchmark: "latency",
            letter: "C",
            title: "From the call that asks for a job to the job's first instruction",
            jobs: 2_000,
            columns: LATENCY,
            contestants: [
                ratchet("noop", SqliteFull),
                ratchet("noop", Postgres),
                ratchet("quickjs", SqliteFull),
                ratchet("quickjs", Postgres),
                Contestant::at_rate("quickjs", SqliteFull, 100),
                Contestant::at_rate("quickjs", SqliteFull, 500),
                Contestant::at_rate("quickjs", SqliteFull, 2_000),
            ]
            .into_iter()
            .chain(all().filter(one_process))
            .collect(),
        },
    ]
}

/// Runs the ladders that are wanted and prints a table for each rung.
///
/// # Errors
/// When a run of Ratchet fails. A peer that fails has that in its row.
pub(super) fn run(project: &Project, options: &Options, machine: &Machine) -> Result {
    let rungs = rungs().into_iter().filter(|rung| options.wants(rung.benchmark));
    let rungs: Vec<_> = rungs.map(|rung| only(rung, options)).collect();
    if rungs.iter().all(|rung| rung.contestants.is_empty()) {
        return Ok(());
    }
    let workplace = Workplace::make()?;
    let needs_peers = rungs.iter().flat_map(|rung| &rung.contestants).any(|one| !one.is_ours());
    let peers = if needs_peers { Peers::install(project) } else { Err(Failure::new("not asked")) };
    let ground = Ground {
        machine,
        folder: workplace.path(),
        peers: peers.map_err(|failure| failure.message),
        postgres: Postgres::start(workplace.path()).map_err(|failure| failure.message),
    };
    let mut failed = Vec::new();
    for rung in rungs.iter().filter(|rung| !rung.contestants.is_empty()) {
        let rows = climb(project, rung, &ground, options)?;
        report::print(&report::table(rung.title, rung.columns, &rows))?;
        let ours = rung.contestants.iter().zip(&rows).filter(|(one, _)| one.is_ours());
        let broken = ours.filter(|(_, row)| !row.failures.is_empty());
        failed.extend(broken.map(|(_, row)| format!("{}: {}", rung.letter, row.name)));
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("runs failed:\n{}", failed.join("\n"))))
}

/// The rung with the contestants that are asked for.
fn only(mut rung: Rung, options: &Options) -> Rung {
    if let Some(text) = &options.only {
        let text = text.to_lowercase();
        let asked = |name: String| name.to_lowercase().contains(&text);
        let whole = asked(format!("{} {}", rung.letter, rung.title));
        rung.contestants.retain(|contestant| whole || asked(contestant.name()));
    }
    rung
}

/// All runs of one rung: everybody in turn, each turn beginning with another.
fn climb(
    project: &Project,
    rung: &Rung,
    ground: &Ground<'_>,
    options: &Options,
) -> Result<Vec<Row>> {
    let folder = project.target.join("bench");
    fs::create_dir_all(&folder).while_doing("making a folder for the figures")?;
    let mut raw = String::new();
    let mut rows: Vec<Row> =
        rung.contestants.iter().map(|contestant| Row::new(contestant.name())).collect();
    let (jobs, many) = (options.jobs(rung.jobs), rung.contestants.len());
    for turn in 0..options.warm_up_runs() + options.runs() {
        for place in 0..many {
            let index = (place + turn) % many;
            let (contestant, row) = (&rung.contestants[index], &mut rows[index]);
            let measured = contestant.run(rung.letter, jobs, ground, options);
            let said = match &measured {
                Ok(measured) => measured.to_string(),
                Err(failure) => failure.message.clone(),
            };
            eprintln!("{} {turn} {}: {said}", rung.letter, row.name);
            raw.push_str(&format!("{}\t{turn}\t{}\t{said}\n", rung.letter, row.name));
            match measured {
                Ok(measured) if turn >= options.warm_up_runs() => row.runs.push(measured),
                Ok(_) => {}
                Err(failure) => row.failures.push(failure.message),
            }
        }
    }
    let path = folder.join(format!("{}.tsv", rung.letter));
    fs::write(&path, raw).while_doing(format!("writing {}", path.display()))?;
    Ok(rows)
}
