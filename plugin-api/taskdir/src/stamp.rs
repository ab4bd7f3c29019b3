//! What the files of a place look like from outside, to see whether they have changed.

use std::collections::hash_map::DefaultHasher;
use std::fs::Metadata;
use std::hash::{Hash as _, Hasher as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// How long the clock may stand still between two changes of a file, on file systems that count
/// seconds: what changed later than that may change again without looking different.
const TICK: Duration = Duration::from_secs(2);

/// Files looked at before a place counts as always changed.
const MAX_FILES: usize = 10_000;

/// How deep they are looked for.
const MAX_DEPTH: usize = 32;

/// Sizes, times and places of the files of a folder, or of one file.
#[derive(Clone, Debug)]
pub(crate) struct Stamp {
    /// None for what cannot be told.
    digest: Option<u64>,
    modified: Option<SystemTime>,
    /// Whether all was quiet for long enough before the stamp was taken.
    settled: bool,
}

impl Stamp {
    pub(crate) fn of(place: &Path) -> Self {
        let now = SystemTime::now();
        let mut look = Look { files: 0, hasher: DefaultHasher::new(), modified: None, last: None };
        let complete = look.at(place, 0).is_ok();
        let Look { hasher, modified, last, .. } = look;
        let settled = last.is_some_and(|last| last + TICK < now);
        Self { digest: complete.then(|| hasher.finish()), modified, settled }
    }

    /// Whether what looked like this once and looks like `now` at present is surely the same.
    pub(crate) fn still_holds(&self, now: &Self) -> bool {
        self.settled && self.digest.is_some() && self.digest == now.digest
    }

    /// The same, as if it had been taken later.
    #[cfg(test)]
    pub(crate) fn settled(self) -> Self {
        Self { settled: true, ..self }
    }

    /// When one of the files was last written.
    pub(crate) fn newest(&self) -> Option<SystemTime> {
        self.modified
    }
}

struct Look {
    files: usize,
    hasher: DefaultHasher,
    modified: Option<SystemTime>,
    /// The last change of a file or of what is known about it.
    last: Option<SystemTime>,
}

impl Look {
    fn at(&mut self, place: &Path, depth: usize) -> std::io::Result<()> {
        self.files += 1;
        let found = std::fs::metadata(place)?;
        self.add(place, &found);
        if !found.is_dir() {
            return Ok(());
        }
        if depth > MAX_DEPTH || self.files > MAX_FILES {
            return Err(std::io::Error::other("too much to look at"));
        }
        let entries = std::fs::read_dir(place)?.collect::<std::io::Result<Vec<_>>>()?;
        let mut places: Vec<_> = entries.iter().map(std::fs::DirEntry::path).collect();
        places.sort();
        for inner in places {
            let name = inner.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let link_to_folder = inner.is_symlink() && inner.is_dir();
            if !name.starts_with('.') && name != "node_modules" && !link_to_folder {
                self.at(&inner, depth + 1)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, place: &Path, found: &Metadata) {
        place.hash(&mut self.hasher);
        let times = (found.mtime(), found.mtime_nsec(), found.ctime(), found.ctime_nsec());
        (found.len(), found.ino(), found.dev(), times).hash(&mut self.hasher);
        if !found.is_dir() {
            self.modified = self.modified.max(found.modified().ok());
        }
        let seconds = u64::try_from(found.ctime()).unwrap_or(0);
        let nanoseconds = u32::try_from(found.ctime_nsec()).unwrap_or(0);
        let changed = SystemTime::UNIX_EPOCH + Duration::new(seconds, nanoseconds);
        self.last = self.last.max(Some(changed)).max(found.modified().ok());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_folder::{ADDITION, folder, write};

    #[test]
    fn a_fresh_place_is_never_sure_to_be_the_same() {
        let folder = folder(ADDITION);
        let (first, second) = (Stamp::of(folder.path()), Stamp::of(folder.path()));
        assert_eq!(first.digest, second.digest);
        assert!(!first.still_holds(&second), "it may have changed within a tick");
        let settled = Stamp { settled: true, ..first };
        assert!(settled.still_holds(&second));
        write(folder.path(), &[("main.js", "another")]);
        assert!(!settled.still_holds(&Stamp::of(folder.path())));
    }

    #[test]
    fn what_is_not_there_is_never_the_same() {
        let nothing = Stamp { settled: true, ..Stamp::of(Path::new("/nowhere/at/all")) };
        assert!(!nothing.still_holds(&nothing.clone()));
    }
}
