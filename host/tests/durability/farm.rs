//! Hosts that share a database, and their processes.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// How long a host may be silent before it counts as dead.
pub(crate) const LEASE: Duration = Duration::from_secs(2);

/// Tasks by name: what they do.
const TASKS: &[(&str, &str)] = &[
    ("steady", "(input) => ({ number: input.number })"),
    (
        "slow",
        "(input) => { const end = Date.now() + 20 + input.number % 60; while (Date.now() < end); \
         return { number: input.number }; }",
    ),
    (
        "flaky",
        "(input) => { if (Math.random() < 0.4) throw new Error('try again'); \
         return { number: input.number }; }",
    ),
    ("doomed", "(input) => { throw new Error('never'); }"),
];

/// Some hosts on one database.
pub(crate) struct Farm {
    folder: TempDir,
    hosts: Vec<Option<Child>>,
}

/// Kills a process; whether it was there.
pub(crate) fn kill(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| kill_process(pid, Signal::KILL).is_ok())
}

impl Farm {
    /// Prepares so many hosts on the database at this URL, or on a file of SQLite.
    pub(crate) fn new(url: Option<String>, hosts: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ratchet.db");
        let url = url.unwrap_or_else(|| format!("sqlite://{}", file.display()));
        for (place, (name, source)) in TASKS.iter().enumerate() {
            let task = folder.path().join("tasks").join(name);
            fs::create_dir_all(&task).unwrap();
            fs::write(task.join("main.js"), source).unwrap();
            let metadata = serde_json::json!({
                "uuid": format!("0197d2f0-5b1c-7000-8000-{place:012}"),
                "name": name,
                "version": "1.0.0",
            });
            fs::write(task.join("metadata.json"), metadata.to_string()).unwrap();
        }
        let config = serde_json::json!({
            "server": {
                "database": { "url": url, "max_connections": 6 },
                "job_queue": {
                    "lease_seconds": LEASE.as_secs_f64(),
                    "default_retry_delay": 0.05,
                    "max_queue_size": 0,
                },
                "workers": { "worker_count": 2 },
            },
            "registry": {
                "sources": [{ "name": "faults", "uri": folder.path().join("tasks") }],
            },
        });
        fs::write(folder.path().join("ratchet.yaml"), config.to_string()).unwrap();
        Self { folder, hosts: (0..hosts).map(|_| None).collect() }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// How many hosts there are.
    pub(crate) fn len(&self) -> usize {
        self.hosts.len()
    }

    /// `ratchet` with these arguments, on this database.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        command(self.folder(), arguments)
    }

    /// Starts every host that does not run.
    pub(crate) fn start_all(&mut self) {
        for host in 0..self.hosts.len() {
            self.start_host(host);
        }
    }

    /// Starts a host, unless it runs, and waits until it is ready.
    pub(crate) fn start_host(&mut self, host: usize) {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(child) = &mut self.hosts[host]
                && child.try_wait().unwrap().is_none()
            {
                return;
            }
            let log = self.folder().join(format!("host-{host}.log"));
            let log = fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
            let mut command = self.command(&["serve", "--json"]);
            let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
            let mut line = String::new();
            let output = child.stdout.take().unwrap();
            let _ = BufReader::new(output).read_line(&mut line);
            self.hosts[host] = Some(child);
            if line.contains("\"ready\":true") {
                return;
            }
            // A database that was killed too may not let it in at once.
            let said = self.said(host);
            assert!(Instant::now() < until, "host {host} does not start:\n{said}");
            self.kill_host(host);
        }
    }

    /// The last of what a host wrote to its log.
    fn said(&self, host: usize) -> String {
        let log = self.folder().join(format!("host-{host}.log"));
        let text = fs::read_to_string(log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// Kills a host and everything it started.
    pub(crate) fn kill_host(&mut self, host: usize) {
        if let Some(mut child) = self.hosts[host].take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// The process ids of a host's workers.
    pub(crate) fn workers(&self, host: usize) -> Vec<u32> {
        self.hosts[host].as_ref().map(|child| children(child.id())).unwrap_or_default()
    }

    /// Waits until no job is left to run; says what is left when that takes too long.
    pub(crate) fn drain(&self, patience: Duration) -> Option<String> {
        let until = Instant::now() + patience;
        loop {
            let stats = self.ask(&["job", "stats", "--json"]);
            let left: u64 = ["queued", "processing", "retrying"]
                .iter()
                .map(|status| stats[*status].as_u64().expect("a count"))
                .sum();
            if left == 0 {
                return None;
            }
            if Instant::now() > until {
                return Some(format!("{left} jobs are left: {stats}"));
            }
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    /// What a command says in JSON.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Value {
        let output = self.command(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "`{}` failed: {said}", arguments.join(" "));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Stops every host as an operator would; each has to end well.
    pub(crate) fn stop_all(&mut self) {
        for host in 0..self.hosts.len() {
            let Some(mut child) = self.hosts[host].take() else { continue };
            let pid = Pid::from_child(&child);
            kill_process(pid, Signal::TERM).unwrap();
            let status = child.wait().unwrap();
            assert!(status.success(), "host {host} ended with {status}:\n{}", self.said(host));
        }
    }
}

impl Drop for Farm {
    fn drop(&mut self) {
        for host in 0..self.hosts.len() {
            self.kill_host(host);
        }
        if std::thread::panicking() {
            for host in 0..self.hosts.len() {
                eprintln!("host {host} said:\n{}", self.said(host));
            }
        }
    }
}

/// `ratchet` with the configuration in `folder`.
pub(crate) fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(PathBuf::from(env!("CARGO_BIN_EXE_ratchet")));
    command.current_dir(folder).arg("--config").arg(folder.join("ratchet.yaml"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Processes that this one has started.
fn children(parent: u32) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let fields = stat.rsplit_once(')').map(|(_, fields)| fields.split_whitespace());
        let parent_of = fields.and_then(|mut fields| fields.nth(1)?.parse::<u32>().ok());
        if parent_of == Some(parent) {
            found.push(pid);
        }
    }
    found
}
