//! Every task below a path, where one bad task never hides the others.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use ratchet_plugin_api::model::{OfferedTask, TaskDefinition, TaskProblem};
use ratchet_plugin_api::{Code, Error, Result, did_you_mean};

use crate::find::{MAX_DEPTH, holds_task, nearest_path};
use crate::stamp::Stamp;
use crate::{Archive, Diagnostic, Disk, Index, Patterns, definition};

/// The path of a task that is the whole source.
const WHOLE: &str = ".";

/// What was found below a path.
#[derive(Clone, Debug, Default)]
pub struct Scan {
    /// The tasks, sorted by path.
    pub tasks: Vec<Found>,
    /// What is there but cannot be offered.
    pub problems: Vec<TaskProblem>,
    /// What works, but is not as it should be.
    pub warnings: Vec<Diagnostic>,
    /// Whether everything could be looked into, so that what is missing is gone.
    pub complete: bool,
    /// The repository's own index, if it has one.
    pub index: Option<Index>,
}

/// A task that was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// The task as a source offers it.
    pub task: OfferedTask,
    /// The checksum of its definition.
    pub checksum: String,
    /// When one of its files last changed.
    pub modified: Option<SystemTime>,
}

/// Looks for tasks below a path again and again, and reads again what has changed.
#[derive(Debug)]
pub struct Scanner {
    root: PathBuf,
    patterns: Patterns,
    follow_symlinks: bool,
    known: HashMap<String, Known>,
}

/// What was read at a place, and what its files looked like then.
#[derive(Clone, Debug)]
struct Known {
    stamp: Stamp,
    outcome: Outcome,
}

/// What came of reading a task's folder, or an archive.
#[derive(Clone, Debug, Default)]
struct Outcome {
    tasks: Vec<Found>,
    problems: Vec<TaskProblem>,
    warnings: Vec<Diagnostic>,
    /// How many tasks there are is not known.
    unreadable: bool,
}

/// A place where one task or more are.
enum Unit {
    Folder(PathBuf),
    Archive(PathBuf),
}

impl Scanner {
    /// Looks below `root`, a folder or a ZIP archive. Without `follow_symlinks` links to folders
    /// are left alone, and links to files that lead out of `root` are errors of their task.
    pub fn new(root: &Path, patterns: Patterns, follow_symlinks: bool) -> Self {
        Self { root: root.to_owned(), patterns, follow_symlinks, known: HashMap::new() }
    }

    /// Everything there is now. With `afresh`, what looks unchanged is read again too.
    ///
    /// # Errors
    /// `Unavailable` when there is nothing at the path or it cannot be read.
    pub fn scan(&mut self, afresh: bool) -> Result<Scan> {
        let root = std::fs::canonicalize(&self.root).map_err(|error| {
            let shown = self.root.display();
            let hint = did_you_mean(nearest_path(&self.root).as_deref().map(Path::display));
            let message = format!("cannot read `{shown}`{hint}");
            Error::wrap(Code::Unavailable, message, &error)
        })?;
        let mut walk = Walk {
            patterns: &self.patterns,
            follow: self.follow_symlinks,
            inside: (!self.follow_symlinks).then(|| root.clone()),
            seen: HashSet::new(),
            units: BTreeMap::new(),
            outcome: Outcome::default(),
        };
        if root.is_dir() {
            std::fs::read_dir(&root).map_err(|error| {
                let message = format!("cannot read `{}`", root.display());
                Error::wrap(Code::Unavailable, message, &error)
            })?;
            walk.folder(&root, "", 0);
        } else {
            walk.units.insert(WHOLE.to_owned(), Unit::Archive(root.clone()));
        }
        let Walk { units, outcome: mut all, inside, .. } = walk;
        let mut known = HashMap::new();
        for (path, unit) in units {
            let entry = self.read(&path, &unit, inside.as_deref(), afresh);
            all.tasks.extend(entry.outcome.tasks.iter().cloned());
            all.problems.extend(entry.outcome.problems.iter().cloned());
            all.warnings.extend(entry.outcome.warnings.iter().cloned());
            all.unreadable |= entry.outcome.unreadable;
            known.insert(path, entry);
        }
        self.known = known;
        all.tasks.retain(|found| self.patterns.takes(&found.task.path));
        all.problems.retain(|problem| self.patterns.takes(&problem.path));
        Ok(finish(all, &root))
    }

    fn read(&self, path: &str, unit: &Unit, inside: Option<&Path>, afresh: bool) -> Known {
        let (Unit::Folder(place) | Unit::Archive(place)) = unit;
        let stamp = Stamp::of(place);
        if let Some(known) = self.known.get(path)
            && !afresh
            && known.stamp.still_holds(&stamp)
        {
            return known.clone();
        }
        let mut outcome = match unit {
            Unit::Folder(place) => {
                let mut tree = Disk::new(place);
                if let Some(root) = inside {
                    tree = tree.within(root);
                }
                let mut outcome = Outcome::default();
                outcome.take(path, definition(&tree));
                outcome
            }
            Unit::Archive(place) => read_archive(path, place),
        };
        outcome.tasks.iter_mut().for_each(|found| found.modified = stamp.newest());
        Known { stamp, outcome }
    }
}

impl Outcome {
    fn take(&mut self, path: &str, read: (Option<TaskDefinition>, Vec<Diagnostic>)) {
        let (definition, found) = read;
        let (errors, warnings): (Vec<_>, Vec<_>) =
            found.into_iter().partition(Diagnostic::is_error);
        self.warnings.extend(warnings);
        self.problems.extend(errors.iter().map(|error| problem(path, error.to_string())));
        if let Some(definition) = definition {
            let checksum = definition.checksum();
            let task = OfferedTask { definition, path: path.to_owned(), revision: None };
            self.tasks.push(Found { task, checksum, modified: None });
        }
    }

    /// Something of which it is not known which tasks are in it.
    fn unreadable(&mut self, path: &str, message: String) {
        self.problems.push(problem(path, message));
        self.unreadable = true;
    }
}

fn problem(path: &str, message: String) -> TaskProblem {
    TaskProblem { path: path.to_owned(), message }
}

fn read_archive(path: &str, place: &Path) -> Outcome {
    let mut outcome = Outcome::default();
    match Archive::open(place) {
        Ok(archive) => {
            let tasks = archive.tasks();
            if tasks.is_empty() {
                let message = "there is no task in the archive; a task is a folder in it with \
                               metadata.json and main.js";
                outcome.warnings.push(Diagnostic::warning(place, message));
            }
            for folder in tasks {
                let own = match (path, folder.path()) {
                    (path, "") => path.to_owned(),
                    (WHOLE, inner) => inner.to_owned(),
                    (path, inner) => format!("{path}/{inner}"),
                };
                outcome.take(&own, definition(&folder));
            }
        }
        Err(error) => outcome.unreadable(path, error.to_string()),
    }
    outcome
}

/// Says of two tasks of one id or name which of them is there first, and looks into the index.
fn finish(mut all: Outcome, root: &Path) -> Scan {
    all.tasks.sort_by(|one, other| one.task.path.cmp(&other.task.path));
    let (mut ids, mut names) = (HashMap::new(), HashMap::new());
    let mut tasks: Vec<Found> = Vec::with_capacity(all.tasks.len());
    for found in all.tasks {
        let OfferedTask { definition, path, .. } = &found.task;
        let same_id = definition.id.and_then(|id| ids.insert(id, path.clone()));
        let taken =
            same_id.map(|first| (first, "id", "give it a `uuid` of its own")).or_else(|| {
                let first = names.insert(definition.name.clone(), path.clone())?;
                Some((first, "name", "give it a `name` of its own"))
            });
        match taken {
            None => tasks.push(found),
            Some((first, what, remedy)) => {
                let message = format!("has the same {what} as `{first}`; {remedy}");
                all.problems.push(problem(path, message));
            }
        }
    }
    let index = Index::load(root).unwrap_or_else(|error| {
        all.warnings.push(Diagnostic { severity: crate::Severity::Warning, ..error });
        None
    });
    if let Some(index) = &index {
        for found in &mut tasks {
            found.task.revision = index.revision(&found.task.path, &found.checksum);
        }
    }
    let Outcome { problems, warnings, unreadable, .. } = all;
    Scan { tasks, problems, warnings, complete: !unreadable, index }
}

/// A walk over folders that gathers the places tasks are in.
struct Walk<'a> {
    patterns: &'a Patterns,
    follow: bool,
    inside: Option<PathBuf>,
    /// Folders walked already, without links in their paths: links may lead in circles.
    seen: HashSet<PathBuf>,
    units: BTreeMap<String, Unit>,
    outcome: Outcome,
}

impl Walk<'_> {
    fn folder(&mut self, place: &Path, path: &str, depth: usize) {
        if self.patterns.leaves_out(path) || !self.is_new(place) {
            return;
        }
        if holds_task(&Disk::new(place)) {
            let path = if path.is_empty() { WHOLE } else { path };
            self.units.insert(path.to_owned(), Unit::Folder(place.to_owned()));
            return;
        }
        if depth >= MAX_DEPTH {
            let message = format!("is too deep: tasks are looked for {MAX_DEPTH} folders deep");
            self.outcome.warnings.push(Diagnostic::warning(place, message));
            return;
        }
        let entries = match Self::entries(place) {
            Ok(entries) => entries,
            Err(error) => {
                let message = format!("cannot read the folder: {error}");
                return self.outcome.unreadable(path, message);
            }
        };
        for (name, kind) in entries {
            if name.starts_with('.') || name == "node_modules" {
                continue;
            }
            let (inner, below) = (place.join(&name), join(path, &name));
            if kind.is_symlink() && inner.is_dir() && !self.follow {
                let message = "is a link to a folder, which is not followed; `follow_symlinks` \
                               in the configuration of the source allows it";
                self.outcome.warnings.push(Diagnostic::warning(&inner, message));
            } else if inner.is_dir() {
                self.folder(&inner, &below, depth + 1);
            } else if name.to_ascii_lowercase().ends_with(".zip") {
                self.archive(inner, below);
            }
        }
    }

    fn entries(place: &Path) -> std::io::Result<Vec<(String, std::fs::FileType)>> {
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(place)? {
            let entry = entry?;
            if let Ok(name) = entry.file_name().into_string() {
                entries.push((name, entry.file_type()?));
            }
        }
        entries.sort_by(|one, other| one.0.cmp(&other.0));
        Ok(entries)
    }

    fn archive(&mut self, place: PathBuf, path: String) {
        if self.patterns.leaves_out(&path) {
            return;
        }
        if let Some(root) = &self.inside
            && !std::fs::canonicalize(&place).is_ok_and(|target| target.starts_with(root))
        {
            let message = format!("is a link that leads out of `{}`", root.display());
            return self.outcome.unreadable(&path, message);
        }
        self.units.insert(path, Unit::Archive(place));
    }

    fn is_new(&mut self, place: &Path) -> bool {
        std::fs::canonicalize(place).is_ok_and(|target| self.seen.insert(target))
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") }
}

#[cfg(test)]
mod tests;
