//! Running other programs, with their names said first.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::failure::{Failure, Result, While};

/// The Cargo that runs this program, in `folder`.
pub(crate) fn cargo(folder: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(folder);
    command
}

/// Whether a Cargo subcommand such as `nextest` is installed.
pub(crate) fn has_cargo_subcommand(folder: &Path, name: &str) -> bool {
    let mut command = cargo(folder);
    command.args([name, "--version"]).stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Runs `command` to its end, with its output for all to see.
///
/// # Errors
/// When it cannot be started or does not succeed.
pub(crate) fn run(command: &mut Command) -> Result {
    let line = describe(command);
    eprintln!("$ {line}");
    let status = command.status().while_doing(format!("`{line}` cannot be started"))?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::new(format!("`{line}` did not succeed ({status})")))
}

/// Runs `command` to its end and returns what it wrote to standard output.
///
/// # Errors
/// When it cannot be started or does not succeed; the message holds its standard error.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let line = describe(command);
    let Output { status, stdout, stderr } =
        command.stdin(Stdio::null()).output().while_doing(format!("`{line}` cannot be started"))?;
    if !status.success() {
        let said = String::from_utf8_lossy(&stderr);
        return Err(Failure::new(format!("`{line}` did not succeed ({status})\n{}", said.trim())));
    }
    String::from_utf8(stdout).while_doing(format!("the output of `{line}` is not text"))
}

/// The command as a person would type it.
fn describe(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
    command.get_args().fold(name, |line, argument| {
        let argument = argument.to_string_lossy();
        if argument.is_empty() || argument.contains([' ', '"', '\'', '$']) {
            format!("{line} '{argument}'")
        } else {
            format!("{line} {argument}")
        }
    })
}
