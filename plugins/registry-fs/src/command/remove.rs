//! `ratchet repo remove`: forgets a source that was added.

use ratchet_plugin_api::model::Key;
use ratchet_plugin_api::services::{Database, RepositoryStore};
use ratchet_plugin_api::shell::{Shell, ShellCommand};
use ratchet_plugin_api::{Code, Error, Result, command};

use super::check_lasting;
use super::show::printable;
use crate::RegistryFs;

/// Forgets a repository that was added. Its tasks stay until they are removed.
#[command(name = "repo remove", needs = [RepositoryStore, Database])]
pub(crate) struct RepoRemove {
    /// Its name, number or id.
    #[arg(positional)]
    name: String,
}

impl ShellCommand<RegistryFs> for RepoRemove {
    async fn run(self, plugin: &RegistryFs, _shell: Shell) -> Result<u8> {
        let key: Key = self.name.parse().unwrap_or(Key::Name(self.name));
        if let Key::Name(name) = &key
            && plugin.configured.iter().any(|source| source.name == *name)
        {
            let message = format!(
                "the source `{name}` is in the configuration, below registry.sources; remove it \
                 there"
            );
            return Err(Error::new(Code::Conflict, message));
        }
        check_lasting(&plugin.context).await?;
        let store = plugin.context.slot::<dyn RepositoryStore>().get()?;
        let repository = store.get(key).await?;
        store.remove(Key::Id(repository.id)).await?;
        plugin.context.print(format!("removed {}\n", printable(&repository.spec.name)))?;
        Ok(0)
    }
}
