//! The JavaScript of a task: its entry file and what it may import.

use std::collections::BTreeMap;

use ratchet_plugin_api::model::Program;

use crate::document::read_text;
use crate::{Diagnostic, Loaded, Tree};

/// The names an entry file may have, best first.
pub const ENTRY_FILES: [&str; 2] = ["main.js", "task.js"];

/// Folders that never hold a task's own source.
const SKIPPED_FOLDERS: [&str; 3] = ["tests", "node_modules", "recordings"];

/// Files a task may consist of.
const MAX_MODULES: usize = 256;

/// Bytes of all modules together.
const MAX_MODULES_BYTES: usize = 8 << 20;

/// How deep the folders of a task may nest.
const MAX_DEPTH: usize = 16;

/// Reads the program of a task.
pub(crate) fn read(tree: &dyn Tree, warnings: &mut Vec<Diagnostic>) -> Loaded<Program> {
    let mut present = ENTRY_FILES.into_iter().filter(|name| tree.has(name));
    let Some(entry) = present.next() else {
        let message = "there is no such file; a task's function is in it";
        return Err(Diagnostic::error(&tree.shown(ENTRY_FILES[0]), message));
    };
    if entry != ENTRY_FILES[0] {
        let message = format!("rename it to {}", ENTRY_FILES[0]);
        warnings.push(Diagnostic::warning(&tree.shown(entry), message));
    }
    let source = read_text(tree, entry)?;
    if source.trim().is_empty() {
        let message = "is empty; it has to hold the task's function";
        return Err(Diagnostic::error(&tree.shown(entry), message));
    }
    let mut modules = Modules { tree, entry, bytes: source.len(), found: BTreeMap::new() };
    modules.collect("", 0)?;
    Ok(Program { entry: entry.to_owned(), source, modules: modules.found })
}

/// Every `.js` and `.mjs` file of a task but its entry, by path relative to the task's folder.
struct Modules<'a> {
    tree: &'a dyn Tree,
    entry: &'a str,
    /// Bytes of all files so far.
    bytes: usize,
    found: BTreeMap<String, String>,
}

impl Modules<'_> {
    fn collect(&mut self, folder: &str, depth: usize) -> Loaded<()> {
        if depth > MAX_DEPTH {
            let message = format!("is too deep: folders of a task nest at most {MAX_DEPTH} deep");
            return Err(Diagnostic::error(&self.tree.shown(folder), message));
        }
        for entry in self.tree.entries(folder)? {
            if entry.name.starts_with('.') {
                continue;
            }
            let path = match folder {
                "" => entry.name.clone(),
                folder => format!("{folder}/{}", entry.name),
            };
            if entry.is_folder {
                if !SKIPPED_FOLDERS.contains(&entry.name.as_str()) {
                    self.collect(&path, depth + 1)?;
                }
            } else if entry.name.ends_with(".js") || entry.name.ends_with(".mjs") {
                self.add(path)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, path: String) -> Loaded<()> {
        if path == self.entry {
            return Ok(());
        }
        let wrong = |message: &str| Err(Diagnostic::error(&self.tree.shown(&path), message));
        if self.found.len() >= MAX_MODULES {
            let message = format!("is one too many: a task has at most {MAX_MODULES} source files");
            return wrong(&message);
        }
        let text = read_text(self.tree, &path)?;
        self.bytes += text.len();
        if self.bytes > MAX_MODULES_BYTES {
            return wrong("is too much: a task has at most 8 MiB of source");
        }
        self.found.insert(path, text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Disk;
    use crate::test_folder::folder;

    #[test]
    fn modules_are_named_by_their_relative_path() {
        let folder = folder(&[
            ("main.js", "import './lib/money.js';"),
            ("lib/money.js", "export {};"),
            ("util.mjs", "export {};"),
            ("tests/basic.test.js", "test();"),
            ("node_modules/x/index.js", "x();"),
            (".hidden/y.js", "y();"),
        ]);
        let program = read(&Disk::new(folder.path()), &mut Vec::new()).unwrap();
        assert_eq!(program.modules.keys().collect::<Vec<_>>(), ["lib/money.js", "util.mjs"]);
    }

    #[test]
    fn an_empty_entry_is_an_error() {
        let folder = folder(&[("main.js", " \n")]);
        let error = read(&Disk::new(folder.path()), &mut Vec::new()).unwrap_err();
        assert!(error.message.starts_with("is empty"), "{error}");
    }

    #[test]
    fn too_many_modules_are_refused() {
        let folder = folder(&[("main.js", "1")]);
        for number in 0..=MAX_MODULES {
            std::fs::write(folder.path().join(format!("m{number}.js")), "").unwrap();
        }
        let error = read(&Disk::new(folder.path()), &mut Vec::new()).unwrap_err();
        assert!(error.message.contains("at most 256 source files"), "{error}");
    }
}
