//! `ratchet serve`.

use std::io::Write as _;
use std::time::Duration;

use ratchet_plugin_api::services::{DatabaseStatus, SourceStatus};
use ratchet_plugin_api::shell::{Shell, ShellCommand};
use ratchet_plugin_api::{Call, Result, command};
use serde::Serialize;

use super::{Services, View, count};
use crate::Execution;
use crate::why::span;

/// The longest time in which to find out what the ready line says.
const LOOK_AROUND: Duration = Duration::from_secs(5);

/// Runs jobs, schedules and everything else that is configured, until told to stop.
#[command(name = "serve", serves)]
pub(crate) struct Serve {
    /// Say as JSON on standard output what serves, once it does.
    json: bool,
}

/// What serves.
#[derive(Serialize)]
pub(super) struct Ready {
    /// Always true: the document is there when this is.
    pub(super) ready: bool,
    /// Where things are kept; none if the store does not say.
    pub(super) database: Option<DatabaseStatus>,
    /// Jobs this host runs at the same time.
    pub(super) slots: usize,
    /// The worker processes it has at present.
    pub(super) workers: Vec<String>,
    /// Where tasks come from.
    pub(super) sources: Vec<SourceStatus>,
    /// How long starting took.
    pub(super) started_in_ms: u64,
}

impl ShellCommand<Execution> for Serve {
    async fn run(self, plugin: &Execution, shell: Shell) -> Result<u8> {
        let view = View::new(plugin, &shell, self.json);
        let ready = look_around(plugin).await;
        if view.json {
            view.print_line(&ready)?;
        }
        std::io::stderr().lock().write_all(line(&ready).as_bytes())?;
        plugin.shared.context.stopping().await;
        Ok(0)
    }
}

/// What there is. Whatever does not answer is left out: it serves all the same.
async fn look_around(plugin: &Execution) -> Ready {
    let services = Services::of(plugin);
    let database = Call::timeout(LOOK_AROUND, async { services.database()?.status().await });
    let workers = Call::timeout(LOOK_AROUND, async { services.executor()?.workers().await });
    let (database, workers) = tokio::join!(database, workers);
    let mut sources = Vec::new();
    for source in services.sources() {
        sources.extend(Call::timeout(LOOK_AROUND, async { source.status().await }).await);
    }
    Ready {
        ready: true,
        database: database.ok(),
        slots: plugin.shared.config.slots(),
        workers: workers.unwrap_or_default().into_iter().map(|worker| worker.name).collect(),
        sources,
        started_in_ms: since_process_start(),
    }
}

/// Milliseconds since this process was started, from what the kernel says; 0 where it does not.
fn since_process_start() -> u64 {
    let read = || -> Option<u64> {
        let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
        // The name in parentheses may hold anything; the 22nd field is the start, in ticks of
        // which Linux has had 100 a second for programs on every architecture we run on.
        let ticks: u64 = stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()?;
        let uptime = std::fs::read_to_string("/proc/uptime").ok()?;
        let up: f64 = uptime.split_whitespace().next()?.parse().ok()?;
        Some(((up * 1_000.0) as u64).saturating_sub(ticks * 10))
    };
    read().unwrap_or(0)
}

/// `ratchet is ready: …` on one line.
pub(super) fn line(ready: &Ready) -> String {
    let database = match &ready.database {
        Some(it) => format!("database {} ({} {})", it.url, it.backend, it.server_version),
        None => "database of its own kind".to_owned(),
    };
    let workers = match ready.workers.as_slice() {
        [] => format!("{} at the same time", count(ready.slots as u64, "job")),
        workers => format!(
            "{} at the same time on {} ({})",
            count(ready.slots as u64, "job"),
            count(workers.len() as u64, "worker"),
            workers.join(", ")
        ),
    };
    let sources: Vec<String> = ready.sources.iter().map(source).collect();
    let sources = match sources.as_slice() {
        [] => "no task sources".to_owned(),
        sources => format!("tasks from {}", sources.join(", ")),
    };
    let took = match ready.started_in_ms {
        0 => String::new(),
        ms => format!(" after {}", span(Duration::from_millis(ms))),
    };
    format!("ratchet is ready{took}: {database}; {workers}; {sources}\n")
}

fn source(source: &SourceStatus) -> String {
    let wrong = match (&source.error, source.problems.len() as u64) {
        (Some(_), _) => ", not readable".to_owned(),
        (None, 0) => String::new(),
        (None, problems) => format!(", {}", count(problems, "problem")),
    };
    format!("`{}` ({}{wrong})", source.name, count(source.tasks, "task"))
}
