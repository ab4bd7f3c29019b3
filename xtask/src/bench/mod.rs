//! Subcommand: cargo xtask bench [OPTION…] [NAME…]
//!
//! `processes`, `calls`, `tasks` and `runtimes` are bench targets of the host. `queue`, `jobs` and
//! `latency` are ladders: the same work done by Ratchet and by what people use today, in turn, on
//! one machine; every run ends in a check that each job ran exactly once, and a run that fails it
//! has no number. `idle` looks at a server that has nothing to do. The options are for these:
//!
//! - `--quick`: small numbers and one run, to see that it works
//! - `--runs COUNT`: runs that count, 5 if not given; one more before them does not
//! - `--jobs COUNT`: jobs of one run, instead of as many as the rung has
//! - `--idle-seconds COUNT`: how long the idle server is looked at, 60 if not given
//! - `--only TEXT`: only systems with this in their name, or rungs with it in their title
//! - `--built FOLDER`: measures the build in this folder instead of making one

mod contestant;
mod environment;
mod idle;
mod ladder;
mod options;
mod peers;
mod postgres;
mod ratchet;
mod redis;
mod report;
mod workplace;

use crate::Subcommand;
use crate::failure::Result;
use crate::process;
use crate::project::{HOST, Project};
use options::Options;

pub(crate) const SUBCOMMAND: Subcommand = Subcommand {
    name: "bench",
    usage: "[OPTION…] [NAME…]",
    summary: "Measures an optimised build: processes, calls, tasks, runtimes; and against what \
              others use: queue, jobs, latency, idle",
    run,
};

/// The benchmarks that are bench targets of the host.
const TARGETS: &[&str] = &["processes", "calls", "tasks", "runtimes"];

fn run(project: &Project, arguments: Vec<String>) -> Result {
    let options = Options::read(&arguments)?;
    if TARGETS.iter().any(|name| options.wants(name)) {
        // These load plugins from the folder they are in themselves.
        let mut build = process::cargo(&project.root);
        build.args(["build", "--release", "--workspace", "--lib", "--bins"]);
        process::run(&mut build)?;
    }
    for name in TARGETS.iter().filter(|name| options.wants(name)) {
        let mut bench = process::cargo(&project.root);
        bench.args(["bench", "--quiet", "--package", HOST, "--bench", name]);
        process::run(&mut bench)?;
    }
    if ladder::NAMES.iter().chain(&["idle"]).any(|name| options.wants(name)) {
        let machine = ratchet::build(project, &options)?;
        report::print(&environment::describe(project)?)?;
        ladder::run(project, &options, &machine)?;
        if options.wants("idle") {
            idle::run(&options, &machine)?;
        }
    }
    Ok(())
}
