//! The keys of a task's metadata that say how it wants to be run.

use std::path::Path;
use std::time::Duration;

use ratchet_plugin_api::model::{Priority, RateLimit, RetryPolicy, TaskPolicy};
use serde_json::{Map, Value};

use crate::fields::Fields;
use crate::{Diagnostic, Loaded};

/// Bytes in one of the megabytes of `memory_limit_mb`.
pub const MEGABYTE: u64 = 1 << 20;

const RETRY_KEYS: [&str; 6] =
    ["max_retries", "initial_delay", "multiplier", "max_delay", "jitter", "give_up_on"];

const RATE_KEYS: [&str; 2] = ["count", "period"];

/// How a task wants to be run, as its metadata says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    /// Wall-clock limit the task sets itself.
    pub timeout: Option<Duration>,
    /// Memory limit the task sets itself, in megabytes (2^20 bytes).
    pub memory_limit_mb: Option<u64>,
    /// The JavaScript runtime the task asks for.
    pub runtime: Option<String>,
    /// What happens after a failure.
    pub retry: Option<RetryPolicy>,
    /// How many of its jobs run at the same time.
    pub concurrency: Option<u32>,
    /// How many of its jobs start in a period.
    pub rate: Option<RateLimit>,
    /// The priority of its jobs.
    pub priority: Option<Priority>,
}

impl Policy {
    pub(crate) fn read(fields: &mut Fields<'_>) -> Loaded<Self> {
        Ok(Self {
            timeout: fields.seconds("timeout")?,
            memory_limit_mb: memory_limit_mb(fields)?,
            runtime: runtime(fields)?,
            retry: match fields.object("retry")? {
                Some(retry) => Some(read_retry(fields.file, retry, fields.warnings)?),
                None => None,
            },
            concurrency: fields.count("concurrency", 1)?,
            rate: match fields.object("rate_limit")? {
                Some(rate) => Some(read_rate(fields.file, rate, fields.warnings)?),
                None => None,
            },
            priority: priority(fields)?,
        })
    }

    /// The same in the form tasks are kept in.
    pub fn to_model(&self) -> TaskPolicy {
        let milliseconds =
            |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).max(1);
        TaskPolicy {
            runtime: self.runtime.clone(),
            timeout_ms: self.timeout.map(milliseconds),
            memory_bytes: self.memory_limit_mb.map(|number| number.saturating_mul(MEGABYTE)),
            retry: self.retry.clone(),
            concurrency: self.concurrency,
            rate: self.rate,
            priority: self.priority,
        }
    }
}

fn memory_limit_mb(fields: &mut Fields<'_>) -> Loaded<Option<u64>> {
    for key in ["memory_limit_mb", "memory_limit"] {
        if let Some(value) = fields.take(key) {
            return megabytes(&value).map(Some).ok_or_else(|| {
                fields.error(format!(
                    "`{key}` is {value}; it is a number of megabytes, at least 1, or text such as \
                     \"128MB\""
                ))
            });
        }
    }
    Ok(None)
}

/// `128`, `"128"`, `"128MB"` or `"1GB"` in megabytes.
fn megabytes(value: &Value) -> Option<u64> {
    let number = match value {
        Value::Number(number) => number.as_u64()?,
        Value::String(text) => {
            let text = text.trim().to_ascii_lowercase();
            let text = text.trim_end_matches('b').trim_end_matches('i');
            let (digits, factor) = match text.strip_suffix('g') {
                Some(digits) => (digits, 1024),
                None => (text.strip_suffix('m').unwrap_or(text), 1),
            };
            digits.trim().parse::<u64>().ok()?.checked_mul(factor)?
        }
        _ => return None,
    };
    (number > 0).then_some(number)
}

/// `javascript` and its like name the language, which is no choice of a runtime.
fn runtime(fields: &mut Fields<'_>) -> Loaded<Option<String>> {
    let language = |name: &str| matches!(name, "javascript" | "js" | "JavaScript");
    Ok(fields.text("runtime")?.filter(|name| !language(name)))
}

fn priority(fields: &mut Fields<'_>) -> Loaded<Option<Priority>> {
    let Some(word) = fields.text("priority")? else { return Ok(None) };
    match word.parse() {
        Ok(priority) => Ok(Some(priority)),
        Err(error) => Err(fields.error(format!("`priority`: {error}"))),
    }
}

fn read_retry(
    file: &Path,
    retry: Map<String, Value>,
    warnings: &mut Vec<Diagnostic>,
) -> Loaded<RetryPolicy> {
    let usual = RetryPolicy::default();
    let mut fields = Fields::new(file, "retry.", retry, warnings);
    let policy = RetryPolicy {
        max_retries: fields.count("max_retries", 0)?.unwrap_or(usual.max_retries),
        initial_delay_ms: fields.milliseconds("initial_delay")?.unwrap_or(usual.initial_delay_ms),
        multiplier: fields.number("multiplier", 1.0, f64::INFINITY)?.unwrap_or(usual.multiplier),
        max_delay_ms: fields.milliseconds("max_delay")?.unwrap_or(usual.max_delay_ms),
        jitter: fields.number("jitter", 0.0, 1.0)?.unwrap_or(usual.jitter),
        give_up_on: fields.words("give_up_on")?,
    };
    fields.warn_of_others(&RETRY_KEYS);
    Ok(policy)
}

fn read_rate(
    file: &Path,
    rate: Map<String, Value>,
    warnings: &mut Vec<Diagnostic>,
) -> Loaded<RateLimit> {
    let mut fields = Fields::new(file, "rate_limit.", rate, warnings);
    let (count, period_ms) = (fields.count("count", 1)?, fields.milliseconds("period")?);
    fields.warn_of_others(&RATE_KEYS);
    match (count, period_ms) {
        (Some(count), Some(period_ms)) => Ok(RateLimit { count, period_ms }),
        _ => Err(fields.error(
            "`rate_limit` has to have both `count` and `period` (seconds), such as \
             {\"count\": 100, \"period\": 60}",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Loaded<Policy>, Vec<String>) {
        let mut warnings = Vec::new();
        let left = serde_json::from_str(text).unwrap();
        let file = Path::new("metadata.json");
        let policy = Policy::read(&mut Fields::new(file, "", left, &mut warnings));
        (policy, warnings.into_iter().map(|warning| warning.message).collect())
    }

    #[test]
    fn a_whole_policy_is_read() {
        let (policy, warnings) = read(
            r#"{"timeout": 1.5, "memory_limit": "64MB", "runtime": "quickjs", "concurrency": 2,
                "retry": {"max_retries": 5, "initial_delay": 0.25, "multiplier": 3,
                          "max_delay": 60, "jitter": 0, "give_up_on": ["ValidationError"]},
                "rate_limit": {"count": 10, "period": 60}, "priority": "URGENT"}"#,
        );
        let model = policy.unwrap().to_model();
        assert_eq!(warnings, [""; 0]);
        assert_eq!((model.timeout_ms, model.memory_bytes), (Some(1_500), Some(64 * MEGABYTE)));
        let retry = model.retry.unwrap();
        assert_eq!(
            (retry.max_retries, retry.initial_delay_ms, retry.max_delay_ms),
            (5, 250, 60_000)
        );
        assert_eq!((retry.multiplier, retry.jitter), (3.0, 0.0));
        assert_eq!(retry.give_up_on, ["ValidationError"]);
        assert_eq!(model.rate, Some(RateLimit { count: 10, period_ms: 60_000 }));
        assert_eq!((model.concurrency, model.priority), (Some(2), Some(Priority::Critical)));
    }

    #[test]
    fn what_is_wrong_is_said_with_what_is_right() {
        for (text, expected) in [
            (r#"{"timeout": -1}"#, "`timeout` is -1; it is a positive number of seconds"),
            (r#"{"memory_limit": "much"}"#, "it is a number of megabytes"),
            (r#"{"retry": 3}"#, "`retry` is an object, not 3"),
            (r#"{"retry": {"multiplier": 0.5}}"#, "`retry.multiplier` is a number of at least 1"),
            (r#"{"retry": {"jitter": 2}}"#, "`retry.jitter` is a number from 0 to 1, not 2"),
            (r#"{"concurrency": 0}"#, "`concurrency` is a whole number of at least 1, not 0"),
            (r#"{"rate_limit": {"count": 5}}"#, "has to have both `count` and `period`"),
            (r#"{"priority": "hihg"}"#, "did you mean `high`?"),
        ] {
            let error = read(text).0.unwrap_err();
            assert!(error.message.contains(expected), "{error}");
        }
    }

    #[test]
    fn unknown_keys_of_a_policy_are_warned_of() {
        let (_, warnings) = read(r#"{"retry": {"max_retrys": 3, "colour": 1}}"#);
        let expected = "`retry.max_retrys` has no meaning here; did you mean `max_retries`?";
        assert_eq!(warnings, [expected, "`retry.colour` has no meaning here"]);
    }

    #[test]
    fn memory_limits_have_units() {
        for (text, expected) in
            [("128", 128), ("\"128MB\"", 128), ("\"64 MiB\"", 64), ("\"2G\"", 2048)]
        {
            let (policy, _) = read(&format!(r#"{{"memory_limit": {text}}}"#));
            assert_eq!(policy.unwrap().memory_limit_mb, Some(expected), "{text}");
        }
    }

    #[test]
    fn a_language_is_not_a_runtime() {
        assert_eq!(read(r#"{"runtime": "javascript"}"#).0.unwrap().runtime, None);
        assert_eq!(read(r#"{"runtime": "boa"}"#).0.unwrap().runtime.as_deref(), Some("boa"));
    }
}
