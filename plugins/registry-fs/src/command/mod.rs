//! `ratchet repo`: the shell commands, one file each, and what they share.

mod add;
mod init;
mod list;
mod refresh;
mod remove;
mod show;
mod status;
mod sync;
mod verify;

use std::path::Path;
use std::sync::Arc;

use ratchet_plugin_api::model::{ListQuery, MAX_LIMIT, Repository};
use ratchet_plugin_api::services::{Database, RepositoryStore, TaskSource};
use ratchet_plugin_api::{Code, Context, Error, Result, did_you_mean, nearest};

use crate::RegistryFs;
use crate::keeper::unread;
use crate::source::Source;
use crate::specs;

pub(crate) use add::RepoAdd;
pub(crate) use init::RepoInit;
pub(crate) use list::RepoList;
pub(crate) use refresh::RepoRefreshMetadata;
pub(crate) use remove::RepoRemove;
pub(crate) use status::RepoStatus;
pub(crate) use sync::RepoSync;
pub(crate) use verify::RepoVerify;

/// The exit code when something is wrong with what was looked at.
const FAILED: u8 = 1;

/// A source of tasks that is known, whoever reads it.
pub(crate) struct Known {
    name: String,
    uri: String,
    kind: String,
    enabled: bool,
    /// Whether it is in the configuration; otherwise it was added.
    configured: bool,
    /// Whether a server takes over changes of it by itself.
    watch: bool,
    /// The repository as it is kept.
    kept: Option<Repository>,
    /// Who reads it.
    reader: Option<Reader>,
}

/// Who reads a source.
enum Reader {
    /// This plugin.
    Own(Arc<Source>),
    /// Another plugin.
    Other(Arc<dyn TaskSource>),
}

impl Known {
    /// Who reads it.
    ///
    /// # Errors
    /// `Unavailable` when nobody does.
    fn reader(&self) -> Result<&Reader> {
        self.reader.as_ref().ok_or_else(|| unread(&self.name, &self.uri, &self.kind))
    }
}

/// Whether a database ends with the process, so that what is kept in it is seen by nobody else.
async fn fleeting(context: &Context) -> Result<Option<String>> {
    // A store that does not tell is some other plugin's, which knows what it keeps.
    let Ok(database) = context.slot::<dyn Database>().get() else { return Ok(None) };
    let url = database.status().await?.url;
    let fleeting = url.contains(":memory:") || url.contains("mode=memory");
    Ok(fleeting.then_some(url))
}

/// Refuses to keep something where it is lost at once.
///
/// # Errors
/// `Configuration` when the database ends with the process.
async fn check_lasting(context: &Context) -> Result<()> {
    let Some(url) = fleeting(context).await? else { return Ok(()) };
    let message = format!(
        "the database is {url}, which every process has for itself, so this command would leave \
         nothing behind; set server.database.url (or RATCHET_DATABASE_URL) to a file such as \
         sqlite:ratchet.db, or to that of the server"
    );
    Err(Error::new(Code::Configuration, message))
}

/// Every source of the configuration, and those that were added where that is known.
async fn known(plugin: &RegistryFs) -> Result<Vec<Known>> {
    let context = &plugin.context;
    let kept = match context.slot::<dyn RepositoryStore>().get() {
        Ok(store) if fleeting(context).await?.is_none() => {
            let query = ListQuery { limit: MAX_LIMIT, count: false, ..ListQuery::default() };
            store.list(query.sort_by("name", false)).await?.items
        }
        _ => Vec::new(),
    };
    let others = context.all::<dyn TaskSource>();
    let other = |name: &str| {
        let found = others.iter().find(|(instance, _)| instance == name);
        found.map(|(_, reader)| Reader::Other(Arc::clone(reader)))
    };
    let own = |name: &str| plugin.sources.iter().find(|source| source.name() == name);
    let mut all: Vec<Known> = Vec::new();
    for source in &plugin.configured {
        let reader = own(&source.name).map(|own| Reader::Own(Arc::clone(own)));
        all.push(Known {
            name: source.name.clone(),
            uri: source.uri.clone(),
            kind: source.kind.to_owned(),
            enabled: source.enabled,
            configured: true,
            watch: source.repository.watch,
            kept: kept.iter().find(|kept| kept.spec.name == source.name).cloned(),
            reader: reader.or_else(|| other(&source.name)),
        });
    }
    for kept in kept {
        if kept.configured || all.iter().any(|known| known.name == kept.spec.name) {
            continue;
        }
        let own = specs::of_repository(&kept).unwrap_or_else(|error| {
            tracing::warn!("the repository `{}` is not read: {error}", kept.spec.name);
            None
        });
        let reader = own.map(|spec| Reader::Own(Arc::new(Source::new(spec, context))));
        all.push(Known {
            name: kept.spec.name.clone(),
            uri: kept.spec.uri.clone(),
            kind: kept.spec.kind.clone(),
            enabled: kept.spec.enabled,
            configured: false,
            watch: kept.spec.watch,
            reader: reader.or_else(|| other(&kept.spec.name)),
            kept: Some(kept),
        });
    }
    Ok(all)
}

/// The one called `name`, or all.
///
/// # Errors
/// `NotFound`, with the nearest name.
fn selected(all: Vec<Known>, name: Option<&str>) -> Result<Vec<Known>> {
    let Some(name) = name else { return Ok(all) };
    let names: Vec<String> = all.iter().map(|known| known.name.clone()).collect();
    let found: Vec<Known> = all.into_iter().filter(|known| known.name == name).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let hint = did_you_mean(nearest(name, names.iter().map(String::as_str)));
    let there_is = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    Err(Error::not_found(format!("there is no repository `{name}`; there is: {there_is}{hint}")))
}

/// Runs `work`, which may block, where blocking is allowed.
async fn blocking<T, F>(work: F) -> Result<T>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T> + Send + 'static,
{
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(Error::internal(format!("work was broken off: {error}"))))
}

/// Refuses what is there and is no folder.
///
/// # Errors
/// `Invalid`, or `NotFound` when there is nothing.
fn check_folder(folder: &Path) -> Result<()> {
    let shown = folder.display();
    if folder.is_dir() {
        Ok(())
    } else if folder.exists() {
        Err(Error::invalid(format!("`{shown}` is a file, not the folder of a repository")))
    } else {
        let message =
            format!("there is no folder `{shown}`; `ratchet repo init {shown}` makes a repository");
        Err(Error::not_found(message))
    }
}
