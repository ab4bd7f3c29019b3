//! Whole processes: `--version`, `--help`, and a cold `run-once` against `node -e` that prints the
//! same JSON. Wall time and peak memory, the isolated worker included: as resident sets, in which
//! pages that processes share count once for each, and as proportional sets, in which they count
//! once.

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
    resident_mib: Vec<f64>,
    proportional_mib: Vec<f64>,
}

/// What is known of the memory of a running process and its children, in kibibytes.
#[derive(Default)]
struct Peaks {
    /// The peak resident set of each, by process id.
    resident: BTreeMap<u32, u64>,
    /// The largest sum of proportional sets that was seen.
    proportional: u64,
}

impl Subject {
    fn new(name: &'static str, command: &[&str]) -> Self {
        let command = command.iter().map(|&word| word.to_owned()).collect();
        Self {
            name,
            command,
            wall_ms: Vec::new(),
            resident_mib: Vec::new(),
            proportional_mib: Vec::new(),
        }
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
        let mut peaks = Peaks::default();
        while child.try_wait().expect("it can be waited for").is_none() {
            let proportional = sample(child.id(), &mut peaks.resident);
            peaks.proportional = peaks.proportional.max(proportional);
            std::thread::sleep(SAMPLED);
        }
        self.resident_mib.push(peaks.resident.values().sum::<u64>() as f64 / 1024.0);
        self.proportional_mib.push(peaks.proportional as f64 / 1024.0);
    }
}

/// The kibibytes that a file of `/proc/PID` gives for `name`.
fn kibibytes(pid: u32, file: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/{file}")).ok()?;
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.trim().trim_end_matches(" kB").parse().ok()
}

/// Notes the peak resident kibibytes of a process and its children, and gives the sum of their
/// proportional ones.
fn sample(pid: u32, peaks: &mut BTreeMap<u32, u64>) -> u64 {
    let mut proportional = kibibytes(pid, "smaps_rollup", "Pss:").unwrap_or_default();
    if let Some(peak) = kibibytes(pid, "status", "VmHWM:") {
        // A child starts as a copy of its parent, which is not memory of its own.
        peaks.insert(pid, peak);
    }
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    for thread in threads {
        let children = std::fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        for child in children.split_whitespace().filter_map(|child| child.parse().ok()) {
            proportional += sample(child, peaks);
        }
    }
    proportional
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
    println!("{:<22}{:>12}{:>16}{:>16}", "", "wall", "resident", "proportional");
    for subject in &subjects {
        let (wall, name) = (median(&subject.wall_ms), subject.name);
        let (resident, shared) = (median(&subject.resident_mib), median(&subject.proportional_mib));
        println!("{name:<22}{wall:>9.1} ms{resident:>12.1} MiB{shared:>12.1} MiB");
    }
    if let [.., once, node] = subjects.as_slice()
        && has_node
    {
        let wall = median(&once.wall_ms) / median(&node.wall_ms);
        let resident = median(&once.resident_mib) / median(&node.resident_mib);
        let proportional = median(&once.proportional_mib) / median(&node.proportional_mib);
        println!(
            "run-once against node: {wall:.2} of its time, {resident:.2} of its resident and \
             {proportional:.2} of its proportional memory"
        );
    }
}
