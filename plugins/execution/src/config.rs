//! The sections of the configuration that say how jobs are queued and run.

use std::time::Duration;

use ratchet_plugin_api::model::{Limits, RetryPolicy, TaskPolicy};
use ratchet_plugin_api::{Code, Error, Result, config};

/// Bytes in one of the megabytes of `memory_limit_mb`.
const MEGABYTE: u64 = 1 << 20;

/// The plugin's configuration.
#[config]
pub(crate) struct Config {
    /// How jobs are taken in and handed out.
    #[section("server.job_queue")]
    #[default]
    pub(crate) queue: JobQueue,
    /// What jobs run on.
    #[section("server.workers")]
    #[default]
    pub(crate) workers: Workers,
    /// How tasks are run.
    #[section("execution")]
    #[default]
    pub(crate) execution: Execution,
    /// How results are delivered.
    #[section("output")]
    #[default]
    pub(crate) output: Output,
}

/// How jobs are taken in and handed out.
#[config]
pub(crate) struct JobQueue {
    /// Jobs taken from the queue at once at most.
    #[default(100)]
    pub(crate) max_dequeue_batch_size: u32,
    /// Waiting jobs the queue holds; one more is refused. 0 for no limit.
    #[default(100_000)]
    pub(crate) max_queue_size: u64,
    /// Seconds before the first retry of a job that has no policy of its own; fractions allowed.
    #[default(60.0)]
    pub(crate) default_retry_delay: f64,
    /// Attempts after the first of a job that has no policy of its own.
    #[default(3)]
    pub(crate) default_max_retries: u32,
    /// How much longer each further wait before a retry is.
    #[default(2.0)]
    pub(crate) retry_multiplier: f64,
    /// The longest wait before a retry, in seconds.
    #[default(3600.0)]
    pub(crate) max_retry_delay: f64,
    /// Seconds after which a host that is not heard of counts as dead and its jobs are given to
    /// others. Hosts that share a database should agree.
    #[default(10.0)]
    pub(crate) lease_seconds: f64,
    /// Seconds an idempotency key stands for a job.
    #[default(86_400.0)]
    pub(crate) idempotency_window: f64,
}

/// What jobs run on.
#[config]
pub(crate) struct Workers {
    /// Jobs this host runs at the same time; absent means one for each processor.
    pub(crate) worker_count: Option<u32>,
    /// Whether a worker that was lost is replaced. Without it the host runs one job fewer at the
    /// same time from then on.
    #[default(true)]
    pub(crate) restart_on_crash: bool,
    /// Seconds between two looks at the list of workers, whose changes are events.
    #[default(30)]
    pub(crate) health_check_interval_seconds: u64,
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
    /// Jobs this host runs at the same time, where that is fewer than it has workers.
    pub(crate) max_concurrent_tasks: Option<u32>,
    /// Seconds a runtime gets beyond a task's time limit to end the run by itself, before its
    /// worker is killed; fractions allowed.
    #[default(5.0)]
    pub(crate) timeout_grace_period: f64,
}

/// How results are delivered.
#[config]
pub(crate) struct Output {
    /// Deliveries this host makes at the same time.
    #[default(10)]
    pub(crate) max_concurrent_deliveries: u32,
    /// Seconds one attempt to deliver may take; fractions allowed.
    #[default(30.0)]
    pub(crate) default_timeout: f64,
    /// How failed deliveries to destinations without a policy of their own are repeated.
    #[default]
    pub(crate) default_retry_policy: DeliveryRetries,
}

/// How failed deliveries are repeated.
#[config]
pub(crate) struct DeliveryRetries {
    /// Attempts in all.
    #[default(4)]
    pub(crate) max_attempts: u32,
    /// Milliseconds before the second attempt.
    #[default(1000)]
    pub(crate) initial_delay_ms: u64,
    /// The longest wait, in milliseconds.
    #[default(60_000)]
    pub(crate) max_delay_ms: u64,
    /// How much longer each further wait is.
    #[default(2.0)]
    pub(crate) backoff_multiplier: f64,
}

impl Config {
    /// Checks what the schema of the configuration cannot say.
    ///
    /// # Errors
    /// `Configuration`, naming the key.
    pub(crate) fn check(&self) -> Result<()> {
        let (queue, execution, output) = (&self.queue, &self.execution, &self.output);
        let policy = &output.default_retry_policy;
        for (key, seconds) in [
            ("server.job_queue.max_retry_delay", queue.max_retry_delay),
            ("server.job_queue.idempotency_window", queue.idempotency_window),
            ("execution.max_execution_duration", execution.max_execution_duration),
            ("execution.timeout_grace_period", execution.timeout_grace_period),
            ("output.default_timeout", output.default_timeout),
        ] {
            if seconds_of(seconds).is_none_or(|duration| duration.is_zero()) {
                return Err(wrong(key, seconds, "a positive number of seconds, such as 300"));
            }
        }
        if seconds_of(queue.default_retry_delay).is_none() {
            let (key, given) = ("server.job_queue.default_retry_delay", queue.default_retry_delay);
            return Err(wrong(key, given, "a number of seconds, such as 60"));
        }
        if !(0.3..=3_600.0).contains(&queue.lease_seconds) {
            let (key, given) = ("server.job_queue.lease_seconds", queue.lease_seconds);
            return Err(wrong(key, given, "between 0.3 and 3600, such as 10"));
        }
        for (key, factor) in [
            ("server.job_queue.retry_multiplier", queue.retry_multiplier),
            ("output.default_retry_policy.backoff_multiplier", policy.backoff_multiplier),
        ] {
            if !(1.0..=1_000.0).contains(&factor) {
                return Err(wrong(key, factor, "between 1 and 1000, such as 2"));
            }
        }
        for (key, count) in [
            ("server.job_queue.max_dequeue_batch_size", u64::from(queue.max_dequeue_batch_size)),
            ("server.workers.worker_count", u64::from(self.workers.worker_count.unwrap_or(1))),
            (
                "server.workers.health_check_interval_seconds",
                self.workers.health_check_interval_seconds,
            ),
            ("execution.memory_limit_mb", execution.memory_limit_mb),
            (
                "execution.max_concurrent_tasks",
                u64::from(execution.max_concurrent_tasks.unwrap_or(1)),
            ),
            ("output.max_concurrent_deliveries", u64::from(output.max_concurrent_deliveries)),
            ("output.default_retry_policy.max_attempts", u64::from(policy.max_attempts)),
        ] {
            if count == 0 {
                return Err(wrong(key, count, "at least 1"));
            }
        }
        Ok(())
    }

    /// Jobs this host runs at the same time.
    pub(crate) fn slots(&self) -> usize {
        let processors = || std::thread::available_parallelism().map_or(1, usize::from);
        let workers = self.workers.worker_count.map_or_else(processors, |count| count as usize);
        workers.min(self.execution.max_concurrent_tasks.map_or(usize::MAX, |most| most as usize))
    }
}

impl JobQueue {
    /// What happens after a failure of a job for which neither its task nor its maker says.
    pub(crate) fn retry_policy(&self) -> RetryPolicy {
        RetryPolicy {
            max_retries: self.default_max_retries,
            initial_delay_ms: milliseconds(self.default_retry_delay),
            multiplier: self.retry_multiplier,
            max_delay_ms: milliseconds(self.max_retry_delay),
            ..RetryPolicy::default()
        }
    }

    /// How long a host counts as alive after it was heard of.
    pub(crate) fn lease(&self) -> Duration {
        seconds_of(self.lease_seconds).unwrap_or(Duration::from_secs(10))
    }
}

impl Execution {
    /// What a run of a task may use up: the configuration, lowered by the task and the job.
    pub(crate) fn limits(&self, policy: &TaskPolicy, timeout_ms: Option<u64>) -> Limits {
        let configured = milliseconds(self.max_execution_duration);
        let own = policy.timeout_ms.unwrap_or(u64::MAX);
        let memory = self.memory_limit_mb.saturating_mul(MEGABYTE);
        Limits {
            wall_ms: configured.min(own).min(timeout_ms.unwrap_or(u64::MAX)).max(1),
            memory_bytes: memory.min(policy.memory_bytes.unwrap_or(u64::MAX)),
            output_bytes: self.max_output_bytes,
            log_lines: self.max_log_lines,
            log_bytes: self.max_log_bytes,
            recursion: self.max_recursion,
            fetches: self.max_fetches,
        }
    }

    /// What a runtime gets beyond the time limit.
    pub(crate) fn grace(&self) -> Duration {
        seconds_of(self.timeout_grace_period).unwrap_or(Duration::from_secs(5))
    }
}

impl Output {
    /// What happens after a failed delivery to a destination that does not say.
    pub(crate) fn retry_policy(&self) -> RetryPolicy {
        let policy = &self.default_retry_policy;
        RetryPolicy {
            max_retries: policy.max_attempts.saturating_sub(1),
            initial_delay_ms: policy.initial_delay_ms,
            multiplier: policy.backoff_multiplier,
            max_delay_ms: policy.max_delay_ms,
            ..RetryPolicy::default()
        }
    }

    /// What one attempt may take.
    pub(crate) fn timeout(&self) -> Duration {
        seconds_of(self.default_timeout).unwrap_or(Duration::from_secs(30))
    }
}

fn wrong(key: &str, given: impl std::fmt::Display, right: &str) -> Error {
    Error::new(Code::Configuration, format!("{key} is {given}; it has to be {right}"))
}

/// A number of seconds as a duration; none for what is negative, endless or no number.
fn seconds_of(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok()
}

/// A checked number of seconds in milliseconds.
pub(crate) fn milliseconds(seconds: f64) -> u64 {
    let duration = seconds_of(seconds).unwrap_or_default();
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn task_and_job_lower_the_limits_and_never_raise_them() {
        let execution = Execution::default();
        let mut policy = TaskPolicy { timeout_ms: Some(2_000), ..TaskPolicy::default() };
        assert_eq!(execution.limits(&policy, Some(500)).wall_ms, 500);
        assert_eq!(execution.limits(&policy, Some(5_000)).wall_ms, 2_000);
        policy.timeout_ms = Some(3_600_000);
        policy.memory_bytes = Some(u64::MAX);
        let limits = execution.limits(&policy, None);
        assert_eq!((limits.wall_ms, limits.memory_bytes), (300_000, 256 * MEGABYTE));
    }

    #[test]
    fn defaults_pass_and_are_those_of_the_api() {
        let config = Config::default();
        config.check().unwrap();
        assert_eq!(config.queue.retry_policy(), RetryPolicy::default());
        assert_eq!(config.execution.limits(&TaskPolicy::default(), None), Limits::default());
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        let named = |change: &dyn Fn(&mut Config), key: &str| {
            let mut config = Config::default();
            change(&mut config);
            let error = config.check().unwrap_err();
            assert_eq!(error.code, Code::Configuration);
            assert!(error.message.starts_with(key), "{error}");
        };
        named(&|config| config.queue.lease_seconds = 0.0, "server.job_queue.lease_seconds");
        named(&|config| config.queue.max_dequeue_batch_size = 0, "server.job_queue.max_dequeue");
        named(&|config| config.queue.retry_multiplier = 0.5, "server.job_queue.retry_multiplier");
        named(&|config| config.queue.default_retry_delay = -1.0, "server.job_queue.default_retry");
        named(&|config| config.workers.worker_count = Some(0), "server.workers.worker_count");
        named(&|config| config.execution.max_execution_duration = f64::NAN, "execution.max_exec");
        named(&|config| config.output.max_concurrent_deliveries = 0, "output.max_concurrent");
    }

    #[test]
    fn the_host_runs_as_many_as_the_smaller_limit_says() {
        let mut config = Config::default();
        config.workers.worker_count = Some(8);
        assert_eq!(config.slots(), 8);
        config.execution.max_concurrent_tasks = Some(3);
        assert_eq!(config.slots(), 3);
    }
}
