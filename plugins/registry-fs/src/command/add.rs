//! `ratchet repo add`: adds a source to the store.

use ratchet_plugin_api::model::{Json, RepositorySpec};
use ratchet_plugin_api::services::{Database, RepositoryStore};
use ratchet_plugin_api::shell::{Shell, ShellCommand};
use ratchet_plugin_api::{Code, Error, Result, command};
use ratchet_taskdir::Patterns;

use super::check_lasting;
use super::show::printable;
use crate::RegistryFs;
use crate::config::{SourceType, seconds};
use crate::place::{Place, without_password};
use crate::specs::Settings;

/// Adds a repository that tasks come from. A running server takes it up within half a minute.
#[command(name = "repo add", needs = [RepositoryStore, Database])]
pub(crate) struct RepoAdd {
    /// What it is called; each repository has a name of its own.
    #[arg(positional)]
    name: String,
    /// Where it is: a folder, a ZIP archive, or a URI.
    #[arg(positional)]
    uri: String,
    /// What kind it is; by default what its URI looks like.
    #[arg(value_name = "KIND")]
    r#type: Option<SourceType>,
    /// The branch, tag or commit, where the kind has them.
    branch: Option<String>,
    /// Leave it to `repo sync` to take over changes.
    no_watch: bool,
    /// Seconds between looks at it, besides watching it.
    #[arg(value_name = "SECONDS")]
    poll: Option<f64>,
    /// The only paths to take tasks from.
    #[arg(value_name = "PATTERN")]
    include: Vec<String>,
    /// Paths not to take tasks from.
    #[arg(value_name = "PATTERN")]
    exclude: Vec<String>,
    /// Follow links wherever they lead.
    follow_symlinks: bool,
}

impl ShellCommand<RegistryFs> for RepoAdd {
    async fn run(self, plugin: &RegistryFs, _shell: Shell) -> Result<u8> {
        let spec = self.spec()?;
        let configured = plugin.configured.iter().any(|source| source.name == spec.name);
        if configured {
            let message = format!("the configuration has a source `{}` already", spec.name);
            return Err(Error::new(Code::Conflict, message));
        }
        check_lasting(&plugin.context).await?;
        let store = plugin.context.slot::<dyn RepositoryStore>().get()?;
        let added = store.add(spec).await?;
        let name = printable(&added.spec.name);
        plugin.context.print(format!("added {name} ({})\n", printable(&added.spec.uri)))?;
        Ok(0)
    }
}

impl RepoAdd {
    fn spec(self) -> Result<RepositorySpec> {
        let usage = |error: Error| Error::invalid(error.message);
        if self.name.trim().is_empty() {
            return Err(Error::invalid("the name is empty; give the repository a name"));
        }
        let place = Place::read(&self.uri, self.r#type).map_err(usage)?;
        let uri = match &place {
            // A server has a working directory of its own.
            Place::Disk(path) => match std::path::absolute(path) {
                Ok(path) if path.exists() => path.display().to_string(),
                _ => {
                    let shown = path.display();
                    return Err(Error::not_found(format!("there is nothing at `{shown}`")));
                }
            },
            Place::Elsewhere(_) if without_password(&self.uri) != self.uri => {
                let message = "the URI has a password in it, which would be kept for all to see; \
                               leave it out and configure credentials for the repository";
                return Err(Error::invalid(message));
            }
            Place::Elsewhere(_) => self.uri.clone(),
        };
        let settings = Settings {
            include_patterns: self.include,
            exclude_patterns: self.exclude,
            follow_symlinks: self.follow_symlinks,
        };
        let (include, exclude) = (&settings.include_patterns, &settings.exclude_patterns);
        Patterns::new(include, exclude, "--include or --exclude").map_err(usage)?;
        let poll = seconds(self.poll, "--poll").map_err(usage)?;
        Ok(RepositorySpec {
            name: self.name,
            kind: place.kind().to_owned(),
            uri,
            branch: self.branch,
            enabled: true,
            watch: !self.no_watch,
            poll_ms: poll.map(|poll| u64::try_from(poll.as_millis()).unwrap_or(u64::MAX)),
            auth: None,
            writable: false,
            settings: Json::of(&settings)?,
        })
    }
}
