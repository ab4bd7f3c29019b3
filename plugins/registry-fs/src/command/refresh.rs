//! `ratchet repo refresh-metadata`: writes the index of a repository.

use std::path::{Path, PathBuf};

use ratchet_plugin_api::shell::{Shell, ShellCommand};
use ratchet_plugin_api::{Code, Error, Result, command};
use ratchet_taskdir::{INDEX_FILE, Index, Patterns, Scan, Scanner};

use super::show::{count, printable};
use super::{FAILED, blocking, check_folder};
use crate::RegistryFs;
use crate::repository::{index_of, same, write_index};

/// Writes the index of a repository: its tasks, their versions and checksums.
#[command(name = "repo refresh-metadata")]
pub(crate) struct RepoRefreshMetadata {
    /// The repository's folder.
    #[default(".")]
    #[arg(positional, value_name = "DIR")]
    directory: PathBuf,
    /// Write it also when nothing is different, and when tasks cannot be read, which are then left
    /// out.
    force: bool,
}

impl ShellCommand<RegistryFs> for RepoRefreshMetadata {
    async fn run(self, plugin: &RegistryFs, _shell: Shell) -> Result<u8> {
        let Self { directory, force } = self;
        let refreshed = blocking(move || refresh(&directory, force)).await?;
        let mut text = String::new();
        for problem in &refreshed.scan.problems {
            text.push_str(&printable(&format!("{}: {}", problem.path, problem.message)));
            text.push('\n');
        }
        let (tasks, file) = (count(refreshed.scan.tasks.len(), "task"), refreshed.file.display());
        text.push_str(&match refreshed.written {
            true => format!("wrote {file} with {tasks}\n"),
            false => format!("{file} is up to date with {tasks}\n"),
        });
        plugin.context.print(text)?;
        Ok(if refreshed.scan.problems.is_empty() { 0 } else { FAILED })
    }
}

/// What refreshing did.
struct Refreshed {
    scan: Scan,
    file: PathBuf,
    written: bool,
}

fn refresh(root: &Path, force: bool) -> Result<Refreshed> {
    check_folder(root)?;
    let scan = Scanner::new(root, Patterns::default(), false).scan(false)?;
    if let (Some(problem), false) = (scan.problems.first(), force) {
        let more = match scan.problems.len() - 1 {
            0 => String::new(),
            more => format!(" (and {} more)", count(more, "problem")),
        };
        let (path, message) = (printable(&problem.path), printable(&problem.message));
        let message = format!(
            "{path}: {message}{more}; nothing was written, --force writes the index without what \
             cannot be read"
        );
        return Err(Error::new(Code::Conflict, message));
    }
    // One that cannot be read is written anew.
    let before = Index::load(root).ok().flatten();
    let index = index_of(root, &scan, before.as_ref())?;
    let written = force || before.is_none_or(|before| !same(&before, &index));
    let file = if written { write_index(root, &index)? } else { root.join(INDEX_FILE) };
    Ok(Refreshed { scan, file, written })
}
