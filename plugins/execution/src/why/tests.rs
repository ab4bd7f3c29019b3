//! A table of situations, and the sentence each is explained with.

use std::fmt::Write as _;
use std::time::Duration;

use ratchet_plugin_api::model::{
    FailureKind, Hold, Id, Job, JobStatus, Json, Limiter, Pause, Priority, RateLimit, RetryPolicy,
    TaskError, Timestamp,
};
use ratchet_plugin_api::services::{HostInfo, HostState, LimiterState, Situation};

use super::*;

fn now() -> Timestamp {
    "2026-11-24T10:00:00Z".parse().unwrap()
}

fn later(seconds: u64) -> Timestamp {
    now().after(Duration::from_secs(seconds))
}

fn earlier(seconds: i64) -> Timestamp {
    Timestamp::from_microseconds(now().as_microseconds() - seconds * 1_000_000)
}

fn job(number: i64, task_name: &str) -> Job {
    Job {
        id: Id::from_u128(number as u128),
        number,
        task: Id::from_u128(7),
        task_name: task_name.to_owned(),
        status: JobStatus::Queued,
        hold: Hold::None,
        priority: Priority::Normal,
        input: Json::null(),
        execution: Id::from_u128(8),
        attempt: 0,
        crashes: 0,
        retry: RetryPolicy::default(),
        timeout_ms: None,
        limiter: None,
        unique_key: None,
        waits_for: Vec::new(),
        batch: None,
        schedule: None,
        host: None,
        cancelling: false,
        error: None,
        output: None,
        outputs: Vec::new(),
        metadata: Json::null(),
        queued_at: earlier(60),
        run_at: earlier(60),
        expires_at: None,
        started_at: None,
        finished_at: None,
    }
}

fn host(name: &str, slots: u32, jobs: u64) -> HostState {
    let id = Id::from_u128(name.len() as u128);
    HostState {
        info: HostInfo { id, name: name.to_owned(), slots, version: "1.0.0".to_owned() },
        started_at: earlier(3_600),
        seen_at: earlier(2),
        expires_at: later(8),
        jobs,
    }
}

/// A job that is ready, and a host with room.
fn situation() -> Situation {
    Situation {
        job: job(12, "addition"),
        now: now(),
        task_exists: true,
        task_enabled: true,
        task_pause: None,
        queue_pause: None,
        dependencies: Vec::new(),
        limiter: None,
        ahead: 0,
        hosts: vec![host("alpha", 4, 1)],
    }
}

fn error(kind: FailureKind, class: &str, message: &str) -> TaskError {
    TaskError {
        kind,
        class: class.to_owned(),
        message: message.to_owned(),
        stack: Vec::new(),
        violations: Vec::new(),
        details: None,
        causes: Vec::new(),
    }
}

fn pause(until: Option<Timestamp>, reason: Option<&str>) -> Option<Pause> {
    Some(Pause { since: Some(earlier(600)), until, reason: reason.map(str::to_owned) })
}

fn limiter(active: u64, waiting: u64, next_at: Option<Timestamp>) -> Option<LimiterState> {
    let limiter = Limiter {
        key: "customer:42".to_owned(),
        concurrency: Some(2),
        rate: Some(RateLimit { count: 10, period_ms: 60_000 }),
    };
    Some(LimiterState { limiter, active, waiting, next_at })
}

fn ended(it: &mut Situation, status: JobStatus, attempt: u32) {
    it.job.status = status;
    it.job.attempt = attempt;
    it.job.finished_at = Some(earlier(30));
}

fn failed(it: &mut Situation, attempt: u32, kind: FailureKind, class: &str, message: &str) {
    ended(it, JobStatus::Failed, attempt);
    it.job.error = Some(error(kind, class, message));
}

fn running(it: &mut Situation) {
    it.job.status = JobStatus::Processing;
    it.job.host = Some(it.hosts[0].info.id);
    it.job.started_at = Some(earlier(5));
    it.job.attempt = 2;
}

fn depends(it: &mut Situation, change: impl FnOnce(&mut Job)) {
    it.job.hold = Hold::Dependency;
    let mut other = job(7, "load");
    change(&mut other);
    it.dependencies.push(other);
}

type Case = (&'static str, fn(&mut Situation));

const CASES: &[Case] = &[
    ("next", |_| {}),
    ("one before it", |it| it.ahead = 1),
    ("many before it", |it| it.ahead = 314),
    ("many before it, though it is critical", |it| {
        it.job.priority = Priority::Critical;
        it.ahead = 2;
    }),
    ("hosts are full", |it| {
        it.hosts = vec![host("alpha", 4, 4), host("beta", 4, 6)];
        it.ahead = 3;
    }),
    ("one host of one slot is full", |it| it.hosts = vec![host("alpha", 1, 1)]),
    ("no host", |it| it.hosts.clear()),
    ("hosts that died", |it| {
        it.hosts[0].expires_at = earlier(1);
        it.hosts[0].seen_at = earlier(11);
    }),
    ("hosts without slots", |it| it.hosts = vec![host("alpha", 0, 0)]),
    ("ready after its worker was lost", |it| {
        it.job.status = JobStatus::Retrying;
        (it.job.attempt, it.job.crashes) = (1, 1);
    }),
    ("ready for its second attempt", |it| {
        it.job.status = JobStatus::Retrying;
        it.job.attempt = 1;
        it.ahead = 2;
    }),
    ("queue paused", |it| it.queue_pause = pause(None, None)),
    ("queue paused with a reason", |it| it.queue_pause = pause(None, Some("maintenance"))),
    ("queue paused until", |it| it.queue_pause = pause(Some(later(900)), Some("maintenance"))),
    ("queue was paused until", |it| it.queue_pause = pause(Some(earlier(1)), None)),
    ("task paused", |it| it.task_pause = pause(None, Some("the API is down"))),
    ("task paused until", |it| {
        it.job.hold = Hold::TaskPaused;
        it.task_pause = pause(Some(later(90)), None);
    }),
    ("both paused, the queue for longer", |it| {
        it.task_pause = pause(Some(later(90)), None);
        it.queue_pause = pause(Some(later(9_000)), None);
    }),
    ("paused and later than that", |it| {
        it.queue_pause = pause(Some(later(90)), None);
        it.job.run_at = later(86_400 * 3);
    }),
    ("task disabled", |it| it.task_enabled = false),
    ("task disabled and paused", |it| {
        it.task_enabled = false;
        it.task_pause = pause(None, None);
    }),
    ("task removed", |it| it.task_exists = false),
    ("not before", |it| {
        it.job.hold = Hold::NotBefore;
        it.job.run_at = later(7_300);
    }),
    ("retry back-off", |it| {
        it.job.status = JobStatus::Retrying;
        it.job.hold = Hold::NotBefore;
        it.job.attempt = 2;
        it.job.run_at = later(45);
        it.job.error = Some(error(FailureKind::Thrown, "NetworkError", "refused\nby the server"));
    }),
    ("retry back-off without a known error", |it| {
        it.job.status = JobStatus::Retrying;
        it.job.hold = Hold::NotBefore;
        (it.job.attempt, it.job.crashes) = (3, 1);
        it.job.run_at = Timestamp::from_microseconds(now().as_microseconds() + 250_000);
    }),
    ("depends on one that runs", |it| {
        depends(it, |job| {
            job.status = JobStatus::Processing;
            job.started_at = Some(earlier(200));
        });
    }),
    ("depends on one that is about to run", |it| {
        depends(it, |job| job.status = JobStatus::Processing);
    }),
    ("depends on one that is being cancelled", |it| {
        depends(it, |job| {
            job.status = JobStatus::Processing;
            job.cancelling = true;
        });
    }),
    ("depends on one that waits for a worker", |it| depends(it, |_| {})),
    ("depends on one that waits for its time", |it| {
        depends(it, |job| {
            job.hold = Hold::NotBefore;
            job.run_at = later(600);
        });
    }),
    ("depends on one that is tried again", |it| {
        depends(it, |job| {
            job.status = JobStatus::Retrying;
            job.hold = Hold::NotBefore;
            job.run_at = later(60);
        });
    }),
    ("depends on one that depends on others", |it| {
        depends(it, |job| {
            job.hold = Hold::Dependency;
            job.waits_for = vec![Id::from_u128(3), Id::from_u128(4)];
        });
    }),
    ("depends on one of a paused task", |it| depends(it, |job| job.hold = Hold::TaskPaused)),
    ("depends on one of a disabled task", |it| depends(it, |job| job.hold = Hold::TaskDisabled)),
    ("depends on one that waits for a limit", |it| depends(it, |job| job.hold = Hold::Limit)),
    ("depends on several", |it| {
        depends(it, |_| {});
        depends(it, |_| {});
        depends(it, |_| {});
    }),
    ("limit of concurrency", |it| {
        it.job.hold = Hold::Limit;
        it.limiter = limiter(2, 5, None);
    }),
    ("limit of concurrency, nobody else waits", |it| {
        it.job.hold = Hold::Limit;
        it.limiter = limiter(2, 1, None);
    }),
    ("limit of rate", |it| {
        it.job.hold = Hold::Limit;
        it.limiter = limiter(1, 2, Some(later(6)));
    }),
    ("the limit has room again", |it| {
        it.job.hold = Hold::Limit;
        it.limiter = limiter(1, 1, None);
    }),
    ("its time has just come", |it| it.job.hold = Hold::NotBefore),
    ("what it depended on has just ended", |it| it.job.hold = Hold::Dependency),
    ("its task was just resumed", |it| it.job.hold = Hold::TaskPaused),
    ("its task was just enabled", |it| it.job.hold = Hold::TaskDisabled),
    ("lifetime over while it waits", |it| it.job.expires_at = Some(earlier(1))),
    ("claimed", |it| {
        running(it);
        it.job.started_at = None;
    }),
    ("running", running),
    ("running with a time limit", |it| {
        running(it);
        it.job.timeout_ms = Some(60_000);
    }),
    ("running over its time limit", |it| {
        running(it);
        it.job.timeout_ms = Some(1_000);
    }),
    ("being cancelled", |it| {
        running(it);
        it.job.cancelling = true;
    }),
    ("had by a host that is silent", |it| {
        running(it);
        it.hosts[0].seen_at = earlier(12);
        it.hosts[0].expires_at = earlier(2);
    }),
    ("had by a host that is gone", |it| {
        running(it);
        it.hosts.clear();
    }),
    ("completed", |it| ended(it, JobStatus::Completed, 1)),
    ("completed after retries", |it| ended(it, JobStatus::Completed, 3)),
    ("failed after all attempts", |it| {
        failed(it, 4, FailureKind::Thrown, "TypeError", "x is undefined\n  and more");
    }),
    ("failed in its one attempt", |it| {
        it.job.retry.max_retries = 0;
        failed(it, 1, FailureKind::TimeLimit, "TimeLimitError", "it ran for longer than 1 s");
    }),
    ("failed without being tried again", |it| {
        failed(it, 1, FailureKind::Thrown, "ValidationError", "no such customer");
    }),
    ("failed because of its input", |it| {
        failed(it, 1, FailureKind::InvalidInput, "ValidationError", "/num1: has to be a number");
    }),
    ("failed because of its output", |it| {
        failed(it, 1, FailureKind::InvalidOutput, "ValidationError", "/sum: is required");
    }),
    ("failed because its task is broken", |it| {
        failed(it, 1, FailureKind::InvalidProgram, "SyntaxError", "unexpected token at line 3");
    }),
    ("failed because workers were lost", |it| {
        it.job.crashes = 4;
        failed(it, 4, FailureKind::WorkerLost, "WorkerLost", "killed by SIGKILL");
    }),
    ("failed because its lifetime was over", |it| {
        it.job.expires_at = Some(earlier(31));
        failed(it, 2, FailureKind::TimeLimit, "JobTimeLimit", "the job's lifetime was over");
    }),
    ("failed, nobody knows why", |it| ended(it, JobStatus::Failed, 1)),
    ("cancelled", |it| {
        ended(it, JobStatus::Cancelled, 1);
        let message = "the order was withdrawn";
        it.job.error = Some(error(FailureKind::Cancelled, "Cancelled", message));
    }),
    ("cancelled before it began", |it| ended(it, JobStatus::Cancelled, 0)),
    ("cancelled with what it depended on", |it| {
        ended(it, JobStatus::Cancelled, 0);
        let message = "job 7, which it depended on, failed";
        it.job.error = Some(error(FailureKind::Cancelled, "DependencyFailed", message));
    }),
];

fn write(text: &mut String, what: &str, told: &Explanation) {
    writeln!(text, "{what}\n  {}: {}", told.cause, told.sentence).unwrap();
    if let Some(remedy) = &told.remedy {
        writeln!(text, "  → {remedy}").unwrap();
    }
    if let Some(until) = told.until {
        writeln!(text, "  until {until}").unwrap();
    }
}

#[test]
fn every_situation_has_one_sentence() {
    assert!(CASES.len() >= 40);
    let mut text = String::new();
    for (what, change) in CASES {
        let mut situation = situation();
        change(&mut situation);
        let told = explain(&situation, RuntimeNeed::Present);
        assert!(!told.sentence.contains('\n'), "{what} has more than one line");
        write(&mut text, what, &told);
    }
    let names = ["boa".to_owned()];
    let missing = RuntimeNeed::Missing { name: "quickjs", present: &names };
    write(&mut text, "runtime not loaded", &explain(&situation(), missing));
    let missing = RuntimeNeed::Missing { name: "quickjs", present: &[] };
    write(&mut text, "no runtime loaded", &explain(&situation(), missing));
    insta::assert_snapshot!(text);
}

#[test]
fn what_holds_a_job_longest_is_what_is_told() {
    let mut it = situation();
    it.task_pause = pause(Some(later(90)), None);
    it.queue_pause = pause(Some(later(60)), None);
    it.job.run_at = later(30);
    for (cause, until) in
        [("why.task_paused", 90), ("why.queue_paused", 60), ("why.not_before", 30)]
    {
        let told = explain(&it, RuntimeNeed::Unknown);
        assert_eq!((told.cause.as_str(), told.until), (cause, Some(later(until))));
        if cause == "why.task_paused" { it.task_pause = None } else { it.queue_pause = None }
    }
}
