//! Lists compared with those of the store in memory, which is the plainest code that is right:
//! the same things are put in both, and whatever is asked has the same answer.

use ratchet_plugin_api::Result;
use ratchet_plugin_api::model::{
    FailureKind, Filter, FilterOp, Id, Json, ListQuery, Listing, NewJob, Priority, RetryPolicy,
    Sort, TaskError, Uniqueness,
};
use ratchet_plugin_api::services::{
    AcceptJobs, Acceptance, ClaimJobs, ExecutionStore, HostInfo, JobStore, PutTask, Settlement,
    TaskStore, Verdict,
};
use ratchet_testkit::memory::MemoryStore;

use super::{definition, each};
use crate::Storage;

/// Queries tried of each kind of thing.
const QUERIES: u32 = 400;

/// Random numbers that are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

const NAMES: [&str; 7] = ["alpha", "Beta", "beta-2", "100%", "under_score", "back\\slash", "Ärger"];
const TEXTS: [&str; 9] = ["a", "A", "beta", "%", "_", "\\", "", "ä", "zz"];
const NUMBERS: [&str; 6] = ["0", "1", "2", "3", "-1", "1.5"];
const TIMES: [&str; 3] = ["2000-01-01T00:00:00Z", "2100-01-01T00:00:00Z", "now"];
const TRUTHS: [&str; 2] = ["true", "false"];

fn task(place: usize, name: &str) -> PutTask {
    let mut definition = definition(name, "1");
    definition.id = Some(Id::from_u128(1_000 + place as u128));
    definition.label = (place.is_multiple_of(2)).then(|| format!("Label {place}"));
    definition.description = (place.is_multiple_of(3)).then(|| "does a thing".to_owned());
    definition.tags = ["math", "Net", "x"].iter().take(place % 4).map(|&tag| tag.into()).collect();
    let enabled = Some(true);
    PutTask { task: None, definition, enabled, if_checksum: None, note: None }
}

fn job(place: usize) -> NewJob {
    NewJob {
        id: Id::from_u128(2_000 + place as u128),
        task: Id::from_u128(1_000 + (place % NAMES.len()) as u128),
        input: Json::from_trusted("{}"),
        priority: Priority::ALL[place % 4],
        delay_ms: if place.is_multiple_of(5) { 3_600_000 } else { 0 },
        not_before: None,
        lifetime_ms: None,
        timeout_ms: None,
        retry: RetryPolicy { max_retries: place as u32 % 3, ..RetryPolicy::default() },
        unique: (place % 3 == 1).then(|| Uniqueness {
            key: format!("Key-{place}"),
            window_ms: None,
            fingerprint: None,
        }),
        limiter: None,
        depends_on: Vec::new(),
        runs_after_failure: false,
        batch: (place % 2 == 1).then(|| Id::from_u128(3_000)),
        schedule: (place % 4 == 1).then(|| Id::from_u128(4_000)),
        outputs: Vec::new(),
        metadata: Json::null(),
    }
}

/// Puts the same things into a store: tasks, jobs that wait, run and have ended in every way.
async fn furnish(store: &(impl TaskStore + JobStore + ExecutionStore)) {
    for (place, name) in NAMES.iter().enumerate() {
        store.put(task(place, name)).await.unwrap();
    }
    store.validated(Id::from_u128(1_001).into()).await.unwrap();
    let host = HostInfo { id: Id::from_u128(1), name: "h".into(), slots: 9, version: "1".into() };
    store.enter(host, 600_000).await.unwrap();
    for place in 0..24 {
        let jobs = vec![job(place)];
        let request = AcceptJobs { jobs, atomic: true, claim_for: None, max_waiting: None };
        let answer = store.accept(request).await.unwrap();
        assert!(matches!(answer[0], Acceptance::Accepted { .. }));
        if place < 16 && place % 5 != 0 {
            end(store, place).await;
        }
    }
    let request = ClaimJobs { host: Id::from_u128(1), max: 3 };
    for claimed in store.claim(request).await.unwrap().jobs {
        if claimed.number % 2 == 0 {
            let progress = ratchet_plugin_api::model::Progress { fraction: 0.5, message: None };
            store.progress(claimed.execution, progress).await.unwrap();
        }
    }
    TaskStore::enable(store, Id::from_u128(1_002).into(), false).await.unwrap();
    JobStore::pause(store, None).await.unwrap();
    TaskStore::pause(store, Id::from_u128(1_003).into(), Some(Default::default())).await.unwrap();
}

async fn end(store: &impl JobStore, place: usize) {
    let host = Id::from_u128(1);
    for claimed in store.claim(ClaimJobs { host, max: 1 }).await.unwrap().jobs {
        let error = TaskError {
            kind: FailureKind::Thrown,
            class: if place.is_multiple_of(2) { "TypeError" } else { "Weird_Error" }.into(),
            message: format!("100% wrong in {place}"),
            stack: Vec::new(),
            violations: Vec::new(),
            details: None,
            causes: Vec::new(),
        };
        let verdict = match place % 4 {
            0 | 1 => Verdict::Completed(Json::from_trusted("1")),
            2 => Verdict::Failed(error),
            _ => Verdict::Retry { error, delay_ms: 3_600_000, crashed: false },
        };
        let settlement = Settlement {
            host,
            job: claimed.job,
            execution: claimed.execution,
            verdict,
            task_version: Some("1.0.0".into()),
            began_ms_ago: Some(0),
            duration_us: 500 * place as u64,
            logs: Vec::new(),
            logs_dropped: 0,
            http: Vec::new(),
            deliveries: Vec::new(),
        };
        store.settle(vec![settlement]).await.unwrap();
    }
}

/// A field to ask about, and values that fit it.
type Asked = (&'static str, &'static [&'static str]);

const STATUSES: [&str; 6] =
    ["queued", "processing", "retrying", "completed", "failed", "cancelled"];
const EXECUTION_STATUSES: [&str; 5] = ["pending", "running", "completed", "failed", "cancelled"];
const HOLDS: [&str; 4] = ["none", "not_before", "task_disabled", "task_paused"];
const PRIORITIES: [&str; 4] = ["low", "normal", "high", "urgent"];
const TASK_IDS: [&str; 3] = [
    "00000000-0000-0000-0000-0000000003e9",
    "00000000-0000-0000-0000-0000000003ea",
    "00000000-0000-0000-0000-000000000001",
];
const JOB_IDS: [&str; 3] = [
    "00000000-0000-0000-0000-0000000007d1",
    "00000000-0000-0000-0000-0000000007e4",
    "00000000-0000-0000-0000-000000000001",
];
const OTHER_IDS: [&str; 2] =
    ["00000000-0000-0000-0000-000000000bb8", "00000000-0000-0000-0000-000000000fa0"];

const TASKS: &[Asked] = &[
    ("id", &TASK_IDS),
    ("number", &NUMBERS),
    ("name", &TEXTS),
    ("label", &TEXTS),
    ("version", &TEXTS),
    ("description", &TEXTS),
    ("enabled", &TRUTHS),
    ("paused", &TRUTHS),
    ("repository", &TEXTS),
    ("tag", &["math", "net", "Net", "x", "m", "T"]),
    ("created_at", &TIMES),
    ("updated_at", &TIMES),
    ("validated_at", &TIMES),
    ("has_validation", &TRUTHS),
    ("nmae", &TEXTS),
];

const JOBS: &[Asked] = &[
    ("id", &JOB_IDS),
    ("number", &NUMBERS),
    ("task", &TASK_IDS),
    ("task_name", &TEXTS),
    ("status", &STATUSES),
    ("hold", &HOLDS),
    ("priority", &PRIORITIES),
    ("batch", &OTHER_IDS),
    ("schedule", &OTHER_IDS),
    ("unique_key", &["key", "Key-1", "-1", "Key-4"]),
    ("queued_at", &TIMES),
    ("run_at", &TIMES),
    ("started_at", &TIMES),
    ("finished_at", &TIMES),
    ("attempt", &NUMBERS),
    ("retries_left", &NUMBERS),
    ("max_retries", &NUMBERS),
    ("has_retries_remaining", &TRUTHS),
    ("has_error", &TRUTHS),
    ("error_message", &["100%", "WRONG", "in 2", "_"]),
    ("is_scheduled", &TRUTHS),
    ("due_now", &TRUTHS),
    ("status", &["queud"]),
];

const EXECUTIONS: &[Asked] = &[
    ("job", &JOB_IDS),
    ("task", &TASK_IDS),
    ("task_name", &TEXTS),
    ("status", &EXECUTION_STATUSES),
    ("attempt", &NUMBERS),
    ("queued_at", &TIMES),
    ("started_at", &TIMES),
    ("finished_at", &TIMES),
    ("duration_ms", &NUMBERS),
    ("progress", &["0", "0.5", "1"]),
    ("has_progress", &TRUTHS),
    ("has_error", &TRUTHS),
    ("error_message", &["100%", "WRONG", "in 2", "_"]),
    ("error_class", &["error", "TypeError", "_"]),
    ("can_retry", &TRUTHS),
    ("can_cancel", &TRUTHS),
];

fn query(random: &mut Random, fields: &[Asked]) -> ListQuery {
    let mut query = ListQuery { limit: 1 + random.below(30) as u32, ..ListQuery::default() };
    query.offset = random.below(3) as u64 * random.below(6) as u64;
    for _ in 0..random.below(3) {
        let (field, values) = *random.of(fields);
        let op = *random.of(FilterOp::ALL);
        let count = if matches!(op, FilterOp::In | FilterOp::NotIn) { random.below(4) } else { 1 };
        let now = ratchet_plugin_api::model::Timestamp::now().to_string();
        let value = |text: &&str| if *text == "now" { now.clone() } else { (*text).to_owned() };
        let values = (0..count).map(|_| value(random.of(values))).collect();
        query.filters.push(Filter { field: field.into(), op, values });
    }
    for _ in 0..random.below(3) {
        let descending = random.below(2) == 0;
        query.sort.push(Sort { field: random.of(fields).0.into(), descending });
    }
    query
}

/// What of a list has to be the same: what tells its things apart, and their number.
type Seen = Option<(Vec<(i64, u32)>, Option<u64>)>;

fn seen<T>(list: Result<Listing<T>>, key: impl Fn(&T) -> (i64, u32)) -> Seen {
    list.ok().map(|list| (list.items.iter().map(key).collect(), list.total))
}

#[tokio::test]
async fn every_query_has_the_answer_of_the_store_in_memory() {
    let reference = MemoryStore::new();
    furnish(&reference).await;
    each(async |store: &Storage| {
        furnish(store).await;
        let mut random = Random(20_261_124);
        for _ in 0..QUERIES {
            let asked = query(&mut random, TASKS);
            let key = |task: &ratchet_plugin_api::model::Task| (task.number, 0);
            let ours = seen(TaskStore::list(store, asked.clone(), false).await, key);
            let theirs = seen(TaskStore::list(&reference, asked.clone(), false).await, key);
            assert_eq!(ours, theirs, "tasks: {asked:?}");

            let asked = query(&mut random, JOBS);
            let key = |job: &ratchet_plugin_api::model::Job| (job.number, job.attempt);
            let ours = seen(JobStore::list(store, asked.clone()).await, key);
            let theirs = seen(JobStore::list(&reference, asked.clone()).await, key);
            assert_eq!(ours, theirs, "jobs: {asked:?}");

            let asked = query(&mut random, EXECUTIONS);
            let key = |execution: &ratchet_plugin_api::model::Execution| {
                (execution.number, execution.attempt)
            };
            let ours = seen(ExecutionStore::list(store, asked.clone()).await, key);
            let theirs = seen(ExecutionStore::list(&reference, asked.clone()).await, key);
            assert_eq!(ours, theirs, "executions: {asked:?}");
        }
    })
    .await;
}
