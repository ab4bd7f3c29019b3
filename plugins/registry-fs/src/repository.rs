//! A repository of tasks: what it says about itself, and its index.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use ratchet_plugin_api::model::Timestamp;
use ratchet_plugin_api::{Code, Error, Result};
use ratchet_taskdir::{Found, INDEX_FILE, Index, IndexedRepository, IndexedTask, Scan};
use serde::{Deserialize, Serialize};

/// The file in which a repository says what it is.
pub(crate) const REPOSITORY_FILE: &str = "registry.yaml";

/// Bytes that file may have.
const MAX_BYTES: u64 = 1 << 20;

/// Files below `.git` are small.
const MAX_GIT_BYTES: u64 = 16 << 20;

/// What a repository says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RepositoryFile {
    /// What it is called.
    pub(crate) name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
    /// The versions of Ratchet it is for, such as `>=0.1.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ratchet_version: Option<String>,
}

impl RepositoryFile {
    /// What the repository at `root` says; none if it says nothing.
    ///
    /// # Errors
    /// `Invalid` when the file is there and cannot be read.
    pub(crate) fn load(root: &Path) -> Result<Option<Self>> {
        let file = root.join(REPOSITORY_FILE);
        let Some(text) = read_small(&file, MAX_BYTES)? else { return Ok(None) };
        serde_yaml_ng::from_str(&text).map(Some).map_err(|error| {
            let message = format!(
                "{}: {error}; it has `name` and may have `description`, `version` and \
                 `ratchet_version`",
                file.display()
            );
            Error::invalid(message)
        })
    }

    /// Why this version of Ratchet is not one the repository is for.
    pub(crate) fn unfit(&self) -> Option<String> {
        let wanted = self.ratchet_version.as_deref()?;
        let own = env!("CARGO_PKG_VERSION");
        let requirement = match semver::VersionReq::parse(wanted) {
            Ok(requirement) => requirement,
            Err(error) => {
                return Some(format!(
                    "`ratchet_version` is `{wanted}`, which is no requirement: {error}; one looks \
                     like >=0.1.0"
                ));
            }
        };
        let own_version = semver::Version::parse(own).ok()?;
        let unfit = !requirement.matches(&own_version);
        unfit.then(|| format!("is for Ratchet {wanted}, and this is {own}"))
    }
}

/// The text of a file that should be small; none if it is not there.
fn read_small(file: &Path, most: u64) -> Result<Option<String>> {
    match std::fs::metadata(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(file, error)),
        Ok(found) if !found.is_file() || found.len() > most => {
            let message = format!("{} is no file, or is too long", file.display());
            return Err(Error::invalid(message));
        }
        Ok(_) => {}
    }
    std::fs::read_to_string(file).map(Some).map_err(|error| unreadable(file, error))
}

fn unreadable(file: &Path, error: std::io::Error) -> Error {
    Error::from(error).context(format!("cannot read `{}`", file.display()))
}

/// The index that says what was found in the repository at `root`. Collections are kept as
/// `before` has them: they are their author's.
///
/// # Errors
/// `Invalid` when the repository says of itself what cannot be read.
pub(crate) fn index_of(root: &Path, scan: &Scan, before: Option<&Index>) -> Result<Index> {
    let own = RepositoryFile::load(root)?;
    let known = before.map(|index| index.repository.clone()).unwrap_or_default();
    let name = own.as_ref().map(|own| own.name.clone()).filter(|name| !name.is_empty());
    let name = name.or_else(|| (!known.name.is_empty()).then_some(known.name));
    let repository = IndexedRepository {
        name: name.unwrap_or_else(|| folder_name(root)),
        version: own.and_then(|own| own.version).or(known.version),
        commit: commit(root),
    };
    let mut tasks: Vec<IndexedTask> = scan.tasks.iter().map(indexed).collect();
    tasks.sort_by(|one, other| one.path.cmp(&other.path));
    let collections = before.map(|index| index.collections.clone()).unwrap_or_default();
    Ok(Index { generated_at: Timestamp::now(), repository, tasks, collections })
}

fn indexed(found: &Found) -> IndexedTask {
    let definition = &found.task.definition;
    IndexedTask {
        name: definition.name.clone(),
        version: definition.version.clone(),
        path: found.task.path.clone(),
        uuid: definition.id,
        description: definition.description.clone(),
        tags: definition.tags.clone(),
        last_modified: found.modified.map(timestamp),
        checksum: found.checksum.clone(),
    }
}

fn timestamp(time: SystemTime) -> Timestamp {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_microseconds(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// Whether both say the same of the same tasks, whenever they were written. When files were
/// written says nothing: every checkout changes it.
pub(crate) fn same(one: &Index, other: &Index) -> bool {
    let plain = |index: &Index| {
        let mut index = index.clone();
        index.generated_at = Timestamp::from_microseconds(0);
        index.tasks.iter_mut().for_each(|task| task.last_modified = None);
        index
    };
    plain(one) == plain(other)
}

/// Writes the index of the repository at `root`, so that nobody ever reads half of it.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn write_index(root: &Path, index: &Index) -> Result<PathBuf> {
    let file = root.join(INDEX_FILE);
    let text = format!("{}\n", serde_json::to_string_pretty(index)?);
    let temporary = file.with_extension("json.tmp");
    let write = || -> std::io::Result<()> {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&temporary, text)?;
        std::fs::rename(&temporary, &file)
    };
    write().map_err(|error| {
        Error::wrap(Code::Unavailable, format!("cannot write `{}`", file.display()), &error)
    })?;
    Ok(file)
}

/// What the folder is called, also when it is given as `.`.
pub(crate) fn folder_name(root: &Path) -> String {
    let absolute = std::fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
    let name = absolute.file_name().map(|name| name.to_string_lossy().into_owned());
    name.unwrap_or_else(|| "tasks".to_owned())
}

/// The commit that is checked out where `root` is, if that is in a Git repository.
fn commit(root: &Path) -> Option<String> {
    let absolute = std::fs::canonicalize(root).ok()?;
    let git = absolute.ancestors().map(|folder| folder.join(".git")).find(|git| git.exists())?;
    // A worktree and a submodule have a file that says where the folder is.
    let git = match read_small(&git, MAX_BYTES) {
        Ok(Some(text)) => git.parent()?.join(text.strip_prefix("gitdir:")?.trim()),
        _ => git,
    };
    let text = |name: &str| read_small(&git.join(name), MAX_GIT_BYTES).ok().flatten();
    let head = text("HEAD")?;
    let Some(name) = head.strip_prefix("ref:").map(str::trim) else {
        return hash(&head);
    };
    // A worktree shares its branches with the repository it belongs to.
    let common = text("commondir").map(|common| git.join(common.trim())).unwrap_or(git);
    let text = |name: &str| read_small(&common.join(name), MAX_GIT_BYTES).ok().flatten();
    text(name).and_then(|text| hash(&text)).or_else(|| {
        let packed = text("packed-refs")?;
        let found = packed.lines().find_map(|line| line.strip_suffix(name)?.strip_suffix(' '));
        found.and_then(hash)
    })
}

/// A commit's name; none for anything else.
fn hash(text: &str) -> Option<String> {
    let text = text.trim();
    let fits = matches!(text.len(), 40 | 64) && text.chars().all(|c| c.is_ascii_hexdigit());
    fits.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use ratchet_taskdir::test_folder::{folder, write};

    use super::*;

    const HASH: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn the_commit_is_found_in_every_form() {
        for files in [
            vec![(".git/HEAD", HASH)],
            vec![(".git/HEAD", "ref: refs/heads/main\n"), (".git/refs/heads/main", HASH)],
            vec![
                (".git/HEAD", "ref: refs/heads/main\n"),
                (
                    ".git/packed-refs",
                    "# pack-refs\n0123456789abcdef0123456789abcdef01234567 refs/heads/main\n",
                ),
            ],
            vec![
                (".git", "gitdir: elsewhere/w\n"),
                ("elsewhere/w/HEAD", "ref: refs/heads/main"),
                ("elsewhere/w/commondir", ".."),
                ("elsewhere/refs/heads/main", HASH),
            ],
        ] {
            let folder = folder(&files);
            write(folder.path(), &[("tasks/a/main.js", "1")]);
            let found = commit(&folder.path().join("tasks"));
            assert_eq!(found.as_deref(), Some(HASH), "{files:?}");
        }
        let none = folder(&[(".git/HEAD", "ref: ../../secret"), ("secret", "s")]);
        assert_eq!(commit(none.path()), None);
    }

    #[test]
    fn what_a_repository_says_is_read_and_judged() {
        let folder = folder(&[(REPOSITORY_FILE, "name: R\nratchet_version: '>=99.0.0'\n")]);
        let own = RepositoryFile::load(folder.path()).unwrap().unwrap();
        assert!(own.unfit().unwrap().starts_with("is for Ratchet >=99.0.0"));
        let odd = RepositoryFile { ratchet_version: Some("new".to_owned()), ..own.clone() };
        assert!(odd.unfit().unwrap().contains("no requirement"));
        let fits = RepositoryFile { ratchet_version: Some(">=0.1".to_owned()), ..own };
        assert_eq!(fits.unfit(), None);
        write(folder.path(), &[(REPOSITORY_FILE, "- 1\n")]);
        assert!(RepositoryFile::load(folder.path()).unwrap_err().message.contains(REPOSITORY_FILE));
    }
}
