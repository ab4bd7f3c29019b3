//! `ratchet generate task`: writes a complete task from a template.

use std::path::{Path, PathBuf};

use ratchet_plugin_api::shell::{Shell, ShellCommand};
use ratchet_plugin_api::{Code, Error, Result, command, did_you_mean, nearest};

use super::{blocking, templates};
use crate::Taskkit;

/// Writes a complete task from a template.
#[command(name = "generate task")]
pub(crate) struct GenerateTask {
    /// The folder to write; it must not exist or be empty.
    #[arg(value_name = "PATH")]
    path: Option<PathBuf>,
    /// What people call the task; the folder's name if none is given.
    #[arg(value_name = "TEXT")]
    label: Option<String>,
    /// What the task does, in a sentence; the template's own if none is given.
    #[arg(value_name = "TEXT")]
    description: Option<String>,
    /// The task's version.
    #[default("1.0.0")]
    version: String,
    /// Which template to start from; `--list` shows them.
    #[default("basic")]
    #[arg(value_name = "NAME")]
    template: String,
    /// List the templates and write nothing.
    list: bool,
}

impl ShellCommand<Taskkit> for GenerateTask {
    async fn run(self, plugin: &Taskkit, _shell: Shell) -> Result<u8> {
        if self.list {
            plugin.context.print(list())?;
            return Ok(0);
        }
        let Some(path) = self.path else {
            return Err(Error::invalid(
                "--path is missing; it is the folder to write, such as ./my-task",
            ));
        };
        if semver::Version::parse(&self.version).is_err() {
            let message = format!("--version is `{}`; a version looks like 1.0.0", self.version);
            return Err(Error::invalid(message));
        }
        let template = templates::named(&self.template).ok_or_else(|| {
            let names = templates::ALL.iter().map(|template| template.name);
            let hint = did_you_mean(nearest(&self.template, names));
            let asked = &self.template;
            Error::invalid(format!("there is no template `{asked}` (`--list` shows them){hint}"))
        })?;
        let folder = path.clone();
        let written = blocking(move || {
            check_free(&folder)?;
            let about = templates::About {
                label: self.label,
                description: self.description,
                version: self.version,
            };
            templates::write(&folder, template, about)
        });
        let mut text = String::new();
        for file in written.await? {
            text.push_str(&format!("wrote {}\n", file.display()));
        }
        text.push_str(&format!("\nNow try: ratchet test --from-fs {}\n", path.display()));
        plugin.context.print(text)?;
        Ok(0)
    }
}

fn list() -> String {
    let width = templates::ALL.iter().map(|template| template.name.len()).max().unwrap_or(0);
    let line = |template: &templates::Template| {
        format!("{:<width$}  {}\n", template.name, template.summary)
    };
    templates::ALL.iter().map(line).collect()
}

/// Refuses a place where something is already.
fn check_free(folder: &Path) -> Result<()> {
    let shown = folder.display();
    if folder.is_dir() {
        if std::fs::read_dir(folder)?.next().is_some() {
            let message = format!(
                "the folder `{shown}` is not empty, and nothing is overwritten; \
                 `ratchet validate --from-fs {shown} --fix` writes what a task misses"
            );
            return Err(Error::new(Code::Conflict, message));
        }
    } else if folder.exists() {
        return Err(Error::new(Code::Conflict, format!("`{shown}` is a file, not a folder")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        assert!(check_free(folder.path()).is_ok());
        assert!(check_free(&folder.path().join("new")).is_ok());
        let file = folder.path().join("a.txt");
        std::fs::write(&file, "").unwrap();
        assert_eq!(check_free(folder.path()).unwrap_err().code, Code::Conflict);
        assert_eq!(check_free(&file).unwrap_err().code, Code::Conflict);
    }

    #[test]
    fn the_list_names_every_template() {
        let list = list();
        assert_eq!(list.lines().count(), templates::ALL.len());
        assert!(list.starts_with("basic "), "{list}");
    }
}
