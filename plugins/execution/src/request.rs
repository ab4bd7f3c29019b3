//! Deciding everything about a job that somebody asks for.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use ratchet_plugin_api::model::{
    Id, Json, Key, Limiter, NewJob, Priority, RetryPolicy, TaskPolicy, Uniqueness,
};
use ratchet_plugin_api::services::JobRequest;
use ratchet_plugin_api::{Error, Result};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::config::{Config, milliseconds};
use crate::scheduler::Prepare;
use crate::shared::Shared;
use crate::tasks::KnownTask;

/// A job with everything decided but what it depends on.
pub(crate) struct Prepared {
    pub(crate) job: NewJob,
    pub(crate) task: Arc<KnownTask>,
}

/// Decides what `request` leaves open, and checks its input.
///
/// # Errors
/// `NotFound` for the task, `Invalid` for everything else.
pub(crate) async fn prepare(shared: &Shared, request: JobRequest) -> Result<Prepared> {
    check(&request)?;
    let key = read_key(&request.task);
    let task = shared.tasks.find(&shared.stores, &key).await?;
    if shared.config.execution.validate_schemas {
        task.check_input(&request.input)?;
    }
    let job = decide(&shared.config, &task, request);
    Ok(Prepared { job, task })
}

impl Prepare for Shared {
    fn prepare(&self, request: JobRequest) -> BoxFuture<'_, Result<NewJob>> {
        Box::pin(async { Ok(prepare(self, request).await?.job) })
    }
}

/// A task by id, number or name.
fn read_key(text: &str) -> Key {
    // Any text is a key.
    text.parse().unwrap_or_else(|never: std::convert::Infallible| match never {})
}

fn decide(config: &Config, task: &KnownTask, request: JobRequest) -> NewJob {
    let policy = &task.task.definition.policy;
    let id = task.task.id;
    let window = request.idempotency_window_ms;
    let unique = request.idempotency_key.map(|key| Uniqueness {
        key,
        window_ms: Some(window.unwrap_or(milliseconds(config.queue.idempotency_window))),
        fingerprint: Some(fingerprint(id, &request.input)),
    });
    NewJob {
        id: Id::new(),
        task: id,
        input: request.input,
        priority: request.priority.or(policy.priority).unwrap_or(Priority::Normal),
        delay_ms: request.delay_ms.unwrap_or(0),
        not_before: request.run_at,
        lifetime_ms: request.lifetime_ms,
        timeout_ms: request.timeout_ms,
        retry: retry_policy(
            config,
            policy,
            request.retry,
            request.max_retries,
            request.retry_delay_ms,
        ),
        unique,
        limiter: request.limiter.or_else(|| limiter(id, policy)),
        depends_on: Vec::new(),
        runs_after_failure: request.runs_after_failure,
        batch: None,
        schedule: None,
        outputs: request.outputs.unwrap_or_default(),
        metadata: request.metadata,
    }
}

/// What a job says of its retries goes before what its task says, and that before what is
/// configured.
fn retry_policy(
    config: &Config,
    task: &TaskPolicy,
    whole: Option<RetryPolicy>,
    max_retries: Option<u32>,
    first_delay_ms: Option<u64>,
) -> RetryPolicy {
    if let Some(whole) = whole {
        return whole;
    }
    let mut policy = task.retry.clone().unwrap_or_else(|| config.queue.retry_policy());
    policy.max_retries = max_retries.unwrap_or(policy.max_retries);
    if let Some(first) = first_delay_ms {
        policy.initial_delay_ms = first;
        policy.max_delay_ms = policy.max_delay_ms.max(first);
    }
    policy
}

/// The limit all jobs of a task share, if it has one.
fn limiter(task: Id, policy: &TaskPolicy) -> Option<Limiter> {
    let (concurrency, rate) = (policy.concurrency, policy.rate);
    (concurrency.is_some() || rate.is_some()).then(|| Limiter {
        key: format!("task:{task}"),
        concurrency,
        rate,
    })
}

/// Tells apart what two requests with one idempotency key ask for.
fn fingerprint(task: Id, input: &Json) -> String {
    let digest = Sha256::new().chain_update(task.to_string()).chain_update(input.as_str());
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What can be seen to be wrong without the task.
fn check(request: &JobRequest) -> Result<()> {
    if request.task.trim().is_empty() {
        return Err(wrong("task", "is empty; it names the task by id, number or name"));
    }
    for (field, milliseconds) in
        [("timeout_ms", request.timeout_ms), ("lifetime_ms", request.lifetime_ms)]
    {
        if milliseconds == Some(0) {
            return Err(wrong(field, "is 0; it is at least 1"));
        }
    }
    if let Some(policy) = &request.retry {
        if !(1.0..=1_000.0).contains(&policy.multiplier) {
            let given = policy.multiplier;
            return Err(wrong("retry.multiplier", &format!("is {given}; it is from 1 to 1000")));
        }
        if !(0.0..=1.0).contains(&policy.jitter) {
            let given = policy.jitter;
            return Err(wrong("retry.jitter", &format!("is {given}; it is from 0 to 1")));
        }
    }
    if let Some(limiter) = &request.limiter {
        if limiter.key.trim().is_empty() {
            return Err(wrong("limiter.key", "is empty; it names the limit, such as customer:42"));
        }
        if limiter.concurrency == Some(0) {
            return Err(wrong("limiter.concurrency", "is 0; it is at least 1"));
        }
        if limiter.rate.is_some_and(|rate| rate.count == 0 || rate.period_ms == 0) {
            return Err(wrong("limiter.rate", "has a count or period of 0; both are at least 1"));
        }
    }
    let metadata: Value = request.metadata.to()?;
    if !(metadata.is_null() || metadata.is_object()) {
        return Err(wrong("metadata", "is no object; it is keys with values"));
    }
    Ok(())
}

fn wrong(field: &str, what: &str) -> Error {
    Error::invalid(format!("`{field}` {what}")).with_reason("job.invalid_request")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratchet_plugin_api::model::RateLimit;

    fn policy() -> TaskPolicy {
        TaskPolicy::default()
    }

    #[test]
    fn jobs_go_before_tasks_and_tasks_before_configuration() {
        let config = Config::default();
        let own = RetryPolicy { max_retries: 9, initial_delay_ms: 5, ..RetryPolicy::default() };
        let task = TaskPolicy { retry: Some(own.clone()), ..policy() };
        let decided = |task: &TaskPolicy, whole, max, delay| {
            let policy = retry_policy(&config, task, whole, max, delay);
            (policy.max_retries, policy.initial_delay_ms)
        };
        assert_eq!(decided(&policy(), None, None, None), (3, 60_000));
        assert_eq!(decided(&task, None, None, None), (9, 5));
        assert_eq!(decided(&task, None, Some(1), None), (1, 5));
        assert_eq!(decided(&task, None, None, Some(7)), (9, 7));
        assert_eq!(decided(&policy(), Some(own), Some(1), Some(7)), (9, 5));
    }

    #[test]
    fn a_first_delay_beyond_the_longest_counts() {
        let policy = retry_policy(&Config::default(), &policy(), None, None, Some(7_200_000));
        assert_eq!(crate::retry::delay_ms(&policy, 0, None, 0.0), 7_200_000);
    }

    #[test]
    fn a_task_with_limits_has_a_limiter_of_its_own() {
        let task = Id::new();
        assert_eq!(limiter(task, &policy()), None);
        let rate = Some(RateLimit { count: 5, period_ms: 1_000 });
        let limits = TaskPolicy { concurrency: Some(2), rate, ..policy() };
        let found = limiter(task, &limits).unwrap();
        assert_eq!((found.key, found.concurrency), (format!("task:{task}"), Some(2)));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let refused = |change: &dyn Fn(&mut JobRequest), field: &str| {
            let mut request = JobRequest { task: "sum".into(), ..JobRequest::default() };
            change(&mut request);
            let error = check(&request).unwrap_err();
            assert!(error.message.starts_with(&format!("`{field}`")), "{error}");
        };
        refused(&|request| request.task = " ".into(), "task");
        refused(&|request| request.timeout_ms = Some(0), "timeout_ms");
        refused(&|request| request.lifetime_ms = Some(0), "lifetime_ms");
        refused(&|request| request.metadata = Json::from_trusted("[]"), "metadata");
        refused(
            &|request| request.retry = Some(RetryPolicy { jitter: 2.0, ..RetryPolicy::default() }),
            "retry.jitter",
        );
        let limiter = Limiter { key: "x".into(), concurrency: Some(0), rate: None };
        refused(&|request| request.limiter = Some(limiter.clone()), "limiter.concurrency");
        assert!(check(&JobRequest { task: "sum".into(), ..JobRequest::default() }).is_ok());
    }

    #[test]
    fn fingerprints_tell_requests_apart() {
        let (task, input) = (Id::new(), Json::from_trusted("1"));
        assert_eq!(fingerprint(task, &input), fingerprint(task, &input));
        assert_ne!(fingerprint(task, &input), fingerprint(Id::new(), &input));
        assert_ne!(fingerprint(task, &input), fingerprint(task, &Json::null()));
    }
}
