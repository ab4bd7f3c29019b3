//! What goes on while a server runs: sources are brought up to date when they change.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ratchet_plugin_api::model::{FilterOp, Id, ListQuery, MAX_LIMIT, Repository, Timestamp};
use ratchet_plugin_api::services::{RepositoryStore, TaskSource};
use ratchet_plugin_api::{Context, Error, Provided, Result};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::config::SourceType;
use crate::source::Source;
use crate::specs::{self, Configured};
use crate::watch::{Change, Watch};

/// How often it is seen whether repositories were added or removed.
const LOOK_FOR_REPOSITORIES: Duration = Duration::from_secs(30);

/// How long other plugins have to offer the sources they read.
const SETTLING: Duration = Duration::from_secs(5);

/// How often a source is looked at that is to be watched and cannot.
const INSTEAD_OF_WATCHING: Duration = Duration::from_secs(10);

/// How long after a failure a source is read again.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// Keeps the store up to date with `own`, the sources of the configuration that this plugin reads,
/// and with those that were added to the store, until the host stops.
pub(crate) async fn keep(context: Context, configured: Vec<Configured>, own: Vec<Arc<Source>>) {
    let repositories = context.slot::<dyn RepositoryStore>();
    let mut unconfigured = Some(&configured);
    let mut added = Added { context: context.clone(), running: HashMap::new() };
    let mut followed = Some(own);
    let started = Instant::now();
    let (mut seen, mut settled) = (0, false);
    loop {
        if let Ok(store) = repositories.get() {
            if let Some(sources) = unconfigured {
                let specs = sources.iter().map(|source| source.repository.clone()).collect();
                match store.configure(specs).await {
                    Ok(_) => unconfigured = None,
                    Err(error) => tracing::warn!("repositories are not kept: {error}"),
                }
            }
            if let Err(error) = added.reconcile(&*store).await {
                tracing::warn!("repositories that were added are not known: {error}");
            }
        }
        let waited = started.elapsed() >= SETTLING;
        // Once repositories are known, so that what comes of reading them can be kept.
        if repositories.get().is_ok() || waited {
            for source in followed.take().unwrap_or_default() {
                drop(context.spawn(follow(source, context.clone())));
            }
        }
        if waited && !settled {
            settled = true;
            warn_of_unread(&context, &configured);
        }
        let pause = if settled { LOOK_FOR_REPOSITORIES } else { SETTLING };
        tokio::select! {
            () = context.stopping() => return,
            changes = context.changed(seen) => match changes {
                Ok(changes) => seen = changes,
                Err(_) => return,
            },
            () = sleep(pause) => {}
        }
    }
}

/// Says which sources nobody reads.
fn warn_of_unread(context: &Context, configured: &[Configured]) {
    let read = context.all::<dyn TaskSource>();
    let is_read = |source: &Configured| read.iter().any(|(name, _)| *name == source.name);
    for source in configured.iter().filter(|source| source.enabled && !is_read(source)) {
        tracing::warn!("{}", unread(&source.name, &source.uri, source.kind));
    }
}

/// That no plugin reads a source.
pub(crate) fn unread(name: &str, uri: &str, kind: &str) -> Error {
    Error::unavailable(format!(
        "the source `{name}` ({uri}) is of the kind {kind}, and no plugin that is loaded reads \
         it; add one such as `registry-{kind}` to `plugins`"
    ))
}

/// Sources that were added to the store.
struct Added {
    context: Context,
    running: HashMap<Id, Running>,
}

/// A source that is followed for as long as this lives.
struct Running {
    since: Timestamp,
    following: JoinHandle<()>,
    _provided: Provided,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.following.abort();
    }
}

impl Added {
    /// Starts following what is new, stops what is gone, and starts again what is different.
    async fn reconcile(&mut self, store: &dyn RepositoryStore) -> Result<()> {
        let query = ListQuery { limit: MAX_LIMIT, count: false, ..ListQuery::default() }
            .filter("kind", FilterOp::Eq, SourceType::Filesystem.as_str())
            .filter("configured", FilterOp::Eq, false)
            .filter("enabled", FilterOp::Eq, true);
        let present = store.list(query).await?.items;
        self.running.retain(|id, running| {
            let same = |other: &Repository| other.id == *id && other.updated_at == running.since;
            present.iter().any(same)
        });
        for repository in present {
            if !self.running.contains_key(&repository.id)
                && let Err(error) = self.start(&repository)
            {
                tracing::warn!("the repository `{}` is not read: {error}", repository.spec.name);
            }
        }
        Ok(())
    }

    fn start(&mut self, repository: &Repository) -> Result<()> {
        let Some(spec) = specs::of_repository(repository)? else { return Ok(()) };
        let source = Arc::new(Source::new(spec, &self.context));
        let provider = Arc::clone(&source) as Arc<dyn TaskSource>;
        let provided = self.context.provide::<dyn TaskSource>(source.name(), provider)?;
        let following = self.context.spawn(follow(source, self.context.clone()));
        let since = repository.updated_at;
        self.running.insert(repository.id, Running { since, following, _provided: provided });
        Ok(())
    }
}

/// Brings the store up to date with one source now and whenever it changes.
async fn follow(source: Arc<Source>, context: Context) {
    let mut watch = None;
    let (mut told, mut seen) = (None, 0);
    loop {
        if source.spec.watch && watch.is_none() {
            watch = start_watch(&source, &mut told).await;
        }
        source.set_watching(watch.is_some());
        let synced = source.sync(false).await;
        let pause = match &synced {
            Ok(_) if watch.is_none() && source.spec.watch => {
                Some(source.spec.poll.map_or(INSTEAD_OF_WATCHING, |p| p.min(INSTEAD_OF_WATCHING)))
            }
            Ok(_) => source.spec.poll,
            Err(error) => {
                tell_once(&mut told, &format!("source `{}`: {error}", source.name()));
                if !source.path().exists() {
                    watch = None;
                }
                Some(AFTER_FAILURE)
            }
        };
        if synced.is_ok() && (watch.is_some() || !source.spec.watch) {
            told = None;
        }
        tokio::select! {
            () = context.stopping() => return,
            change = changed(&mut watch) => if change == Change::Lost {
                watch = None;
            },
            () = pause_for(pause) => {}
            changes = context.changed(seen), if synced.is_err() => match changes {
                Ok(changes) => seen = changes,
                Err(_) => return,
            },
        }
    }
}

async fn start_watch(source: &Arc<Source>, told: &mut Option<String>) -> Option<Watch> {
    let (path, follow) = (source.path().to_owned(), source.spec.follow_symlinks);
    let started = tokio::task::spawn_blocking(move || Watch::start(&path, follow)).await;
    match started {
        Ok(Ok(watch)) => Some(watch),
        Ok(Err(error)) => {
            let seconds = INSTEAD_OF_WATCHING.as_secs();
            let text = format!(
                "source `{}`: {error}; it is looked at every {seconds} s instead",
                source.name()
            );
            tell_once(told, &text);
            None
        }
        Err(_) => None,
    }
}

/// Warns of what was not the last thing warned of.
fn tell_once(told: &mut Option<String>, text: &str) {
    if told.as_deref() != Some(text) {
        tracing::warn!("{text}");
        *told = Some(text.to_owned());
    }
}

/// What a watch notices; never ends without one.
async fn changed(watch: &mut Option<Watch>) -> Change {
    match watch {
        Some(watch) => watch.changed().await,
        None => std::future::pending().await,
    }
}

async fn pause_for(pause: Option<Duration>) {
    match pause {
        Some(pause) => sleep(pause).await,
        None => std::future::pending().await,
    }
}
