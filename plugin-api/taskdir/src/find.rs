//! Finding task folders, and saying what was probably meant when there is none.

use std::path::{Component, Path, PathBuf};

use ratchet_plugin_api::{Error, Result, did_you_mean, nearest};

use crate::{Disk, ENTRY_FILES, METADATA_FILES, Tree};

/// How deep below a folder tasks are looked for.
pub(crate) const MAX_DEPTH: usize = 16;

/// How many tasks are named in an error.
const MAX_NAMED: usize = 8;

/// Whether `folder` holds a task.
fn is_task(folder: &Path) -> bool {
    holds_task(&Disk::new(folder))
}

/// Whether there is a file in the tree that makes it a task.
pub(crate) fn holds_task(tree: &dyn Tree) -> bool {
    METADATA_FILES.iter().chain(&ENTRY_FILES).any(|name| tree.has(name))
}

/// The task folder at `path`.
///
/// # Errors
/// `Invalid` when there is none, with what is there or was probably meant.
pub fn one(path: &Path) -> Result<PathBuf> {
    check_folder(path)?;
    if is_task(path) {
        return Ok(path.to_owned());
    }
    let below = below(path)?;
    let shown = path.display();
    if below.is_empty() {
        return Err(no_task(path));
    }
    let mut named: Vec<_> =
        below.iter().take(MAX_NAMED).map(|task| task.display().to_string()).collect();
    if below.len() > MAX_NAMED {
        named.push(format!("{} more", below.len() - MAX_NAMED));
    }
    let named = named.join(", ");
    Err(Error::invalid(format!("`{shown}` holds no task itself, but below it are: {named}")))
}

/// The task folder at `path`, or every one below it, sorted.
///
/// # Errors
/// `Invalid` when there is none.
pub fn all_below(path: &Path) -> Result<Vec<PathBuf>> {
    check_folder(path)?;
    if is_task(path) {
        return Ok(vec![path.to_owned()]);
    }
    let below = below(path)?;
    if below.is_empty() { Err(no_task(path)) } else { Ok(below) }
}

fn no_task(path: &Path) -> Error {
    let shown = path.display();
    Error::invalid(format!(
        "`{shown}` holds no task; a task is a folder with metadata.json and main.js, and \
         `ratchet generate task --path={shown}` writes one"
    ))
}

fn check_folder(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let shown = path.display();
    if path.is_file() {
        let parent = path.parent().filter(|folder| is_task(folder));
        let hint = did_you_mean(parent.map(Path::display));
        return Err(Error::invalid(format!("`{shown}` is a file; a task is a folder{hint}")));
    }
    let hint = did_you_mean(nearest_path(path).as_deref().map(Path::display));
    Err(Error::invalid(format!("there is no folder `{shown}`{hint}")))
}

fn below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    collect(folder, 0, &mut found)?;
    found.sort();
    Ok(found)
}

fn collect(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<()> {
    if depth >= MAX_DEPTH {
        return Ok(());
    }
    let failed = |error: std::io::Error| {
        Error::from(error).context(format!("cannot read the folder `{}`", folder.display()))
    };
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if !is_folder || name.starts_with('.') || name == "node_modules" {
            continue;
        }
        let path = entry.path();
        if is_task(&path) {
            found.push(path);
        } else {
            collect(&path, depth + 1, found)?;
        }
    }
    Ok(())
}

/// The existing path most like `path`: each part that does not exist is replaced by the sibling
/// nearest to it.
pub(crate) fn nearest_path(path: &Path) -> Option<PathBuf> {
    let mut nearest_so_far = PathBuf::new();
    for component in path.components() {
        let next = nearest_so_far.join(component);
        let Component::Normal(name) = component else {
            nearest_so_far = next;
            continue;
        };
        if next.exists() {
            nearest_so_far = next;
            continue;
        }
        let parent =
            if nearest_so_far.as_os_str().is_empty() { Path::new(".") } else { &nearest_so_far };
        let siblings: Vec<String> = std::fs::read_dir(parent)
            .ok()?
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        let chosen = nearest(&name.to_string_lossy(), siblings.iter().map(String::as_str))?;
        nearest_so_far.push(chosen);
    }
    Some(nearest_so_far)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_folder::folder;

    #[test]
    fn a_mistyped_path_gets_the_nearest_one() {
        let folder = folder(&[("js-tasks/addition/main.js", "1")]);
        let typed = folder.path().join("js-task/additon");
        let meant = folder.path().join("js-tasks/addition");
        let error = one(&typed).unwrap_err().message;
        assert!(error.ends_with(&format!("; did you mean `{}`?", meant.display())), "{error}");
    }

    #[test]
    fn a_folder_of_tasks_names_them() {
        let folder = folder(&[("a/main.js", "1"), ("deep/b/metadata.json", "{}")]);
        let error = one(folder.path()).unwrap_err().message;
        assert!(error.contains("below it are: ") && error.contains("deep/b"), "{error}");
        let all = all_below(folder.path()).unwrap();
        assert_eq!(all, [folder.path().join("a"), folder.path().join("deep/b")]);
    }

    #[test]
    fn a_file_of_a_task_leads_to_its_folder() {
        let folder = folder(&[("a/main.js", "1")]);
        let error = one(&folder.path().join("a/main.js")).unwrap_err().message;
        let expected = format!("did you mean `{}`?", folder.path().join("a").display());
        assert!(error.contains("is a file") && error.ends_with(&expected), "{error}");
    }

    #[test]
    fn a_folder_without_tasks_says_how_to_make_one() {
        let folder = folder(&[("notes.txt", "")]);
        let error = all_below(folder.path()).unwrap_err().message;
        assert!(error.contains("holds no task") && error.contains("generate task"), "{error}");
    }
}
