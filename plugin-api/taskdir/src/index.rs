//! `.ratchet/index.json`: what a repository says it holds, written by its author's tools.
//!
//! An index is a statement about a moment. An entry of it counts for as long as the task it is
//! about has the checksum it names; it is never taken in place of the task.

use std::path::Path;

use ratchet_plugin_api::model::{Id, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::document::json_in;
use crate::{Diagnostic, Disk, Loaded, Tree as _};

/// Where the index is, below the root of a repository.
pub const INDEX_FILE: &str = ".ratchet/index.json";

/// The index of a repository.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Index {
    /// When it was written.
    pub generated_at: Timestamp,
    /// The repository it is about.
    pub repository: IndexedRepository,
    /// Its tasks, sorted by path.
    pub tasks: Vec<IndexedTask>,
    /// Groups of tasks, as whoever made them wrote them.
    #[serde(default)]
    pub collections: Vec<Value>,
}

/// What an index says of its repository.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexedRepository {
    /// What it is called.
    pub name: String,
    /// Its version.
    #[serde(default)]
    pub version: Option<String>,
    /// The commit that was checked out when the index was written.
    #[serde(default)]
    pub commit: Option<String>,
}

/// What an index says of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexedTask {
    /// Its name.
    pub name: String,
    /// The author's version.
    pub version: String,
    /// Its place in the repository.
    pub path: String,
    /// Its id, when its author gave it one.
    #[serde(default)]
    pub uuid: Option<Id>,
    /// What it is for.
    #[serde(default)]
    pub description: Option<String>,
    /// Words to find it by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// When one of its files last changed.
    #[serde(default)]
    pub last_modified: Option<Timestamp>,
    /// The checksum of its definition.
    pub checksum: String,
}

impl Index {
    /// Reads the index of the repository at `root`; none if it has none.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn load(root: &Path) -> Loaded<Option<Self>> {
        let tree = Disk::new(root);
        if !tree.has(INDEX_FILE) {
            return Ok(None);
        }
        serde_json::from_value(json_in(&tree, INDEX_FILE)?).map(Some).map_err(|error| {
            let message =
                format!("is no index: {error}; `ratchet repo refresh-metadata` writes it");
            Diagnostic::error(&tree.shown(INDEX_FILE), message)
        })
    }

    /// The revision of the task at `path`, if the index is about the task as it is.
    pub(crate) fn revision(&self, path: &str, checksum: &str) -> Option<String> {
        let found = self.tasks.iter().find(|task| task.path == path)?;
        let Self { repository: IndexedRepository { commit, version, .. }, .. } = self;
        (found.checksum == checksum).then(|| commit.clone().or_else(|| version.clone()))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_folder::folder;

    #[test]
    fn an_index_is_read_and_a_broken_one_says_how_to_write_it() {
        let text = r#"{"generated_at": "2026-11-24T05:30:00Z", "repository": {"name": "r",
            "commit": "abc"}, "tasks": [{"name": "a", "version": "1.0.0", "path": "tasks/a",
            "checksum": "00"}]}"#;
        let folder = folder(&[(INDEX_FILE, text)]);
        let index = Index::load(folder.path()).unwrap().unwrap();
        assert_eq!(index.revision("tasks/a", "00").as_deref(), Some("abc"));
        assert_eq!(index.revision("tasks/a", "01"), None);
        assert_eq!(index.revision("tasks/b", "00"), None);

        crate::test_folder::write(folder.path(), &[(INDEX_FILE, "{}")]);
        let error = Index::load(folder.path()).unwrap_err();
        assert!(error.message.contains("refresh-metadata"), "{error}");
        assert!(Index::load(&folder.path().join("nowhere")).unwrap().is_none());
    }
}
