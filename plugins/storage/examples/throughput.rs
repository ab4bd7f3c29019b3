//! How many jobs the store takes, and how many it brings to an end.
//!
//! `cargo run --release -p ratchet-storage --example throughput -- URL [JOBS] [FUTURE] [ENDED]`
//! measures on an empty database: accepting in batches of 1000, then claiming and settling each
//! with a result kept, with so many jobs of the future and ended ones already there. It ends with
//! a count of what is stored: each job completed once.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::sync::Arc;
use std::time::Instant;

use ratchet_plugin_api::model::{
    Id, Json, NewJob, Priority, Program, RetryPolicy, Schemas, TaskDefinition, TaskPolicy,
};
use ratchet_plugin_api::services::{
    AcceptJobs, ClaimJobs, HostInfo, JobStore, PutTask, Settled, Settlement, TaskStore, Verdict,
};
use ratchet_storage::Storage;
use ratchet_testkit::TestHost;

const BATCH: usize = 1000;
const CLIENTS: usize = 4;

fn job(task: Id, delay_ms: u64) -> NewJob {
    NewJob {
        id: Id::new(),
        task,
        input: Json::from_trusted(r#"{"customer":4711,"amount":"12.50"}"#),
        priority: Priority::Normal,
        delay_ms,
        not_before: None,
        lifetime_ms: None,
        timeout_ms: None,
        retry: RetryPolicy::default(),
        unique: None,
        limiter: None,
        depends_on: Vec::new(),
        runs_after_failure: false,
        batch: None,
        schedule: None,
        outputs: Vec::new(),
        metadata: Json::null(),
    }
}

async fn accept(store: &Storage, task: Id, count: usize, delay_ms: u64) {
    let jobs = (0..count).map(|_| job(task, delay_ms)).collect();
    let request = AcceptJobs { jobs, atomic: false, claim_for: None, max_waiting: None };
    assert_eq!(store.accept(request).await.unwrap().len(), count);
}

async fn accept_all(store: &Arc<Storage>, task: Id, count: usize, delay_ms: u64) -> f64 {
    let began = Instant::now();
    let mut clients = Vec::new();
    for client in 0..CLIENTS {
        let store = Arc::clone(store);
        let batches = (count / BATCH + CLIENTS - 1 - client) / CLIENTS;
        clients.push(tokio::spawn(async move {
            for _ in 0..batches {
                accept(&store, task, BATCH, delay_ms).await;
            }
        }));
    }
    for client in clients {
        client.await.unwrap();
    }
    count as f64 / began.elapsed().as_secs_f64()
}

/// Claims and settles until nothing is left; gives the number of jobs.
async fn burn_down(store: &Storage, host: Id) -> usize {
    let mut done = 0;
    loop {
        let claims = store.claim(ClaimJobs { host, max: 1000 }).await.unwrap();
        if claims.jobs.is_empty() {
            return done;
        }
        done += claims.jobs.len();
        let settlements: Vec<Settlement> = claims
            .jobs
            .into_iter()
            .map(|job| Settlement {
                host,
                job: job.job,
                execution: job.execution,
                verdict: Verdict::Completed(Json::from_trusted(r#"{"ok":true}"#)),
                task_version: Some("1.0.0".into()),
                began_ms_ago: Some(1),
                duration_us: 1000,
                logs: Vec::new(),
                logs_dropped: 0,
                http: Vec::new(),
                deliveries: Vec::new(),
            })
            .collect();
        let settled = store.settle(settlements).await.unwrap();
        assert!(settled.iter().all(|settled| *settled == Settled::Recorded));
    }
}

async fn burn_all(store: &Arc<Storage>, host: Id) -> (usize, f64) {
    let began = Instant::now();
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let store = Arc::clone(store);
        clients.push(tokio::spawn(async move { burn_down(&store, host).await }));
    }
    let mut done = 0;
    for client in clients {
        done += client.await.unwrap();
    }
    (done, done as f64 / began.elapsed().as_secs_f64())
}

/// Milliseconds a claim of ten jobs takes, in the middle.
async fn claim_cost(store: &Storage, host: Id, task: Id) -> f64 {
    accept(store, task, BATCH, 0).await;
    let mut times = Vec::new();
    for _ in 0..50 {
        let began = Instant::now();
        let claims = store.claim(ClaimJobs { host, max: 10 }).await.unwrap();
        times.push(began.elapsed().as_secs_f64() * 1000.0);
        assert_eq!(claims.jobs.len(), 10);
    }
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().expect("the URL of an empty database");
    let mut number = |default: usize| {
        arguments.next().map_or(default, |text| text.replace('_', "").parse().unwrap())
    };
    let (count, future, ended) = (number(200_000), number(0), number(0));
    let config = serde_json::json!({ "database": { "url": url } });
    let store = TestHost::new().start::<Storage>(config).await.unwrap();
    let definition = TaskDefinition {
        id: None,
        name: "nothing".into(),
        label: None,
        version: "1.0.0".into(),
        description: None,
        tags: Vec::new(),
        program: Program {
            entry: "main.js".into(),
            source: "0".into(),
            modules: Default::default(),
        },
        schemas: Schemas::default(),
        policy: TaskPolicy::default(),
        tests: Default::default(),
        metadata: Json::null(),
    };
    let put = PutTask { task: None, definition, enabled: None, if_checksum: None, note: None };
    let task = store.put(put).await.unwrap().id;
    let (host, name, version) = (Id::new(), "bench".into(), "0".into());
    store.enter(HostInfo { id: host, name, slots: 1000, version }, 86_400_000).await.unwrap();

    println!("claim of 10, empty    {:10.3} ms", claim_cost(&store, host, task).await);
    let accepted = accept_all(&store, task, count, 0).await;
    println!("accept                {accepted:10.0} jobs/s");
    let (done, rate) = burn_all(&store, host).await;
    println!("claim and settle      {rate:10.0} jobs/s ({done} jobs)");
    if ended > count {
        while JobStore::stats(&*store).await.unwrap().completed < ended as u64 {
            accept_all(&store, task, 100_000, 0).await;
            burn_all(&store, host).await;
        }
    }
    if future > 0 {
        accept_all(&store, task, future, 3_600_000).await;
    }
    println!("claim of 10, full     {:10.3} ms", claim_cost(&store, host, task).await);
    let (done, rate) = burn_all(&store, host).await;
    println!("claim and settle, full{rate:10.0} jobs/s ({done} jobs)");
    let stats = JobStore::stats(&*store).await.unwrap();
    println!("stored: {stats:?}");
    ratchet_plugin_api::Plugin::stop(&*store).await.unwrap();
}
