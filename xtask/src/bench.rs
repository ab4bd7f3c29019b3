//! Subcommand: cargo xtask bench [NAME…]

use crate::Subcommand;
use crate::failure::{Failure, Result};
use crate::process;
use crate::project::{HOST, Project};

pub(crate) const SUBCOMMAND: Subcommand = Subcommand {
    name: "bench",
    usage: "[NAME…]",
    summary: "Measures an optimised build: processes, calls, tasks, runtimes; all if none is named",
    run,
};

/// The benchmarks, which are bench targets of the host.
const BENCHMARKS: &[&str] = &["processes", "calls", "tasks", "runtimes"];

fn run(project: &Project, names: Vec<String>) -> Result {
    for name in &names {
        if !BENCHMARKS.contains(&name.as_str()) {
            let known = BENCHMARKS.join(", ");
            return Err(Failure::usage(format!("there is no benchmark `{name}`, only {known}")));
        }
    }
    // The benchmarks load plugins from the folder they are in themselves.
    let mut build = process::cargo(&project.root);
    build.args(["build", "--release", "--workspace", "--lib", "--bins"]);
    process::run(&mut build)?;
    for name in BENCHMARKS {
        if names.is_empty() || names.iter().any(|wanted| wanted == name) {
            let mut bench = process::cargo(&project.root);
            bench.args(["bench", "--quiet", "--package", HOST, "--bench", name]);
            process::run(&mut bench)?;
        }
    }
    Ok(())
}
