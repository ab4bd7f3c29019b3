//! The `execution` section of the configuration: what a task run from the shell may use up.

use std::time::Duration;

use ratchet_plugin_api::model::Limits;
use ratchet_plugin_api::{Code, Error, Result, config};
use ratchet_taskdir::{MEGABYTE, Metadata, duration};

/// The plugin's configuration.
#[config]
pub(crate) struct Config {
    /// How tasks are run.
    #[section("execution")]
    #[default]
    pub(crate) execution: Execution,
}

/// How tasks are run. A task's metadata may lower `timeout` and `memory_limit_mb` for itself, never
/// raise them: the configuration is the operator's word.
#[config]
pub(crate) struct Execution {
    /// Seconds a task may run; fractions allowed.
    #[default(300.0)]
    pub(crate) max_execution_duration: f64,
    /// Whether input and output are checked against the task's schemas.
    #[default(true)]
    pub(crate) validate_schemas: bool,
    /// Megabytes (2^20 bytes) of memory a task may hold.
    #[default(256)]
    pub(crate) memory_limit_mb: u64,
    /// Bytes of output JSON a task may return.
    #[default(10485760)]
    pub(crate) max_output_bytes: u64,
    /// Lines of log kept of one run; the rest is counted and dropped.
    #[default(10000)]
    pub(crate) max_log_lines: u32,
    /// Bytes of log kept of one run, over all lines.
    #[default(1048576)]
    pub(crate) max_log_bytes: u64,
    /// How deep JavaScript calls may nest.
    #[default(512)]
    pub(crate) max_recursion: u32,
    /// Requests one run may start with `fetch`.
    #[default(1000)]
    pub(crate) max_fetches: u32,
    /// The JavaScript runtime that runs tasks which do not name one, such as `boa` or `quickjs`;
    /// absent means the one that `bind` names, or the first in the list of plugins.
    pub(crate) runtime: Option<String>,
}

impl Execution {
    /// Checks what the schema of the configuration cannot say.
    ///
    /// # Errors
    /// `Configuration`, naming the key.
    pub(crate) fn check(&self) -> Result<()> {
        let seconds = self.max_execution_duration;
        if duration(seconds).is_none() {
            let message = format!(
                "execution.max_execution_duration is {seconds}; it has to be a positive number \
                 of seconds, such as 300"
            );
            return Err(Error::new(Code::Configuration, message));
        }
        if self.memory_limit_mb == 0 {
            let message = "execution.memory_limit_mb is 0; it has to be at least 1";
            return Err(Error::new(Code::Configuration, message));
        }
        Ok(())
    }

    /// What a run of a task may use up: the configuration, lowered by the task's metadata.
    /// `timeout` replaces the time limit altogether, because whoever is at the shell decides.
    pub(crate) fn limits(&self, metadata: &Metadata, timeout: Option<Duration>) -> Limits {
        let configured = duration(self.max_execution_duration).unwrap_or(Duration::MAX);
        let own = metadata.policy.timeout.unwrap_or(Duration::MAX);
        let wall = timeout.unwrap_or(configured.min(own));
        let megabytes =
            metadata.policy.memory_limit_mb.unwrap_or(u64::MAX).min(self.memory_limit_mb);
        Limits {
            wall_ms: u64::try_from(wall.as_millis()).unwrap_or(u64::MAX).max(1),
            memory_bytes: megabytes.saturating_mul(MEGABYTE),
            output_bytes: self.max_output_bytes,
            log_lines: self.max_log_lines,
            log_bytes: self.max_log_bytes,
            recursion: self.max_recursion,
            fetches: self.max_fetches,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_lowers_the_limits_and_never_raises_them() {
        let execution = Execution::default();
        let mut metadata = Metadata::default();
        metadata.policy.timeout = Some(Duration::from_secs(2));
        metadata.policy.memory_limit_mb = Some(64);
        let limits = execution.limits(&metadata, None);
        assert_eq!((limits.wall_ms, limits.memory_bytes), (2_000, 64 * MEGABYTE));

        metadata.policy.timeout = Some(Duration::from_secs(3_600));
        metadata.policy.memory_limit_mb = Some(4_096);
        let limits = execution.limits(&metadata, None);
        assert_eq!((limits.wall_ms, limits.memory_bytes), (300_000, 256 * MEGABYTE));
    }

    #[test]
    fn the_shell_decides_about_the_time_limit() {
        let mut metadata = Metadata::default();
        metadata.policy.timeout = Some(Duration::from_secs(2));
        let limits = Execution::default().limits(&metadata, Some(Duration::from_secs(900)));
        assert_eq!(limits.wall_ms, 900_000);
    }

    #[test]
    fn the_defaults_are_those_of_the_api() {
        assert_eq!(Execution::default().limits(&Metadata::default(), None), Limits::default());
    }

    #[test]
    fn a_time_limit_has_to_be_positive() {
        for seconds in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let execution = Execution { max_execution_duration: seconds, ..Execution::default() };
            let error = execution.check().unwrap_err();
            assert_eq!(error.code, Code::Configuration);
            assert!(error.message.contains("max_execution_duration"), "{error}");
        }
    }
}
