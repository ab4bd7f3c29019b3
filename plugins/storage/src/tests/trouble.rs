//! Databases in trouble: nothing is acknowledged that is not kept, and all goes on by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ratchet_plugin_api::model::{Id, Json, NewJob, Priority, RetryPolicy, Task};
use ratchet_plugin_api::services::{
    AcceptJobs, Acceptance, ClaimJobs, HostInfo, JobStore, PutTask, TaskStore,
};
use ratchet_plugin_api::{Code, Plugin as _, Result};
use sea_orm::ConnectionTrait as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::support::Postgres;
use super::{definition, started};
use crate::Storage;
use crate::db::query_number;

async fn task(store: &Storage) -> Task {
    let put = PutTask {
        task: None,
        definition: definition("nothing", "0"),
        enabled: None,
        if_checksum: None,
        note: None,
    };
    store.put(put).await.unwrap()
}

fn job(task: &Task, input: String) -> NewJob {
    NewJob {
        id: Id::new(),
        task: task.id,
        input: Json::from_trusted(input),
        priority: Priority::Normal,
        delay_ms: 0,
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

async fn accept(store: &Storage, job: NewJob) -> Result<Acceptance> {
    let request = AcceptJobs { jobs: vec![job], atomic: false, claim_for: None, max_waiting: None };
    store.accept(request).await.map(|mut answers| answers.remove(0))
}

async fn waiting(store: &Storage) -> i64 {
    let db = store.db().unwrap();
    query_number(db.read(), "SELECT COUNT(*) FROM jobs", []).await.unwrap()
}

#[tokio::test]
async fn a_full_disk_fails_closed_and_recovers() {
    let folder = tempfile::tempdir().unwrap();
    let store = started(&format!("sqlite://{}", folder.path().join("ratchet.db").display())).await;
    let task = task(&store).await;
    accept(&store, job(&task, "1".into())).await.unwrap();
    let write = store.db().unwrap().write_connection();
    let pages = query_number(write, "PRAGMA page_count", []).await.unwrap();
    // The database can grow by a few pages and no more: what SQLite says of a full disk.
    let limit = format!("PRAGMA max_page_count = {}", pages + 3);
    write.execute_unprepared(&limit).await.unwrap();

    let large = format!("\"{}\"", "x".repeat(100_000));
    let error = accept(&store, job(&task, large.clone())).await.unwrap_err();
    assert_eq!((error.code, error.reason.as_deref()), (Code::Unavailable, Some("storage.full")));
    assert_eq!(waiting(&store).await, 1);
    // Many at once fail as one, and what is small still fits.
    let jobs = (0..20).map(|_| accept(&store, job(&task, large.clone())));
    for answer in futures_util::future::join_all(jobs).await {
        assert_eq!(answer.unwrap_err().reason.as_deref(), Some("storage.full"));
    }
    accept(&store, job(&task, "2".into())).await.unwrap();

    let write = store.db().unwrap().write_connection();
    write.execute_unprepared("PRAGMA max_page_count = 1000000").await.unwrap();
    accept(&store, job(&task, large)).await.unwrap();
    assert_eq!(waiting(&store).await, 3);
    store.stop().await.unwrap();
}

#[tokio::test]
async fn killed_connections_of_postgresql_lose_and_repeat_nothing() {
    let Some(postgres) = Postgres::fresh().await else { return };
    let store = started(&postgres.url()).await;
    let task = task(&store).await;
    let (id, name, version) = (Id::new(), "trouble".into(), "0".into());
    store.enter(HostInfo { id, name, slots: 10, version }, 60_000).await.unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let killer = {
        let (done, own) = (Arc::clone(&done), postgres.name());
        let sql = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{own}'"
        );
        async move {
            let mut kills = 0;
            while !done.load(Ordering::Relaxed) {
                postgres.administer(sql.clone()).await;
                kills += 1;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            assert!(kills > 0);
            postgres
        }
    };
    let work = async {
        let mut accepted = 0;
        for _ in 0..200 {
            // The call may fail, since it is tried a few times only, but what is answered stands.
            if let Ok(Acceptance::Accepted { .. }) = accept(&store, job(&task, "1".into())).await {
                accepted += 1;
            }
        }
        done.store(true, Ordering::Relaxed);
        accepted
    };
    let (_postgres, accepted) = tokio::join!(killer, work);
    assert!(accepted > 150, "only {accepted} of 200 were accepted");
    let mut claimed = std::collections::HashSet::new();
    let deadline = Instant::now() + Duration::from_secs(20);
    while claimed.len() < accepted && Instant::now() < deadline {
        let claims = store.claim(ClaimJobs { host: id, max: 50 }).await.unwrap();
        claimed.extend(claims.jobs.iter().map(|job| job.job));
    }
    assert!(claimed.len() >= accepted, "{} of {accepted} are there", claimed.len());
    store.stop().await.unwrap();
}

/// Passes bytes on to the server until it is told to be silent: connections stay open and nothing
/// goes through any more.
async fn proxy(server: String, silent: Arc<AtomicBool>) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let Ok(upstream) = TcpStream::connect(&server).await else { continue };
            let doomed = Arc::new(AtomicBool::new(silent.load(Ordering::Relaxed)));
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = upstream.into_split();
            for (mut from, mut to) in [(from_client, to_server), (from_server, to_client)] {
                let (silent, doomed) = (Arc::clone(&silent), Arc::clone(&doomed));
                tokio::spawn(async move {
                    let mut buffer = vec![0; 1 << 16];
                    while let Ok(count) = from.read(&mut buffer).await {
                        // Once silent, a connection stays so.
                        if silent.load(Ordering::Relaxed) {
                            doomed.store(true, Ordering::Relaxed);
                        }
                        if count == 0 {
                            return;
                        }
                        if !doomed.load(Ordering::Relaxed)
                            && to.write_all(&buffer[..count]).await.is_err()
                        {
                            return;
                        }
                    }
                });
            }
        }
    });
    address
}

#[tokio::test]
async fn connections_that_are_half_open_are_given_up() {
    let Some(postgres) = Postgres::fresh().await else { return };
    let Some(server) = postgres.address() else { return };
    let silent = Arc::new(AtomicBool::new(false));
    let address = proxy(server, Arc::clone(&silent)).await;
    let store = started(&postgres.url_at(address)).await;
    let task = task(&store).await;
    accept(&store, job(&task, "1".into())).await.unwrap();
    silent.store(true, Ordering::Relaxed);
    let stuck = accept(&store, job(&task, "2".into()));
    let again = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        silent.store(false, Ordering::Relaxed);
    };
    let began = Instant::now();
    let (answer, ()) = tokio::join!(stuck, again);
    assert!(matches!(answer, Ok(Acceptance::Accepted { .. })), "{answer:?}");
    assert!(began.elapsed() < Duration::from_secs(30));
    assert_eq!(waiting(&store).await, 2);
    store.stop().await.unwrap();
}
