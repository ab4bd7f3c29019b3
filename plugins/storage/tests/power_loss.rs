//! What a loss of power leaves of a file of SQLite: everything that was answered.
//!
//! A program that accepts and completes jobs is run under `strace`, which writes down what reaches
//! the files, what is synced, and what the program was told. From that the files are built as they
//! would be if the power had gone at some moment: what was synced is there, and of what was not,
//! any part may be. Then the store is opened on them.
//!
//! `RATCHET_POWER_CUTS` says at how many moments, `RATCHET_HISTORY_SEED` the seed of which.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use ratchet_plugin_api::Plugin as _;
use ratchet_plugin_api::model::{
    Id, Job, JobStatus, Json, ListQuery, NewJob, Priority, Program, RetryPolicy, Schemas,
    TaskDefinition, TaskPolicy,
};
use ratchet_plugin_api::services::{
    AcceptJobs, ClaimJobs, HostInfo, JobStore, PutTask, Settled, Settlement, TaskStore, Verdict,
};
use ratchet_storage::Storage;
use ratchet_testkit::TestHost;
use serde_json::json;
use sqlx::Connection as _;

/// Says to this program that it is the one being watched, and where.
const FOLDER: &str = "RATCHET_POWER_FOLDER";

/// Says to it when a change counts as written.
const SYNCHRONOUS: &str = "RATCHET_POWER_SYNCHRONOUS";

/// The database's file, and the one in which the program notes what it was told.
const DATABASE: &str = "ratchet.db";
const TOLD: &str = "told";

async fn open(folder: &Path) -> Arc<Storage> {
    let url = format!("sqlite://{}", folder.join(DATABASE).display());
    let synchronous = std::env::var(SYNCHRONOUS).unwrap_or_else(|_| "full".to_owned());
    let sqlite = json!({"synchronous": synchronous});
    let config = json!({"database": {"url": url, "max_connections": 2, "sqlite": sqlite}});
    TestHost::new().start::<Storage>(config).await.unwrap()
}

/// The program that is watched. Without [`FOLDER`] there is nothing to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watched() {
    let Some(folder) = std::env::var_os(FOLDER).map(std::path::PathBuf::from) else {
        return;
    };
    let store = open(&folder).await;
    let mut told = std::fs::File::create(folder.join(TOLD)).unwrap();
    let put = PutTask {
        task: None,
        definition: definition(),
        enabled: None,
        if_checksum: None,
        note: None,
    };
    let task = TaskStore::put(&*store, put).await.unwrap().id;
    let host = HostInfo { id: Id::new(), name: "power".into(), slots: 8, version: "1".into() };
    store.enter(host.clone(), 600_000).await.unwrap();
    for round in 0..150_usize {
        // Some are long, so that the log is written back into the database now and then.
        let long = if round % 3 == 0 { 40_000 } else { 40 };
        let jobs: Vec<NewJob> = (0..1 + round % 7).map(|_| job(task, long)).collect();
        let ids: Vec<Id> = jobs.iter().map(|job| job.id).collect();
        let request = AcceptJobs { jobs, atomic: true, claim_for: None, max_waiting: None };
        store.accept(request).await.unwrap();
        for id in ids {
            told.write_all(format!("accepted {id}\n").as_bytes()).unwrap();
        }
        let claims = store.claim(ClaimJobs { host: host.id, max: 5 }).await.unwrap();
        let settlements = claims.jobs.iter().map(|claimed| Settlement {
            host: host.id,
            job: claimed.job,
            execution: claimed.execution,
            verdict: Verdict::Completed(Json::from_trusted("{}")),
            task_version: None,
            began_ms_ago: None,
            duration_us: 1,
            logs: Vec::new(),
            logs_dropped: 0,
            http: Vec::new(),
            deliveries: Vec::new(),
        });
        let settled = store.settle(settlements.collect()).await.unwrap();
        for (claimed, settled) in claims.jobs.iter().zip(settled) {
            assert_eq!(settled, Settled::Recorded);
            told.write_all(format!("completed {}\n", claimed.job).as_bytes()).unwrap();
        }
    }
    store.stop().await.unwrap();
}

fn definition() -> TaskDefinition {
    TaskDefinition {
        id: None,
        name: "power".into(),
        label: None,
        version: "1.0.0".into(),
        description: None,
        tags: Vec::new(),
        program: Program {
            entry: "main.js".into(),
            source: "() => ({})".into(),
            modules: BTreeMap::new(),
        },
        schemas: Schemas::default(),
        policy: TaskPolicy::default(),
        tests: BTreeMap::new(),
        metadata: Json::null(),
    }
}

fn job(task: Id, long: usize) -> NewJob {
    NewJob {
        id: Id::new(),
        task,
        input: Json::of(&"x".repeat(long)).unwrap(),
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

/// A change of a file.
#[derive(Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Cut(usize),
}

impl Change {
    fn apply(&self, file: &mut Vec<u8>) {
        match self {
            Change::Write(at, bytes) => {
                let end = at + bytes.len();
                file.resize(file.len().max(end), 0);
                file[*at..end].copy_from_slice(bytes);
            }
            Change::Cut(length) => file.resize(*length, 0),
        }
    }
}

/// Something that happened, in the order in which it did.
enum Event {
    Changed(String, Change),
    Synced(String),
    Removed(String),
    Told(String),
}

/// A file as the disk has it for certain, and what it may have besides.
#[derive(Clone, Default)]
struct OnDisk {
    certain: Vec<u8>,
    uncertain: Vec<Change>,
}

impl OnDisk {
    fn sync(&mut self) {
        for change in std::mem::take(&mut self.uncertain) {
            change.apply(&mut self.certain);
        }
    }

    /// One of the contents it may have.
    fn after_loss(&self, random: &mut Random) -> Vec<u8> {
        let mut file = self.certain.clone();
        let part = random.below(5);
        for change in &self.uncertain {
            let kept = match part {
                0 => false,
                1 => true,
                part => random.below(5) < part,
            };
            match change {
                _ if !kept => {}
                // A sector is written or not; what is longer may be torn.
                Change::Write(at, bytes) if part > 1 && random.below(4) == 0 => {
                    let sectors = bytes.len().div_ceil(512) as u64;
                    let torn = bytes.len().min(512 * random.below(sectors + 1) as usize);
                    Change::Write(*at, bytes[..torn].to_vec()).apply(&mut file);
                }
                change => change.apply(&mut file),
            }
        }
        file
    }
}

/// Choices that a seed repeats (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// Runs the program under `strace`; gives what happened. None where there is no `strace`.
fn watch(folder: &Path, synchronous: &str) -> Option<Vec<Event>> {
    let log = folder.join("strace.log");
    let mut command = Command::new("strace");
    command.args(["-f", "-y", "-xx", "-s", "200000", "-o"]).arg(&log);
    command.args(["-e", "trace=pwrite64,write,fsync,fdatasync,ftruncate,unlink"]);
    command.arg(std::env::current_exe().unwrap()).args(["--exact", "watched"]);
    command.env(FOLDER, folder).env(SYNCHRONOUS, synchronous).stdout(Stdio::null());
    let status = match command.status() {
        Ok(status) => status,
        Err(error) => {
            assert!(std::env::var("CI").is_err(), "CI needs strace: {error}");
            eprintln!("there is no strace ({error}); nothing was tested");
            return None;
        }
    };
    assert!(status.success(), "the program under strace ended with {status}");
    let text = std::fs::read_to_string(log).unwrap();
    Some(read(&text))
}

fn read(log: &str) -> Vec<Event> {
    let mut events = Vec::new();
    // Syncs count when they return, and everything else as soon as it begins.
    let mut syncing: BTreeMap<&str, String> = BTreeMap::new();
    for line in log.lines() {
        let Some((thread, call)) = line.split_once(' ') else { continue };
        let call = call.trim_start();
        if call.starts_with("<... f") && call.contains("sync resumed>") {
            if let Some(file) = syncing.remove(thread) {
                assert!(call.ends_with("= 0"), "a sync failed: {line}");
                events.push(Event::Synced(file));
            }
            continue;
        }
        let Some((name, arguments)) = call.split_once('(') else { continue };
        let Some(file) = file_of(arguments) else { continue };
        let number = |place: usize| -> usize {
            let end = arguments.find(" <unfinished").or(arguments.rfind(')'));
            let parts: Vec<&str> = arguments[..end.unwrap()].rsplit(", ").collect();
            parts[place].trim_end_matches(')').parse().unwrap()
        };
        match name {
            "pwrite64" => {
                let change = Change::Write(number(0), bytes_of(arguments));
                events.push(Event::Changed(file, change));
            }
            "ftruncate" => events.push(Event::Changed(file, Change::Cut(number(0)))),
            "fsync" | "fdatasync" if call.contains("<unfinished") => {
                syncing.insert(thread, file);
            }
            "fsync" | "fdatasync" => events.push(Event::Synced(file)),
            "unlink" => events.push(Event::Removed(file)),
            "write" if file == TOLD => {
                let text = String::from_utf8(bytes_of(arguments)).unwrap();
                events.push(Event::Told(text.trim().to_owned()));
            }
            _ => {}
        }
    }
    events
}

/// The bytes of `\x41\x42…`.
fn unescape(text: &str) -> Vec<u8> {
    text.split("\\x").skip(1).map(|pair| u8::from_str_radix(&pair[..2], 16).unwrap()).collect()
}

/// The name of the file a call is about, if it is one of ours.
fn file_of(arguments: &str) -> Option<String> {
    let path = match arguments.strip_prefix('"') {
        Some(path) => path.split('"').next()?,
        None => arguments.split_once('<')?.1.split('>').next()?,
    };
    let path = if path.contains("\\x") {
        String::from_utf8(unescape(path)).ok()?
    } else {
        path.to_owned()
    };
    let name = Path::new(&path).file_name()?.to_str()?.to_owned();
    let ours = name == TOLD || (name.starts_with(DATABASE) && !name.ends_with("-shm"));
    ours.then_some(name)
}

fn bytes_of(arguments: &str) -> Vec<u8> {
    let text = arguments.split_once('"').map_or("", |(_, rest)| rest);
    let (text, rest) = text.split_once('"').unwrap();
    assert!(!rest.starts_with("..."), "strace has shortened what was written");
    unescape(text)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_was_answered_survives_a_loss_of_power() {
    cut("full").await.unwrap();
}

/// Else the test above would see nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_synced_is_seen_to_be_lost() {
    if let Some(tried) = cut("normal").await.ok().flatten() {
        panic!("the power was cut {tried} times and nothing was lost");
    }
}

/// Cuts the power at many moments of one run, in which changes count as written when
/// `synchronous` says; how often, unless there is no `strace`.
///
/// # Errors
/// What was lost.
async fn cut(synchronous: &str) -> Result<Option<u64>, String> {
    let number = |variable: &str, default: u64| {
        std::env::var(variable).map_or(default, |text| text.parse().expect("a number"))
    };
    let folder = tempfile::tempdir().unwrap();
    let Some(events) = watch(folder.path(), synchronous) else { return Ok(None) };
    let moments = events.iter().filter(|event| !matches!(event, Event::Changed(..))).count() as u64;
    assert!(moments > 600, "only {moments} moments were seen");
    let (cuts, seed) = (number("RATCHET_POWER_CUTS", 150), number("RATCHET_HISTORY_SEED", 1));
    let mut random = Random(seed);
    let mut files: BTreeMap<String, OnDisk> = BTreeMap::new();
    let (mut accepted, mut completed) = (BTreeSet::new(), BTreeSet::new());
    let mut tried = 0;
    for event in events {
        // Just before something is synced, forgotten or told.
        let moment = !matches!(event, Event::Changed(..));
        if moment && random.below(moments) < cuts {
            tried += 1;
            check(&files, &accepted, &completed, &mut random).await?;
        }
        match event {
            Event::Changed(file, change) => files.entry(file).or_default().uncertain.push(change),
            Event::Synced(file) => files.entry(file).or_default().sync(),
            Event::Removed(file) => drop(files.remove(&file)),
            Event::Told(text) => {
                let (what, id) = text.split_once(' ').unwrap();
                let known = if what == "accepted" { &mut accepted } else { &mut completed };
                known.insert(id.parse::<Id>().unwrap());
            }
        }
    }
    eprintln!("the power was cut {tried} times at {moments} moments, seed {seed}");
    assert!(completed.len() > 300, "only {} jobs were completed", completed.len());
    check(&files, &accepted, &completed, &mut random).await?;
    Ok(Some(tried))
}

/// Opens the store on what a loss of power leaves.
async fn check(
    files: &BTreeMap<String, OnDisk>,
    accepted: &BTreeSet<Id>,
    completed: &BTreeSet<Id>,
    random: &mut Random,
) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    for (name, file) in files {
        std::fs::write(folder.path().join(name), file.after_loss(random)).unwrap();
    }
    let store = open(folder.path()).await;
    let mut jobs: BTreeMap<Id, Job> = BTreeMap::new();
    loop {
        let query = ListQuery { limit: 1000, offset: jobs.len() as u64, ..ListQuery::default() };
        let page = JobStore::list(&*store, query).await.unwrap();
        let last = page.items.len() < 1000;
        jobs.extend(page.items.into_iter().map(|job| (job.id, job)));
        if last {
            break;
        }
    }
    store.stop().await.unwrap();
    let url = format!("sqlite://{}", folder.path().join(DATABASE).display());
    let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
    let sound: String =
        sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut connection).await.unwrap();
    if sound != "ok" {
        return Err(format!("the database is damaged: {sound}"));
    }
    if let Some(id) = accepted.iter().find(|id| !jobs.contains_key(id)) {
        return Err(format!("the job {id} was accepted and is lost"));
    }
    let undone = |id: &&Id| jobs[*id].status != JobStatus::Completed;
    match completed.iter().find(undone) {
        Some(id) => Err(format!("the completion of {id} was recorded and is lost")),
        None => Ok(()),
    }
}
