//! One source on the file system: reading it, and bringing the store up to date with it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ratchet_plugin_api::model::{Offered, SyncReport, TaskProblem, Timestamp};
use ratchet_plugin_api::services::{
    Offer, RepositoryReading, RepositoryStore, SourceStatus, TaskSource, TaskStore,
};
use ratchet_plugin_api::{Code, Context, Error, Result, Slot, service};
use ratchet_taskdir::{Patterns, Scan, Scanner};
use sha2::{Digest as _, Sha256};

use crate::config::SourceType;

/// How a source is read and followed.
#[derive(Clone, Debug)]
pub(crate) struct SourceSpec {
    /// What it is called.
    pub(crate) name: String,
    /// Its URI, as it was written.
    pub(crate) uri: String,
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Which of its tasks are taken.
    pub(crate) patterns: Patterns,
    /// Whether links are followed.
    pub(crate) follow_symlinks: bool,
    /// Whether a server takes over changes by itself.
    pub(crate) watch: bool,
    /// How often a server looks at it besides.
    pub(crate) poll: Option<Duration>,
}

/// A source that is read.
pub(crate) struct Source {
    pub(crate) spec: SourceSpec,
    scanner: Arc<Mutex<Scanner>>,
    tasks: Slot<dyn TaskStore>,
    repositories: Slot<dyn RepositoryStore>,
    watching: AtomicBool,
    known: Mutex<Known>,
    /// What the store was last brought up to date with; one at a time does that.
    synced: tokio::sync::Mutex<Option<String>>,
}

/// What is known of a source from the last time it was read.
#[derive(Clone, Debug, Default)]
struct Known {
    tasks: u64,
    synced_at: Option<Timestamp>,
    problems: Vec<TaskProblem>,
    error: Option<String>,
    /// Warnings that were logged, so that each is logged once.
    warned: BTreeSet<String>,
}

impl Source {
    pub(crate) fn new(spec: SourceSpec, context: &Context) -> Self {
        let scanner = Scanner::new(&spec.path, spec.patterns.clone(), spec.follow_symlinks);
        Self {
            spec,
            scanner: Arc::new(Mutex::new(scanner)),
            tasks: context.slot(),
            repositories: context.slot(),
            watching: AtomicBool::new(false),
            known: Mutex::default(),
            synced: tokio::sync::Mutex::default(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.spec.name
    }

    pub(crate) fn path(&self) -> &Path {
        &self.spec.path
    }

    /// Notes whether changes are noticed at present.
    pub(crate) fn set_watching(&self, watching: bool) {
        self.watching.store(watching, Ordering::Relaxed);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what is there now.
    pub(crate) async fn scan(&self, afresh: bool) -> Result<Scan> {
        let scanner = Arc::clone(&self.scanner);
        let read = move || scanner.lock().unwrap_or_else(PoisonError::into_inner).scan(afresh);
        let scanned = tokio::task::spawn_blocking(read).await.unwrap_or_else(|error| {
            Err(Error::internal(format!("reading files was broken off: {error}")))
        });
        let mut known = self.known();
        match &scanned {
            Ok(scan) => {
                known.tasks = scan.tasks.len() as u64;
                known.problems = scan.problems.clone();
                known.error = None;
                for warning in &scan.warnings {
                    let text = warning.to_string();
                    if known.warned.insert(text.clone()) {
                        tracing::debug!("source `{}`: {text}", self.spec.name);
                    }
                }
            }
            Err(error) => known.error = Some(error.to_string()),
        }
        scanned
    }

    /// Reads the source and brings the store up to date if anything is different; what the store
    /// has to say of each thing that is wrong is logged once.
    async fn sync_now(&self, force: bool) -> Result<SyncReport> {
        let mut synced = self.synced.lock().await;
        let scan = match self.scan(force).await {
            Ok(scan) => scan,
            Err(error) => {
                *synced = None;
                let reading =
                    RepositoryReading { error: Some(error.to_string()), ..Default::default() };
                self.note(reading).await;
                return Err(error);
            }
        };
        let digest = digest(&scan);
        if !force && synced.as_ref() == Some(&digest) {
            let (unchanged, problems) = (scan.tasks.len() as u64, scan.problems);
            return Ok(SyncReport { unchanged, problems, ..SyncReport::default() });
        }
        *synced = None;
        let revision = scan.index.as_ref().and_then(|index| index.repository.commit.clone());
        let own_problems = scan.problems.len();
        let offer = Offer {
            repository: self.spec.name.clone(),
            tasks: scan.tasks.into_iter().map(|found| found.task).collect(),
            problems: scan.problems,
            complete: scan.complete,
        };
        let store = self.tasks.get()?;
        let mut report = store.sync(offer.clone()).await?;
        if report.problems.len() > own_problems && !report.removed.is_empty() {
            // What was in the way may be gone now, such as the old place of a task that moved.
            let second = store.sync(offer).await?;
            report.added.extend(second.added);
            report.updated.extend(second.updated);
            report.removed.extend(second.removed);
            (report.unchanged, report.problems) = (second.unchanged, second.problems);
        }
        // What stands in the way of a task in the store may go without a change here.
        if report.problems.len() == own_problems {
            *synced = Some(digest);
        }
        {
            let mut known = self.known();
            known.synced_at = Some(Timestamp::now());
            known.problems = report.problems.clone();
        }
        self.log(&report);
        let problems = report.problems.clone();
        self.note(RepositoryReading { revision, problems, error: None }).await;
        Ok(report)
    }

    /// Tells whoever keeps repositories what came of reading this one. Tasks are taken all the
    /// same when nobody does, or does not know this one.
    async fn note(&self, reading: RepositoryReading) {
        let Ok(store) = self.repositories.get() else { return };
        let key = ratchet_plugin_api::model::Key::Name(self.spec.name.clone());
        if let Err(error) = store.read(key, reading).await
            && error.code != Code::NotFound
        {
            tracing::warn!("what came of reading `{}` is not kept: {error}", self.spec.name);
        }
    }

    fn log(&self, report: &SyncReport) {
        let name = &self.spec.name;
        let SyncReport { added, updated, removed, unchanged, problems } = report;
        let (new, gone) = (added.len(), removed.len());
        if new + updated.len() + gone > 0 {
            let updated = updated.len();
            tracing::info!(
                "source `{name}`: {new} added, {updated} updated, {gone} removed, {unchanged} as \
                 they were"
            );
        }
        let mut known = self.known();
        for problem in problems {
            let text = format!("{}: {}", problem.path, problem.message);
            if known.warned.insert(text.clone()) {
                tracing::warn!("source `{name}`: {text}");
            }
        }
    }
}

/// Tells one reading from another.
fn digest(scan: &Scan) -> String {
    let mut hash = Sha256::new();
    let mut add = |text: &str| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    };
    for found in &scan.tasks {
        add(&found.task.path);
        add(&found.checksum);
        add(&found.task.definition.id.map(|id| id.to_string()).unwrap_or_default());
        add(found.task.revision.as_deref().unwrap_or_default());
    }
    for problem in &scan.problems {
        add(&problem.path);
        add(&problem.message);
    }
    add(if scan.complete { "complete" } else { "" });
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[service]
impl TaskSource for Source {
    async fn status(&self) -> Result<SourceStatus> {
        let Known { tasks, synced_at, problems, error, .. } = self.known().clone();
        Ok(SourceStatus {
            name: self.spec.name.clone(),
            uri: self.spec.uri.clone(),
            kind: SourceType::Filesystem.as_str().to_owned(),
            watching: self.watching.load(Ordering::Relaxed),
            writable: false,
            tasks,
            synced_at,
            problems,
            error,
        })
    }

    async fn offer(&self) -> Result<Offered> {
        let scan = self.scan(false).await?;
        let tasks = scan.tasks.into_iter().map(|found| found.task).collect();
        Ok(Offered { tasks, problems: scan.problems })
    }

    async fn sync(&self, force: bool) -> Result<SyncReport> {
        self.sync_now(force).await
    }
}
