//! What the command line of `bench` asks for.

use std::path::PathBuf;

use crate::failure::{Failure, Result};

use super::{TARGETS, ladder};

/// What to measure, and how much of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    /// Small numbers and one run: shows that it works, measures nothing.
    pub(super) quick: bool,
    /// A folder with a build that is measured as it is, instead of one of what is here.
    pub(super) built: Option<PathBuf>,
    /// Runs that count; as many as the rung has if none is given.
    runs: Option<usize>,
    /// Jobs of a burn-down; as many as the rung has if none is given.
    jobs: Option<u64>,
    /// Seconds an idle server is looked at.
    idle_seconds: Option<u64>,
    /// Only systems and rungs whose description has this in it.
    pub(super) only: Option<String>,
    names: Vec<String>,
}

impl Options {
    /// Reads the arguments.
    ///
    /// # Errors
    /// For an option or a benchmark that there is not, naming those there are.
    pub(super) fn read(arguments: &[String]) -> Result<Self> {
        let mut options = Self::default();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || {
                let missing = || Failure::usage(format!("`{argument}` needs a value"));
                arguments.next().cloned().ok_or_else(missing)
            };
            match argument.as_str() {
                "--quick" => options.quick = true,
                "--built" => options.built = Some(value()?.into()),
                "--runs" => options.runs = Some(number(argument, &value()?)?),
                "--jobs" => options.jobs = Some(number(argument, &value()?)?),
                "--idle-seconds" => options.idle_seconds = Some(number(argument, &value()?)?),
                "--only" => options.only = Some(value()?),
                option if option.starts_with('-') => {
                    let known = "--quick, --built, --runs, --jobs, --idle-seconds, --only";
                    let message = format!("`bench` has no option `{option}`, only {known}");
                    return Err(Failure::usage(message));
                }
                name => options.names.push(known(name)?.to_owned()),
            }
        }
        Ok(options)
    }

    /// Whether the benchmark of this name shall run: all do if none is named.
    pub(super) fn wants(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|wanted| wanted == name)
    }

    /// Runs that count.
    pub(super) fn runs(&self) -> usize {
        self.runs.unwrap_or(if self.quick { 1 } else { 5 })
    }

    /// Runs before those, whose figures are thrown away.
    pub(super) fn warm_up_runs(&self) -> usize {
        usize::from(!self.quick)
    }

    /// How many jobs a rung takes that takes `many` of them when it is meant seriously.
    pub(super) fn jobs(&self, many: u64) -> u64 {
        self.jobs.unwrap_or(if self.quick { (many / 100).clamp(3, 2_000) } else { many })
    }

    /// Seconds a slow system gets for one run.
    pub(super) fn budget_seconds(&self) -> u64 {
        if self.quick { 15 } else { 60 }
    }

    /// Seconds an idle server is looked at.
    pub(super) fn idle_seconds(&self) -> u64 {
        self.idle_seconds.unwrap_or(if self.quick { 5 } else { 60 })
    }
}

fn number<T: std::str::FromStr>(option: &str, text: &str) -> Result<T> {
    text.parse().map_err(|_| Failure::usage(format!("`{option}` needs a number, not `{text}`")))
}

fn known(name: &str) -> Result<&str> {
    let names = || TARGETS.iter().chain(ladder::NAMES).chain(&["idle"]).copied();
    if names().any(|known| known == name) {
        return Ok(name);
    }
    let names: Vec<_> = names().collect();
    Err(Failure::usage(format!("there is no benchmark `{name}`, only {}", names.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Options> {
        Options::read(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn everything_is_measured_where_nothing_is_named() {
        let options = read("--runs 3").expect("it is understood");
        assert!(options.wants("calls") && options.wants("queue") && options.wants("idle"));
        assert_eq!((options.runs(), options.jobs(200_000)), (3, 200_000));
        let options = read("--quick queue").expect("it is understood");
        assert!(!options.wants("calls") && options.wants("queue"));
        assert_eq!((options.runs(), options.jobs(200_000), options.jobs(100)), (1, 2_000, 3));
    }

    #[test]
    fn what_is_not_known_is_named_with_what_is() {
        for line in ["queues", "--fast", "--runs", "--runs many"] {
            let failure = read(line).expect_err("it is not understood");
            assert_eq!(failure.exit_code, 2, "{line}");
        }
        assert!(read("queues").expect_err("it is not known").message.contains("queue, jobs"));
    }
}
