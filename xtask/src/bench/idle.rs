//! A server with nothing to do but twenty schedules that are not due: what it costs all the same.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::failure::{Failure, Result, While};

use super::contestant::{DATABASE, Store, fresh_file};
use super::options::Options;
use super::postgres::Postgres;
use super::ratchet::{Machine, Setup};
use super::report;
use super::workplace::{Server, Workplace};

/// Schedules that wait.
const SCHEDULES: usize = 20;

/// Seconds until starting is forgotten.
const SETTLING: Duration = Duration::from_secs(5);

/// Seconds a command may take.
const LIMIT: u64 = 60;

/// Statements that clients have sent to the measured database.
const CALLS: &str = "SELECT coalesce(sum(calls), 0) FROM pg_stat_statements WHERE dbid = \
                     (SELECT oid FROM pg_database WHERE datname = 'bench')";

/// What a process has used so far and holds now.
#[derive(Clone, Copy, Default)]
struct Usage {
    /// Ticks of the processor, of which Linux counts a hundred a second for programs.
    ticks: u64,
    resident_kb: u64,
    proportional_kb: u64,
    /// System calls that read or write.
    calls: u64,
}

/// Looks at an idle server on each database and prints a table.
///
/// # Errors
/// When it does not start or stays.
pub(super) fn run(options: &Options, machine: &Machine) -> Result {
    let workplace = Workplace::make()?;
    let postgres = Postgres::start(workplace.path());
    let seconds = options.idle_seconds();
    let mut text = format!(
        "## `ratchet serve` with {SCHEDULES} schedules and nothing to do, for {seconds} s\n\n\
         | | processor | host | workers | a second |\n|---|---|---|---|---|\n"
    );
    for store in [Store::SqliteFull, Store::Postgres] {
        let row = match (&postgres, store) {
            (Err(failure), Store::Postgres) => {
                format!("| PostgreSQL | {} | | | |", failure.message.replace('|', "/"))
            }
            (postgres, _) => {
                look(machine, workplace.path(), store, postgres.as_ref().ok(), seconds)?
            }
        };
        text.push_str(&row);
        text.push('\n');
    }
    report::print(&text)
}

fn look(
    machine: &Machine,
    folder: &Path,
    store: Store,
    postgres: Option<&Postgres>,
    seconds: u64,
) -> Result<String> {
    let postgres = postgres.filter(|_| store == Store::Postgres);
    let url = match postgres {
        Some(postgres) => {
            postgres.ask("postgres", "CREATE EXTENSION IF NOT EXISTS pg_stat_statements")?;
            postgres.fresh(DATABASE)?
        }
        None => format!("sqlite://{}", fresh_file(folder)),
    };
    let synchronous = store.synchronous();
    let setup = |measures| Setup { folder, url: &url, synchronous, workers: None, measures };
    let load = ["bench", "load", "--jobs", "0", "--runtime", "boa"];
    machine.set_up(&setup(true))?.run(&load, LIMIT)?;
    let instance = machine.set_up(&setup(false))?;
    for number in 0..SCHEDULES {
        let name = format!("idle-{number}");
        let task = ["--task", "bench-nothing", "--cron", "0 0 1 1 *"];
        instance.run(&[&["schedule", "add", &name], &task[..]].concat(), LIMIT)?;
    }
    let mut command = instance.command(&["serve", "--json"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut server = Server::start(command, "-TERM")?;
    let output = server.child().stdout.take().ok_or_else(|| Failure::new("it has no output"))?;
    let mut ready = String::new();
    BufReader::new(output).read_line(&mut ready).while_doing("waiting until it serves")?;
    if ready.is_empty() {
        return Err(Failure::new("`ratchet serve` ended before it served"));
    }
    std::thread::sleep(SETTLING);
    let calls = || match postgres {
        Some(postgres) => postgres.ask("postgres", CALLS)?.parse().while_doing("counting calls"),
        None => Ok(0_u64),
    };
    let (before, asked) = (family(server.id())?, calls()?);
    std::thread::sleep(Duration::from_secs(seconds));
    let (after, answered) = (family(server.id())?, calls()?);
    if !server.lives() || before.len() != after.len() {
        return Err(Failure::new("the server or a worker did not last"));
    }
    let sum = |of: fn(&Usage) -> u64, all: &[Usage]| all.iter().map(of).sum::<u64>();
    let used = |of: fn(&Usage) -> u64| sum(of, &after).saturating_sub(sum(of, &before)) as f64;
    let percent = used(|it| it.ticks) / seconds as f64;
    let each_second = |count: f64| format!("{:.2}", count / seconds as f64);
    let (name, a_second) = match postgres {
        Some(_) => ("PostgreSQL", format!("{} statements", each_second((answered - asked) as f64))),
        None => ("SQLite", format!("{} reads and writes", each_second(used(|it| it.calls)))),
    };
    let workers = &after[1..];
    let mib = |kb: u64| format!("{:.1} MiB", kb as f64 / 1024.0);
    let held = |usage: &Usage| {
        format!("{} resident, {} proportional", mib(usage.resident_kb), mib(usage.proportional_kb))
    };
    let each: Vec<_> = workers.iter().map(held).collect();
    Ok(format!(
        "| {name} | {percent:.2} % | {} | {} | {a_second} |",
        held(&after[0]),
        if each.is_empty() { "none".to_owned() } else { each.join("; ") },
    ))
}

/// What a process and its children use, the process first.
fn family(pid: u32) -> Result<Vec<Usage>> {
    let mut all = vec![usage(pid)?];
    let entries = fs::read_dir("/proc").while_doing("looking for processes")?;
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut children: Vec<u32> = pids.filter(|&other| parent(other) == Some(pid)).collect();
    children.sort_unstable();
    for child in children {
        all.push(usage(child)?);
    }
    Ok(all)
}

/// The fields of /proc/PID/stat after the name, which is in parentheses and may hold anything.
fn stat(pid: u32) -> Option<Vec<u64>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields = text.rsplit_once(')')?.1.split_whitespace();
    Some(fields.map(|field| field.parse().unwrap_or_default()).collect())
}

fn parent(pid: u32) -> Option<u32> {
    stat(pid)?.get(1).and_then(|&parent| u32::try_from(parent).ok())
}

fn usage(pid: u32) -> Result<Usage> {
    let read = |file: &str| {
        let path = format!("/proc/{pid}/{file}");
        fs::read_to_string(&path).while_doing(format!("reading {path}"))
    };
    let number = |text: &str, key: &str| {
        let found = text.lines().find_map(|line| line.strip_prefix(key)?.split_whitespace().next());
        found.and_then(|word| word.parse().ok()).unwrap_or(0)
    };
    let stat = stat(pid).ok_or_else(|| Failure::new(format!("process {pid} is gone")))?;
    let (memory, io) = (read("smaps_rollup")?, read("io")?);
    Ok(Usage {
        ticks: stat.iter().skip(11).take(2).sum(),
        resident_kb: number(&memory, "Rss:"),
        proportional_kb: number(&memory, "Pss:"),
        calls: number(&io, "syscr:") + number(&io, "syscw:"),
    })
}
