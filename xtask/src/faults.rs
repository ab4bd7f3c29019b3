//! Subcommand: cargo xtask faults [--kills COUNT] [--seed NUMBER] [--database URL|sqlite|postgres]

use crate::Subcommand;
use crate::failure::{Failure, Result};
use crate::process;
use crate::project::{HOST, Project};

pub(crate) const SUBCOMMAND: Subcommand = Subcommand {
    name: "faults",
    usage: "[--kills COUNT] [--seed NUMBER] [--database URL|sqlite|postgres]",
    summary: "Kills workers, hosts and connections while jobs run, and checks that none was lost",
    run,
};

/// Kills without being told how many.
const KILLS: &str = "1000";

fn run(project: &Project, arguments: Vec<String>) -> Result {
    let mut build = process::cargo(&project.root);
    process::run(build.args(["build", "--workspace", "--lib", "--bins"]))?;
    let mut test = process::cargo(&project.root);
    test.args(["test", "--package", HOST, "--test", "durability", "--"]);
    test.args(["--nocapture", "--test-threads", "1"]).env("RATCHET_KILLS", KILLS);
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let variable = match argument.as_str() {
            "--kills" => "RATCHET_KILLS",
            "--seed" => "RATCHET_FAULT_SEED",
            "--database" => "RATCHET_FAULT_DATABASE",
            other => return Err(Failure::usage(format!("`{other}` is no option of faults"))),
        };
        let missing = || Failure::usage(format!("`{argument}` needs a value"));
        test.env(variable, arguments.next().ok_or_else(missing)?);
    }
    process::run(&mut test)
}
