//! A stream of jobs, put in by shell commands.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::farm::{Farm, command, kill};
use crate::random::Random;

/// How long one batch may be refused, for a database that is away.
const PATIENCE: Duration = Duration::from_secs(60);

/// Puts jobs in until it is told to stop.
pub(crate) struct Feeder {
    thread: JoinHandle<()>,
    /// The idempotency keys of all that was accepted, with the task.
    accepted: Arc<Mutex<Vec<(String, String)>>>,
    /// The process id of the command under way; 0 for none.
    command: Arc<AtomicU32>,
}

impl Feeder {
    pub(crate) fn start(farm: &Farm, seed: u64, stop: Arc<AtomicBool>) -> Self {
        let accepted = Arc::new(Mutex::new(Vec::new()));
        let pid = Arc::new(AtomicU32::new(0));
        let thread = std::thread::spawn({
            let (folder, pid) = (farm.folder().to_owned(), Arc::clone(&pid));
            let accepted = Arc::clone(&accepted);
            move || feed(folder, seed, &stop, &accepted, &pid)
        });
        Self { thread, accepted, command: pid }
    }

    /// Kills the command that puts jobs in; whether there was one.
    pub(crate) fn kill_command(&self) -> bool {
        let pid = self.command.load(Ordering::SeqCst);
        pid != 0 && kill(pid)
    }

    /// Waits for its end; gives the keys and tasks of all that was accepted.
    pub(crate) fn finish(self) -> Vec<(String, String)> {
        self.thread.join().expect("jobs can be put in");
        std::mem::take(&mut self.accepted.lock().unwrap())
    }
}

fn feed(
    folder: PathBuf,
    seed: u64,
    stop: &AtomicBool,
    accepted: &Mutex<Vec<(String, String)>>,
    pid: &AtomicU32,
) {
    let mut random = Random::new(seed ^ 0xfeed);
    let mut number = 0_u64;
    while !stop.load(Ordering::SeqCst) {
        let count = 1 + random.below(40);
        let requests: Vec<Value> = (0..count)
            .map(|_| {
                number += 1;
                request(seed, number, &mut random)
            })
            .collect();
        let lines: Vec<String> = requests.iter().map(ToString::to_string).collect();
        let until = Instant::now() + PATIENCE;
        // A command that was killed may have put them in: their keys make a repeat harmless.
        while let Err(why) = put_in(&folder, &lines.join("\n"), pid) {
            assert!(Instant::now() < until, "jobs cannot be put in: {why}");
        }
        let text = |request: &Value, key: &str| request[key].as_str().unwrap().to_owned();
        accepted.lock().unwrap().extend(
            requests
                .iter()
                .map(|request| (text(request, "idempotency_key"), text(request, "task"))),
        );
    }
}

fn request(seed: u64, number: u64, random: &mut Random) -> Value {
    let task = match random.below(100) {
        0..45 => "steady",
        45..75 => "slow",
        75..95 => "flaky",
        _ => "doomed",
    };
    let priorities = ["low", "normal", "high", "critical"];
    let mut request = json!({
        "task": task,
        "input": { "number": number },
        "idempotency_key": format!("{seed}-{number}"),
        "priority": random.one_of(&priorities).unwrap(),
        "max_retries": if task == "doomed" { 1 } else { 20 },
    });
    if random.below(10) == 0 {
        request["delay_ms"] = random.below(2_000).into();
    }
    if random.below(10) == 0 {
        let key = format!("limit-{}", random.below(3));
        request["limiter"] = json!({ "key": key, "concurrency": 2 });
    }
    request
}

/// Puts a batch in; says what was wrong if that did not succeed.
fn put_in(folder: &std::path::Path, batch: &str, pid: &AtomicU32) -> Result<(), String> {
    let mut command = command(folder, &["job", "add", "--batch-file", "-"]);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    pid.store(child.id(), Ordering::SeqCst);
    if let Some(mut input) = child.stdin.take() {
        // It may have been killed already.
        let _ = input.write_all(batch.as_bytes());
    }
    let output = child.wait_with_output();
    pid.store(0, Ordering::SeqCst);
    let output = output.map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr)))
}
