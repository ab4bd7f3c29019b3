//! What was measured on: without it a figure says nothing.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::process::Command;
use std::time::Instant;

use crate::failure::{Result, While};
use crate::process;
use crate::project::Project;

use super::peers;
use super::postgres::Postgres;
use super::redis::Redis;
use super::workplace::Workplace;

/// Writes of the probe of the disk.
const WRITES: usize = 500;

/// A Markdown list of what the figures depend on.
///
/// # Errors
/// When the disk cannot be probed.
pub(super) fn describe(project: &Project) -> Result<String> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let line = |text: &str, key: &str| {
        let found = text.lines().find_map(|line| line.strip_prefix(key));
        found.map_or("?".to_owned(), |rest| rest.trim_start_matches([' ', '\t', ':']).to_owned())
    };
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    let load = read("/proc/loadavg").split(' ').next().unwrap_or("?").to_owned();
    let version = |name: &str| {
        let text = process::read(Command::new(name).arg("--version"));
        text.map_or("not installed".to_owned(), |text| text.trim().to_owned())
    };
    let or_missing = |version: Result<String>| version.unwrap_or_else(|_| "not installed".into());
    let mut text = format!(
        "- processor: {} ({processors})\n- memory: {}\n- kernel: {}\n- fdatasync of 4 KiB: {} us \
         p50\n- load average at the start: {load}\n- {}\n- PostgreSQL {}, Redis {}\n",
        line(&read("/proc/cpuinfo"), "model name"),
        line(&read("/proc/meminfo"), "MemTotal"),
        read("/proc/sys/kernel/osrelease").trim(),
        sync_us()?,
        version("rustc"),
        or_missing(Postgres::version()),
        or_missing(Redis::version()),
    );
    for (name, version) in peers::versions(project)? {
        text.push_str(&format!("- {name} {version}\n"));
    }
    if load.parse::<f64>().is_ok_and(|load| load > 0.3) {
        text.push_str("\nThe machine was busy: these figures are no measurement.\n");
    }
    Ok(text)
}

/// Microseconds of half of all writes of 4 KiB that are on the disk afterwards.
fn sync_us() -> Result<u128> {
    let folder = Workplace::make()?;
    let probing = "probing the disk";
    let path = folder.path().join("probe");
    let mut file = OpenOptions::new().create(true).append(true).open(path).while_doing(probing)?;
    let mut times = Vec::with_capacity(WRITES);
    for _ in 0..WRITES {
        let began = Instant::now();
        file.write_all(&[7; 4096]).while_doing(probing)?;
        file.sync_data().while_doing(probing)?;
        times.push(began.elapsed().as_micros());
    }
    times.sort_unstable();
    Ok(times[WRITES / 2])
}
