//! Where the files of a task are: a folder on disk, or a part of an archive.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::{Diagnostic, Loaded};

/// Bytes a single file of a task may have: what is larger is not source but data.
pub(crate) const MAX_FILE_BYTES: u64 = 4 << 20;

/// The files of one task. Names are relative, with `/` between their parts.
pub trait Tree {
    /// What the tree is called where it is, such as a folder's name.
    fn name(&self) -> String;

    /// How a person finds the file called `name`; the tree itself for an empty name.
    fn shown(&self, name: &str) -> PathBuf;

    /// Whether there is something of that name that is no folder.
    fn has(&self, name: &str) -> bool;

    /// The bytes of a file.
    ///
    /// # Errors
    /// When it cannot be read, is too large, or is not within the tree.
    fn read(&self, name: &str) -> Loaded<Vec<u8>>;

    /// What is directly in a folder, sorted by name; the tree itself for an empty name. Names that
    /// are no text are left out.
    ///
    /// # Errors
    /// When the folder is there and cannot be read.
    fn entries(&self, folder: &str) -> Loaded<Vec<Entry>>;
}

/// What is in a folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Its name in the folder.
    pub name: String,
    /// Whether it is a folder; links to folders are none, because they may lead in a circle.
    pub is_folder: bool,
}

/// That a file is larger than a task's file may be.
pub(crate) fn too_large(file: &Path) -> Diagnostic {
    Diagnostic::error(file, "is too long; a file of a task has at most 4 MiB")
}

/// A folder on disk.
#[derive(Clone, Debug)]
pub struct Disk {
    folder: PathBuf,
    /// The folder no file may be outside of, wherever links lead.
    root: Option<PathBuf>,
}

impl Disk {
    /// The folder at `folder`, whose links may lead anywhere: it is the user's own.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), root: None }
    }

    /// The same folder, in which a link that leads out of `root` is an error. `root` is absolute
    /// and has no links in it.
    #[must_use]
    pub fn within(mut self, root: &Path) -> Self {
        self.root = Some(root.to_owned());
        self
    }

    fn check_place(&self, path: &Path) -> Loaded<()> {
        let Some(root) = &self.root else { return Ok(()) };
        let place = std::fs::canonicalize(path).map_err(|error| unreadable(path, &error))?;
        if place.starts_with(root) {
            return Ok(());
        }
        let message = format!(
            "is a link that leads out of `{}`; put a copy there, or set `follow_symlinks`",
            root.display()
        );
        Err(Diagnostic::error(path, message))
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Diagnostic {
    Diagnostic::error(path, format!("cannot read: {error}"))
}

impl Tree for Disk {
    fn name(&self) -> String {
        // `.` has no name of its own.
        let absolute = std::fs::canonicalize(&self.folder).unwrap_or_else(|_| self.folder.clone());
        let name = absolute.file_name().map(|name| name.to_string_lossy().into_owned());
        name.unwrap_or_else(|| "task".to_owned())
    }

    fn shown(&self, name: &str) -> PathBuf {
        if name.is_empty() { self.folder.clone() } else { self.folder.join(name) }
    }

    fn has(&self, name: &str) -> bool {
        std::fs::metadata(self.folder.join(name)).is_ok_and(|found| !found.is_dir())
    }

    fn read(&self, name: &str) -> Loaded<Vec<u8>> {
        let path = self.shown(name);
        self.check_place(&path)?;
        let failed = |error: std::io::Error| unreadable(&path, &error);
        // To open a pipe is to wait for who writes into it.
        if !std::fs::metadata(&path).map_err(failed)?.is_file() {
            return Err(Diagnostic::error(&path, "is no regular file"));
        }
        let file = std::fs::File::open(&path).map_err(failed)?;
        let mut bytes = Vec::new();
        file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 > MAX_FILE_BYTES { Err(too_large(&path)) } else { Ok(bytes) }
    }

    fn entries(&self, folder: &str) -> Loaded<Vec<Entry>> {
        let path = self.shown(folder);
        if !path.is_dir() {
            return Ok(Vec::new());
        }
        self.check_place(&path)?;
        let failed = |error: std::io::Error| unreadable(&path, &error);
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(&path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if let Ok(name) = entry.file_name().into_string() {
                let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
                // A link to a folder is neither a folder nor a file.
                if is_folder || !entry.path().is_dir() {
                    entries.push(Entry { name, is_folder });
                }
            }
        }
        entries.sort();
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::test_folder::folder;

    #[test]
    fn links_out_of_the_root_are_refused_and_those_within_are_not() {
        let outside = folder(&[("secret.txt", "s")]);
        let inside = folder(&[("a/main.js", "1"), ("shared.js", "2")]);
        let root = std::fs::canonicalize(inside.path()).unwrap();
        let task = root.join("a");
        symlink(outside.path().join("secret.txt"), task.join("out.js")).unwrap();
        symlink("../shared.js", task.join("in.js")).unwrap();
        symlink(outside.path(), task.join("folder")).unwrap();
        let tree = Disk::new(&task).within(&root);
        assert_eq!(tree.read("in.js").unwrap(), b"2");
        let error = tree.read("out.js").unwrap_err();
        assert!(error.message.contains("leads out of"), "{error}");
        assert!(tree.entries("folder").unwrap_err().message.contains("leads out of"));
        let names: Vec<_> = tree.entries("").unwrap().into_iter().map(|e| e.name).collect();
        assert_eq!(names, ["in.js", "main.js", "out.js"]);
        assert_eq!(Disk::new(&task).read("out.js").unwrap(), b"s");
    }

    #[test]
    fn what_is_no_regular_file_or_too_long_is_refused() {
        let folder = folder(&[("long.js", "")]);
        let long = std::fs::File::create(folder.path().join("long.js")).unwrap();
        long.set_len(MAX_FILE_BYTES + 1).unwrap();
        let tree = Disk::new(folder.path());
        assert!(tree.read("long.js").unwrap_err().message.contains("at most 4 MiB"));
        let made = std::process::Command::new("mkfifo").arg(folder.path().join("pipe.js")).status();
        assert!(made.unwrap().success());
        assert_eq!(tree.read("pipe.js").unwrap_err().message, "is no regular file");
        assert!(tree.has("pipe.js") && !tree.has("nothing.js"));
    }
}
