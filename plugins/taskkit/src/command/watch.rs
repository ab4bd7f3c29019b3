//! Noticing that the files of tasks changed.

use std::path::Path;
use std::time::Duration;

use notify::event::EventKind;
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use ratchet_plugin_api::{Code, Error, Result};
use tokio::sync::mpsc;

/// How long it has to be quiet after a change: editors write one file in several steps.
const QUIET: Duration = Duration::from_millis(150);

/// The kinds of files tasks are made of; a report written below a watched folder is none.
const EXTENSIONS: [&str; 5] = ["js", "mjs", "json", "yaml", "yml"];

/// Watches a folder and everything below it until dropped.
pub(super) struct Watch {
    _watcher: RecommendedWatcher,
    changes: mpsc::UnboundedReceiver<()>,
}

impl Watch {
    /// Starts watching `folder`.
    ///
    /// # Errors
    /// `Unavailable` when the system cannot watch it.
    pub(super) fn start(folder: &Path) -> Result<Self> {
        let failed = |error: notify::Error| {
            let message = format!("cannot watch `{}`", folder.display());
            Error::wrap(Code::Unavailable, message, &error)
        };
        let (sender, changes) = mpsc::unbounded_channel();
        let mut watcher =
            notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
                if event.is_ok_and(|event| concerns_a_task(&event)) {
                    // Fails when nobody waits any more.
                    let _ = sender.send(());
                }
            })
            .map_err(failed)?;
        watcher.watch(folder, RecursiveMode::Recursive).map_err(failed)?;
        Ok(Self { _watcher: watcher, changes })
    }

    /// Ends when something has changed and it is quiet again.
    ///
    /// # Errors
    /// `Unavailable` when the system stopped watching.
    pub(super) async fn changed(&mut self) -> Result<()> {
        let stopped = || Error::unavailable("the system stopped watching for changes");
        self.changes.recv().await.ok_or_else(stopped)?;
        while let Ok(more) = tokio::time::timeout(QUIET, self.changes.recv()).await {
            more.ok_or_else(stopped)?;
        }
        Ok(())
    }
}

fn concerns_a_task(event: &notify::Event) -> bool {
    let changes = !matches!(event.kind, EventKind::Access(_));
    changes
        && event.paths.iter().any(|path| {
            let extension = path.extension().and_then(|extension| extension.to_str());
            extension.is_none_or(|extension| EXTENSIONS.contains(&extension))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratchet_taskdir::test_folder::{ADDITION, folder, write};

    #[tokio::test]
    async fn notices_a_change_below_the_folder() {
        let folder = folder(ADDITION);
        let mut watch = Watch::start(folder.path()).unwrap();
        write(folder.path(), &[("tests/test-002.json", "{}")]);
        watch.changed().await.unwrap();
    }

    #[test]
    fn reports_are_no_changes() {
        let event = |path: &str| notify::Event {
            kind: EventKind::Modify(notify::event::ModifyKind::Any),
            paths: vec![path.into()],
            attrs: Default::default(),
        };
        assert!(concerns_a_task(&event("a/main.js")));
        assert!(!concerns_a_task(&event("a/report.xml")));
    }
}
