//! A PostgreSQL server of the test's own, whose connections can be killed.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::farm::kill;
use crate::random::Random;

/// A running server with an empty database; it is gone when this is dropped.
pub(crate) struct Postgres {
    folder: TempDir,
    server: Child,
}

/// The folder of the server's programs; none where it is not installed.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let folders = versions.flatten().map(|version| version.path().join("bin"));
    folders.filter(|bin| bin.join("postgres").exists()).max()
}

/// A program of the server, as a user that it is content with: not root.
fn program(name: &str) -> Option<Command> {
    let path = programs()?.join(name);
    if !rustix::process::getuid().is_root() {
        return Some(Command::new(path));
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]).arg(path);
    Some(command)
}

impl Postgres {
    /// Starts a server; none where it is not installed, which in CI is a failure.
    pub(crate) fn start() -> Option<Self> {
        if programs().is_none() {
            assert!(std::env::var("CI").is_err(), "CI needs PostgreSQL to test with");
            eprintln!("PostgreSQL is not installed; nothing was tested");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        if rustix::process::getuid().is_root() {
            let status = Command::new("chown").arg("postgres").arg(folder.path()).status();
            assert!(status.unwrap().success());
        }
        let data = folder.path().join("data");
        let mut initdb = program("initdb")?;
        initdb.current_dir("/").arg("-D").arg(&data);
        initdb.args(["-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync"]);
        assert!(initdb.stdout(Stdio::null()).status().unwrap().success());
        let log = File::create(folder.path().join("log")).unwrap();
        let mut postgres = program("postgres")?;
        postgres.current_dir("/").arg("-D").arg(&data).arg("-k").arg(folder.path());
        postgres.args(["-c", "listen_addresses=", "-c", "max_connections=80"]);
        let server = postgres.stderr(log).stdout(Stdio::null()).spawn().unwrap();
        let this = Self { folder, server };
        let until = Instant::now() + Duration::from_secs(30);
        while this.ask("postgres", "SELECT 1").is_none() {
            assert!(Instant::now() < until, "the server does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        this.ask("postgres", "CREATE DATABASE ratchet").expect("it makes a database");
        Some(this)
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The URL of its database.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@localhost/ratchet?host={}", self.folder().display())
    }

    /// What it answers, without anything around it; none if it does not.
    fn ask(&self, database: &str, sql: &str) -> Option<String> {
        let mut psql = Command::new("psql");
        psql.args(["-U", "postgres", "-d", database, "-A", "-t", "-X", "-h"]);
        let output = psql.arg(self.folder()).args(["-c", sql]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        output.status.success().then_some(text)
    }

    /// Ends a connection of a host: mostly as an operator would, now and then with SIGKILL, upon
    /// which the whole server starts anew. Whether there was one.
    pub(crate) fn kill_connection(&self, random: &mut Random) -> bool {
        let sql = "SELECT pid FROM pg_stat_activity WHERE datname = 'ratchet' \
            AND application_name = 'ratchet'";
        let pids = self.ask("postgres", sql).unwrap_or_default();
        let pids: Vec<u32> = pids.lines().filter_map(|pid| pid.parse().ok()).collect();
        let Some(pid) = random.one_of(&pids) else {
            return false;
        };
        if random.below(10) == 0 {
            return kill(*pid);
        }
        let answer = self.ask("postgres", &format!("SELECT pg_terminate_backend({pid})"));
        answer.as_deref() == Some("t")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // SIGQUIT: at once, since nothing of it is needed any more.
        let pid = rustix::process::Pid::from_child(&self.server);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::QUIT);
        let _ = self.server.wait();
    }
}
