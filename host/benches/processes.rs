//! Whole processes: `--version`, `--help`, and a cold `run-once` against `node -e` that prints the
//! same JSON. Wall time and peak resident memory, the isolated worker included.

#[path = "../tests/support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Runs of each command; they take turns, so that the machine's mood falls on all alike.
const RUNS: usize = 40;

/// How often a running process's memory is looked at.
const SAMPLED: Duration = Duration::from_micros(200);

struct Subject {
    name: &'static str,
    command: Vec<String>,
    wall_ms: Vec<f64>,
    memory_mib: Vec<f64>,
}

impl Subject {
    fn new(name: &'static str, command: &[&str]) -> Self {
        let command = command.iter().map(|&word| word.to_owned()).collect();
        Self { name, command, wall_ms: Vec::new(), memory_mib: Vec::new() }
    }

    fn run(&self) -> Command {
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// One run for its time, and one for its memory, whose sampling costs time.
    fn measure(&mut self) {
        let began = Instant::now();
        let status = self.run().status().expect("it can be started");
        self.wall_ms.push(began.elapsed().as_secs_f64() * 1e3);
        assert!(status.success(), "{} failed", self.name);

        let mut child = self.run().spawn().expect("it can be started");
        let mut peaks = BTreeMap::new();
        while child.try_wait().expect("it can be waited for").is_none() {
            sample(child.id(), &mut peaks);
            std::thread::sleep(SAMPLED);
        }
        self.memory_mib.push(peaks.values().sum::<u64>() as f64 / 1024.0);
    }
}

/// Notes the peak resident kibibytes of a process and its children.
fn sample(pid: u32, peaks: &mut BTreeMap<u32, u64>) {
    let Ok(status) = std::fs::read_to_string(format!("/proc/{pid}/status")) else { return };
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok());
    if let Some(peak) = peak {
        // A child starts as a copy of its parent, which is not memory of its own.
        peaks.insert(pid, peak);
    }
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    for thread in threads {
        let children = std::fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        for child in children.split_whitespace().filter_map(|child| child.parse().ok()) {
            sample(child, peaks);
        }
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

fn repository() -> PathBuf {
    let host = Path::new(env!("CARGO_MANIFEST_DIR"));
    host.parent().expect("the host is a folder of the repository").to_owned()
}

#[allow(clippy::print_stdout, reason = "a benchmark's result")]
fn main() {
    let ratchet = support::target_directory().join("ratchet");
    let ratchet = ratchet.to_str().expect("a path of text");
    let task = repository().join("sample/js-tasks/addition");
    let task = task.to_str().expect("a path of text");
    let input = r#"{"num1":5,"num2":10}"#;
    let script = "const i={num1:5,num2:10};\
        console.log(JSON.stringify({sum:i.num1+i.num2,product:i.num1*i.num2}))";
    let mut subjects = vec![
        Subject::new("ratchet --version", &[ratchet, "--version"]),
        Subject::new("ratchet --help", &[ratchet, "--help"]),
        Subject::new(
            "ratchet run-once",
            &[ratchet, "run-once", "--from-fs", task, "--input-json", input],
        ),
    ];
    let has_node = Command::new("node").arg("--version").output().is_ok();
    if has_node {
        subjects.push(Subject::new("node -e", &["node", "-e", script]));
    }
    for _ in 0..RUNS {
        subjects.iter_mut().for_each(Subject::measure);
    }
    println!("whole processes, medians of {RUNS} runs in turn");
    println!("{:<22}{:>12}{:>16}", "", "wall", "peak memory");
    for subject in &subjects {
        let (wall, memory) = (median(&subject.wall_ms), median(&subject.memory_mib));
        println!("{:<22}{wall:>9.1} ms{memory:>12.1} MiB", subject.name);
    }
    if let [.., once, node] = subjects.as_slice()
        && has_node
    {
        let wall = median(&once.wall_ms) / median(&node.wall_ms);
        let memory = median(&once.memory_mib) / median(&node.memory_mib);
        println!("run-once against node: {wall:.2} of its time, {memory:.2} of its memory");
    }
}
