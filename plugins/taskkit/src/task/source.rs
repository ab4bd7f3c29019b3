//! The JavaScript of a task: its entry file and what it may import.

use std::collections::BTreeMap;
use std::path::Path;

use ratchet_plugin_api::model::Program;

use super::Loaded;
use super::document::read_text;
use crate::diagnostic::Diagnostic;

/// The names an entry file may have, best first.
pub(crate) const ENTRY_FILES: [&str; 2] = ["main.js", "task.js"];

/// Folders that never hold a task's own source.
const SKIPPED_FOLDERS: [&str; 3] = ["tests", "node_modules", "recordings"];

/// Files a task may consist of.
const MAX_MODULES: usize = 256;

/// Bytes of all modules together.
const MAX_MODULES_BYTES: usize = 8 << 20;

/// Reads the program of the task in `folder`.
pub(super) fn load(folder: &Path, warnings: &mut Vec<Diagnostic>) -> Loaded<Program> {
    let mut present = ENTRY_FILES.into_iter().filter(|name| folder.join(name).is_file());
    let Some(entry) = present.next() else {
        let message = "there is no such file; a task's function is in it";
        return Err(Diagnostic::error(&folder.join(ENTRY_FILES[0]), message));
    };
    if entry != ENTRY_FILES[0] {
        let message = format!("rename it to {}", ENTRY_FILES[0]);
        warnings.push(Diagnostic::warning(&folder.join(entry), message));
    }
    let source = read_text(&folder.join(entry))?;
    if source.trim().is_empty() {
        let message = "is empty; it has to hold the task's function";
        return Err(Diagnostic::error(&folder.join(entry), message));
    }
    let mut modules = BTreeMap::new();
    collect_modules(folder, "", &mut modules)?;
    modules.remove(entry);
    Ok(Program { entry: entry.to_owned(), source, modules })
}

/// Adds every `.js` and `.mjs` file below `folder`, by its path relative to the task's folder.
fn collect_modules(
    folder: &Path,
    prefix: &str,
    modules: &mut BTreeMap<String, String>,
) -> Loaded<()> {
    let unreadable =
        |error: std::io::Error| Diagnostic::error(folder, format!("cannot read: {error}"));
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        if name.starts_with('.') {
            continue;
        }
        // A link to a folder is not followed: it may lead in a circle.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            if !SKIPPED_FOLDERS.contains(&name.as_str()) {
                collect_modules(&entry.path(), &format!("{prefix}{name}/"), modules)?;
            }
        } else if matches!(entry.path().extension().and_then(|e| e.to_str()), Some("js" | "mjs"))
            && entry.path().is_file()
        {
            modules.insert(format!("{prefix}{name}"), read_text(&entry.path())?);
            check_size(&entry.path(), modules)?;
        }
    }
    Ok(())
}

fn check_size(file: &Path, modules: &BTreeMap<String, String>) -> Loaded<()> {
    if modules.len() > MAX_MODULES {
        let message = format!("is one too many: a task has at most {MAX_MODULES} source files");
        return Err(Diagnostic::error(file, message));
    }
    let bytes: usize = modules.values().map(String::len).sum();
    if bytes > MAX_MODULES_BYTES {
        let message = "is too much: a task has at most 8 MiB of source";
        return Err(Diagnostic::error(file, message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::test_folder::folder;
    use super::*;

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
        let program = load(folder.path(), &mut Vec::new()).unwrap();
        assert_eq!(program.modules.keys().collect::<Vec<_>>(), ["lib/money.js", "util.mjs"]);
    }

    #[test]
    fn an_empty_entry_is_an_error() {
        let folder = folder(&[("main.js", " \n")]);
        let error = load(folder.path(), &mut Vec::new()).unwrap_err();
        assert!(error.message.starts_with("is empty"), "{error}");
    }

    #[test]
    fn too_many_modules_are_refused() {
        let folder = folder(&[("main.js", "1")]);
        for number in 0..=MAX_MODULES {
            std::fs::write(folder.path().join(format!("m{number}.js")), "").unwrap();
        }
        let error = load(folder.path(), &mut Vec::new()).unwrap_err();
        assert!(error.message.contains("at most 256 source files"), "{error}");
    }
}
