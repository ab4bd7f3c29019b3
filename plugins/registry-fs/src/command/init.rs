//! `ratchet repo init`: makes a folder a repository of tasks.

use std::path::{Path, PathBuf};

use ratchet_plugin_api::shell::{Shell, ShellCommand};
use ratchet_plugin_api::{Code, Error, Result, command};
use ratchet_taskdir::{Index, Patterns, Scanner};

use super::blocking;
use crate::RegistryFs;
use crate::repository::{REPOSITORY_FILE, RepositoryFile, folder_name, index_of, write_index};

/// Makes a folder a repository of tasks.
#[command(name = "repo init")]
pub(crate) struct RepoInit {
    /// The folder; it is made if it is not there.
    #[arg(positional, value_name = "DIR")]
    directory: PathBuf,
    /// What the repository is called; the folder's name if none is given.
    #[arg(value_name = "TEXT")]
    name: Option<String>,
    /// What it is for, in a sentence.
    #[arg(value_name = "TEXT")]
    description: Option<String>,
    /// Its version.
    #[default("1.0.0")]
    version: String,
    /// The versions of Ratchet it is for; this one and later if none are given.
    #[arg(value_name = "REQUIREMENT")]
    ratchet_version: Option<String>,
    /// Replace what a repository that is there says of itself. Tasks are never touched.
    force: bool,
}

impl ShellCommand<RegistryFs> for RepoInit {
    async fn run(self, plugin: &RegistryFs, _shell: Shell) -> Result<u8> {
        if semver::Version::parse(&self.version).is_err() {
            let message = format!("--version is `{}`; a version looks like 1.0.0", self.version);
            return Err(Error::invalid(message));
        }
        let own = concat!(">=", env!("CARGO_PKG_VERSION"));
        let wanted = self.ratchet_version.clone().unwrap_or_else(|| own.to_owned());
        if let Err(error) = semver::VersionReq::parse(&wanted) {
            let message = format!(
                "--ratchet-version is `{wanted}`, which is no requirement: {error}; one looks \
                 like {own}"
            );
            return Err(Error::invalid(message));
        }
        let folder = self.directory.clone();
        let written = blocking(move || self.write(wanted)).await?;
        let mut text = String::new();
        for file in written {
            text.push_str(&format!("wrote {}\n", file.display()));
        }
        let shown = folder.display();
        text.push_str(&format!(
            "\nNow try: ratchet generate task --path={shown}/tasks/my-task\n\
             and then: ratchet repo refresh-metadata {shown}\n"
        ));
        plugin.context.print(text)?;
        Ok(0)
    }
}

impl RepoInit {
    fn write(self, ratchet_version: String) -> Result<Vec<PathBuf>> {
        let Self { directory: root, force, .. } = self;
        if root.exists() && !root.is_dir() {
            let message = format!("`{}` is a file, not a folder", root.display());
            return Err(Error::new(Code::Conflict, message));
        }
        let file = root.join(REPOSITORY_FILE);
        if file.exists() && !force {
            let message = format!(
                "`{}` is a repository already; --force replaces its {REPOSITORY_FILE}",
                root.display()
            );
            return Err(Error::new(Code::Conflict, message));
        }
        std::fs::create_dir_all(root.join("tasks")).map_err(|error| failed(&root, error))?;
        let name = self.name.filter(|name| !name.trim().is_empty());
        let name = name.unwrap_or_else(|| folder_name(&root));
        let own = RepositoryFile {
            name: name.clone(),
            description: self.description,
            version: Some(self.version),
            ratchet_version: Some(ratchet_version),
        };
        let text = serde_yaml_ng::to_string(&own)
            .map_err(|error| Error::internal(format!("cannot be written as YAML: {error}")))?;
        std::fs::write(&file, text).map_err(|error| failed(&file, error))?;
        let mut written = vec![file];
        let readme = root.join("README.md");
        if !readme.exists() {
            let about = own.description.as_deref().unwrap_or("Tasks for Ratchet.");
            let text = readme_text(&name, about);
            std::fs::write(&readme, text).map_err(|error| failed(&readme, error))?;
            written.push(readme);
        }
        let scan = Scanner::new(&root, Patterns::default(), false).scan(false)?;
        let before = Index::load(&root).ok().flatten();
        written.push(write_index(&root, &index_of(&root, &scan, before.as_ref())?)?);
        Ok(written)
    }
}

fn failed(path: &Path, error: std::io::Error) -> Error {
    Error::from(error).context(format!("cannot write `{}`", path.display()))
}

fn readme_text(name: &str, about: &str) -> String {
    format!(
        "# {name}\n\n{about}\n\nTasks are folders below `tasks/`. After a change, check them and \
         bring the index up to date:\n\n```sh\nratchet validate --from-fs tasks\nratchet test \
         --from-fs tasks\nratchet repo refresh-metadata .\n```\n"
    )
}
