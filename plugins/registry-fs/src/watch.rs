//! Noticing that the files of a source changed.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use notify::event::{EventKind, ModifyKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use ratchet_plugin_api::{Code, Error, Result};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

/// How long it has to be quiet after a change: editors write one file in several steps, and tools
/// many files.
const QUIET: Duration = Duration::from_millis(500);

/// How long changes that do not end are waited for.
const LONGEST: Duration = Duration::from_secs(5);

/// What a watch noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Files are different.
    Files,
    /// The source itself went: what is watched is not what is at its path any more.
    Lost,
}

/// Watches a source until dropped.
pub(crate) struct Watch {
    _watcher: RecommendedWatcher,
    changes: mpsc::UnboundedReceiver<Change>,
}

impl Watch {
    /// Starts watching a folder with all below it, or an archive.
    ///
    /// # Errors
    /// `Unavailable` when there is nothing, or the system cannot watch it.
    pub(crate) fn start(place: &Path, follow_symlinks: bool) -> Result<Self> {
        let root = std::fs::canonicalize(place).map_err(|error| {
            let message = format!("cannot watch `{}`", place.display());
            Error::wrap(Code::Unavailable, message, &error)
        })?;
        let failed = |error: notify::Error| {
            let message = format!("cannot watch `{}`", root.display());
            Error::wrap(Code::Unavailable, message, &error)
        };
        let is_folder = root.is_dir();
        // A file is replaced rather than written into, so it is its folder that changes.
        let (watched, mode) = match root.parent() {
            Some(parent) if !is_folder => (parent.to_owned(), RecursiveMode::NonRecursive),
            _ => (root.clone(), RecursiveMode::Recursive),
        };
        let (sender, changes) = mpsc::unbounded_channel();
        let links = links_of(place);
        let about =
            About { root: root.clone(), watched: watched.clone(), is_folder, links: links.clone() };
        let handler = move |event: notify::Result<notify::Event>| {
            // An error is an event that was lost.
            let change = event.map_or(Some(Change::Files), |event| about.change(&event));
            if let Some(change) = change {
                // Fails when nobody waits any more.
                let _ = sender.send(change);
            }
        };
        let config = notify::Config::default().with_follow_symlinks(follow_symlinks);
        let mut watcher = RecommendedWatcher::new(handler, config).map_err(failed)?;
        watcher.watch(&watched, mode).map_err(failed)?;
        for folder in links.iter().filter_map(|link| link.parent()) {
            watcher.watch(folder, RecursiveMode::NonRecursive).map_err(failed)?;
        }
        Ok(Self { _watcher: watcher, changes })
    }

    /// Ends when something has changed and it is quiet again, or has not been for long.
    pub(crate) async fn changed(&mut self) -> Change {
        let Some(mut change) = self.changes.recv().await else { return Change::Lost };
        let end = Instant::now() + LONGEST;
        while let Ok(more) = timeout_at(end.min(Instant::now() + QUIET), self.changes.recv()).await
        {
            match more {
                None | Some(Change::Lost) => change = Change::Lost,
                Some(Change::Files) => {}
            }
            if more.is_none() || Instant::now() >= end {
                break;
            }
        }
        change
    }
}

/// The links on the way to a place, such as `current` in `/srv/current/tasks`: deployments change
/// where they lead.
fn links_of(place: &Path) -> Vec<PathBuf> {
    let absolute = std::path::absolute(place).unwrap_or_else(|_| place.to_owned());
    let links = absolute.ancestors().filter(|path| path.is_symlink());
    links.map(Path::to_owned).collect()
}

/// What is watched.
struct About {
    /// The source.
    root: PathBuf,
    /// The source if it is a folder, else the folder it is in.
    watched: PathBuf,
    is_folder: bool,
    /// The links on the way to it.
    links: Vec<PathBuf>,
}

impl About {
    fn change(&self, event: &notify::Event) -> Option<Change> {
        if event.need_rescan() {
            return Some(Change::Files);
        }
        if matches!(event.kind, EventKind::Access(_)) {
            return None;
        }
        let gone =
            matches!(event.kind, EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)));
        if event.paths.iter().any(|path| self.links.contains(path))
            || (gone && event.paths.contains(&self.watched))
        {
            return Some(Change::Lost);
        }
        if !self.is_folder {
            return event.paths.contains(&self.root).then_some(Change::Files);
        }
        let beside_a_link =
            |path: &Path| self.links.iter().any(|link| link.parent() == path.parent());
        let concerns = event.paths.is_empty()
            || event.paths.iter().any(|path| match path.strip_prefix(&self.root) {
                Ok(inner) => concerns_tasks(inner),
                // A link that is followed leads to a path that is not below the root.
                Err(_) => !beside_a_link(path),
            });
        concerns.then_some(Change::Files)
    }
}

/// Whether a change at this path of a source may be one of its tasks.
fn concerns_tasks(path: &Path) -> bool {
    if path.starts_with(".ratchet") {
        return true;
    }
    let hidden = path.components().any(|part| match part {
        Component::Normal(name) => name.to_string_lossy().starts_with('.'),
        _ => false,
    });
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    !hidden && ![".tmp", ".swp", "~"].iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use ratchet_taskdir::test_folder::{ADDITION, folder, write, write_zip};

    use super::*;

    #[tokio::test]
    async fn notices_a_change_of_a_folder_and_of_an_archive() {
        let folder = folder(ADDITION);
        let mut watch = Watch::start(folder.path(), false).unwrap();
        write(folder.path(), &[("deep/er/main.js", "1")]);
        assert_eq!(watch.changed().await, Change::Files);

        let file = folder.path().join("pack.zip");
        write_zip(&file, "", ADDITION);
        let mut watch = Watch::start(&file, false).unwrap();
        write_zip(&file, "a/", ADDITION);
        assert_eq!(watch.changed().await, Change::Files);
    }

    #[tokio::test]
    async fn notices_that_the_source_itself_went() {
        let folder = folder(&[("tasks/main.js", "1")]);
        let root = folder.path().join("tasks");
        let mut watch = Watch::start(&root, false).unwrap();
        std::fs::rename(&root, folder.path().join("elsewhere")).unwrap();
        assert_eq!(watch.changed().await, Change::Lost);
        assert_eq!(Watch::start(&root, false).err().unwrap().code, Code::Unavailable);
    }

    #[tokio::test]
    async fn notices_that_a_link_on_the_way_leads_elsewhere() {
        let folder = folder(&[("one/tasks/main.js", "1"), ("two/tasks/main.js", "2")]);
        let link = |target: &str, name: &str| {
            std::os::unix::fs::symlink(folder.path().join(target), folder.path().join(name))
        };
        link("one", "current").unwrap();
        let mut watch = Watch::start(&folder.path().join("current/tasks"), false).unwrap();
        link("two", "next").unwrap();
        std::fs::rename(folder.path().join("next"), folder.path().join("current")).unwrap();
        assert_eq!(watch.changed().await, Change::Lost);
    }

    #[test]
    fn what_tools_leave_behind_is_no_change() {
        for (path, concerns) in [
            ("a/main.js", true),
            ("pack.zip", true),
            (".ratchet/index.json", true),
            ("a/main.js.tmp", false),
            ("a/.main.js.swp", false),
            ("a/main.js~", false),
            (".git/index", false),
            ("a/.DS_Store", false),
        ] {
            assert_eq!(concerns_tasks(Path::new(path)), concerns, "{path}");
        }
    }
}
