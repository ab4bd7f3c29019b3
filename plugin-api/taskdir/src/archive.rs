//! ZIP archives with one task or many, read without unpacking them.
//!
//! An archive is foreign bytes. What it declares about sizes is not believed: what is read of it is
//! counted. One that has names leading out of it, links, or two files of one name was made to be
//! read differently by different programs, and is refused as a whole.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use zip::ZipArchive;
use zip::result::ZipError;

use crate::find::{MAX_DEPTH, holds_task};
use crate::tree::{Entry, MAX_FILE_BYTES, Tree, too_large};
use crate::{Diagnostic, Loaded};

/// Bytes an archive may have.
const MAX_ARCHIVE_BYTES: u64 = 64 << 20;

/// Bytes that may come out of an archive, over all that is read of it.
const MAX_UNPACKED_BYTES: u64 = 64 << 20;

/// Files and folders in an archive.
const MAX_ENTRIES: usize = 10_000;

/// Bytes of a name in an archive.
const MAX_NAME_BYTES: usize = 1_024;

/// Where the kind of a file is in its Unix mode, and the kinds a task consists of.
const KIND_BITS: u32 = 0o170_000;
const KINDS: [u32; 3] = [0, 0o100_000, 0o040_000];

/// What archives are read from.
trait Source: Read + Seek {}
impl<T: Read + Seek> Source for T {}

/// An open archive.
pub struct Archive {
    shown: PathBuf,
    zip: RefCell<ZipArchive<Box<dyn Source>>>,
    /// Every file by its name, with its place in the archive.
    files: BTreeMap<String, usize>,
    unpacked: Cell<u64>,
}

impl std::fmt::Debug for Archive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Archive({}, {} files)", self.shown.display(), self.files.len())
    }
}

impl Archive {
    /// Opens the archive in `file`.
    ///
    /// # Errors
    /// When it cannot be read, is no ZIP archive, or is one that is refused.
    pub fn open(file: &Path) -> Loaded<Self> {
        let failed =
            |error: std::io::Error| Diagnostic::error(file, format!("cannot read: {error}"));
        if !std::fs::metadata(file).map_err(failed)?.is_file() {
            return Err(Diagnostic::error(file, "is no regular file"));
        }
        Self::read(file, BufReader::new(std::fs::File::open(file).map_err(failed)?))
    }

    /// Reads an archive from anywhere; `shown` is where a person finds it.
    ///
    /// # Errors
    /// When it cannot be read, is no ZIP archive, or is one that is refused.
    pub fn read(shown: &Path, mut source: impl Read + Seek + 'static) -> Loaded<Self> {
        let refused = |message: String| Diagnostic::error(shown, message);
        let unusable = |error: ZipError| refused(format!("is no usable ZIP archive: {error}"));
        let length = source.seek(SeekFrom::End(0));
        let length = length.map_err(|error| refused(format!("cannot read: {error}")))?;
        if length > MAX_ARCHIVE_BYTES {
            let message = format!("is {length} bytes long; an archive of tasks has at most 64 MiB");
            return Err(refused(message));
        }
        // Before any entry is kept in memory.
        let declared = declared_entries(&mut source, length);
        let declared = declared.map_err(|error| refused(format!("cannot read: {error}")))?;
        if declared > MAX_ENTRIES {
            let message = format!(
                "has {declared} entries or more; an archive of tasks has at most {MAX_ENTRIES}"
            );
            return Err(refused(message));
        }
        let source: Box<dyn Source> = Box::new(source);
        let zip = ZipArchive::new(source).map_err(unusable)?;
        if zip.has_duplicate_names() {
            return Err(refused("is refused: it has two entries of the same name".to_owned()));
        }
        let metadata = zip.metadata();
        let mut files = BTreeMap::new();
        for index in 0..metadata.len() {
            let entry = metadata.entry(index).map_err(unusable)?;
            let name = entry.name().map_err(unusable)?;
            let fault = fault_of(&name).or_else(|| {
                let kind = entry.unix_mode().unwrap_or(0) & KIND_BITS;
                let strange = entry.is_symlink() || !KINDS.contains(&kind);
                let strange = strange.then_some("is a link or a device, not a file");
                strange.or(entry.encrypted().then_some("is encrypted"))
            });
            if let Some(fault) = fault {
                let message = format!("is refused: `{}` in it {fault}", name.escape_debug());
                return Err(refused(message));
            }
            if !name.ends_with('/') {
                files.insert(name.into_owned(), index);
            }
        }
        let zip = RefCell::new(zip);
        Ok(Self { shown: shown.to_owned(), zip, files, unpacked: Cell::new(0) })
    }

    /// The folders in it that hold a task, sorted; the archive itself if it is one.
    pub fn tasks(&self) -> Vec<Folder<'_>> {
        let mut found = Vec::new();
        self.collect(String::new(), 0, &mut found);
        found
    }

    fn collect<'a>(&'a self, path: String, depth: usize, found: &mut Vec<Folder<'a>>) {
        let folder = Folder { archive: self, path };
        if holds_task(&folder) {
            found.push(folder);
        } else if depth < MAX_DEPTH {
            let inner = folder.entries("").unwrap_or_default().into_iter();
            for Entry { name, .. } in inner.filter(|entry| entry.is_folder) {
                // Archives made on a Mac have a shadow of every file below `__MACOSX`.
                let skipped = matches!(name.as_str(), "node_modules" | "__MACOSX");
                if !skipped && !name.starts_with('.') {
                    self.collect(folder.inner(&name), depth + 1, found);
                }
            }
        }
    }

    fn unpack(&self, index: usize, shown: &Path) -> Loaded<Vec<u8>> {
        let failed = |error: &dyn std::fmt::Display| {
            Diagnostic::error(shown, format!("cannot unpack: {error}"))
        };
        let mut zip = self.zip.borrow_mut();
        let file = zip.by_index(index).map_err(|error| failed(&error))?;
        let left = MAX_UNPACKED_BYTES.saturating_sub(self.unpacked.get());
        let most = left.min(MAX_FILE_BYTES);
        let mut bytes = Vec::new();
        let read = file.take(most + 1).read_to_end(&mut bytes);
        self.unpacked.set(self.unpacked.get() + bytes.len() as u64);
        read.map_err(|error| failed(&error))?;
        if bytes.len() as u64 <= most {
            Ok(bytes)
        } else if most == MAX_FILE_BYTES {
            Err(too_large(shown))
        } else {
            Err(Diagnostic::error(shown, "is too much: 64 MiB came out of the archive already"))
        }
    }
}

/// How many entries an archive says it has: the most that anything says which looks like the record
/// at its end. The form for more than 65534 entries (ZIP64) has the number elsewhere: then it is
/// 65535, as what is there in its place.
fn declared_entries(source: &mut (impl Read + Seek), length: u64) -> std::io::Result<usize> {
    const SIGNATURE: &[u8] = b"PK\x05\x06";
    const RECORD_BYTES: usize = 22;
    const MAX_COMMENT_BYTES: u64 = 1 << 16;
    let searched = length.min(RECORD_BYTES as u64 + MAX_COMMENT_BYTES);
    source.seek(SeekFrom::Start(length - searched))?;
    let mut end = Vec::new();
    source.take(searched).read_to_end(&mut end)?;
    let records = end.windows(RECORD_BYTES).filter(|bytes| bytes.starts_with(SIGNATURE));
    let declared = records.map(|bytes| {
        let number = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let elsewhere = bytes[12..16] == [0xFF; 4] || bytes[16..20] == [0xFF; 4];
        if elsewhere { u16::MAX } else { number(8).max(number(10)) }
    });
    Ok(usize::from(declared.max().unwrap_or(0)))
}

/// What is wrong with a name in an archive.
fn fault_of(name: &str) -> Option<&'static str> {
    if name.len() > MAX_NAME_BYTES {
        return Some("has a name of more than 1024 bytes");
    }
    if name.contains(['\\', '\0', ':']) {
        return Some("has a name with a backslash, a colon or NUL in it");
    }
    let path = name.strip_suffix('/').unwrap_or(name);
    if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Some("has a name that leads out of the archive");
    }
    None
}

/// A folder in an archive.
#[derive(Clone, Debug)]
pub struct Folder<'a> {
    archive: &'a Archive,
    path: String,
}

impl Folder<'_> {
    /// Its path in the archive; empty for the archive itself.
    pub fn path(&self) -> &str {
        &self.path
    }

    fn inner(&self, name: &str) -> String {
        match (self.path.as_str(), name) {
            ("", name) => name.to_owned(),
            (path, "") => path.to_owned(),
            (path, name) => format!("{path}/{name}"),
        }
    }
}

impl Tree for Folder<'_> {
    fn name(&self) -> String {
        let own = self.path.rsplit('/').next().filter(|name| !name.is_empty());
        let stem =
            || self.archive.shown.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        own.map(str::to_owned).or_else(stem).unwrap_or_else(|| "task".to_owned())
    }

    fn shown(&self, name: &str) -> PathBuf {
        match self.inner(name) {
            path if path.is_empty() => self.archive.shown.clone(),
            path => self.archive.shown.join(path),
        }
    }

    fn has(&self, name: &str) -> bool {
        self.archive.files.contains_key(&self.inner(name))
    }

    fn read(&self, name: &str) -> Loaded<Vec<u8>> {
        let shown = self.shown(name);
        match self.archive.files.get(&self.inner(name)) {
            Some(index) => self.archive.unpack(*index, &shown),
            None => Err(Diagnostic::error(&shown, "there is no such file in the archive")),
        }
    }

    fn entries(&self, folder: &str) -> Loaded<Vec<Entry>> {
        let prefix = match self.inner(folder) {
            path if path.is_empty() => path,
            path => format!("{path}/"),
        };
        let below = self.archive.files.range(prefix.clone()..);
        let names = below.map_while(|(name, _)| name.strip_prefix(&prefix));
        let entries: BTreeSet<Entry> = names
            .map(|rest| match rest.split_once('/') {
                Some((name, _)) => Entry { name: name.to_owned(), is_folder: true },
                None => Entry { name: rest.to_owned(), is_folder: false },
            })
            .collect();
        Ok(entries.into_iter().collect())
    }
}

#[cfg(test)]
mod tests;
