//! Tests of the whole plugin, on a host and a store in memory.

mod commands;
mod serving;

use std::sync::{Arc, Mutex};

use ratchet_plugin_api::model::{
    Id, Key, ListQuery, Listing, Repository, RepositorySpec, Task, Timestamp,
};
use ratchet_plugin_api::services::{RepositoryReading, RepositoryStore, TaskStore};
use ratchet_plugin_api::{Error, Result, service};
use ratchet_testkit::TestHost;
use ratchet_testkit::memory::MemoryStore;
use serde_json::{Value, json};

use crate::RegistryFs;

/// A host with a store of tasks and one of repositories.
struct World {
    host: TestHost,
    tasks: Arc<MemoryStore>,
    repositories: Arc<Repositories>,
}

impl World {
    fn new() -> Self {
        let (tasks, repositories) =
            (Arc::new(MemoryStore::new()), Arc::new(Repositories::default()));
        let host = TestHost::new()
            .with::<dyn TaskStore>("", Arc::clone(&tasks) as Arc<dyn TaskStore>)
            .with::<dyn RepositoryStore>("", Arc::clone(&repositories) as _);
        Self { host, tasks, repositories }
    }

    /// Starts the plugin for a command that ends.
    async fn start(&self, sources: Value) -> Arc<RegistryFs> {
        self.host.start::<RegistryFs>(json!({"registry": {"sources": sources}})).await.unwrap()
    }

    /// Starts the plugin as a server does.
    async fn serve(&self, sources: Value) -> Arc<RegistryFs> {
        self.host.fake().answer("command", r#"{"name": "serve", "serves": true}"#);
        self.start(sources).await
    }

    /// The tasks that are kept, sorted by name.
    async fn kept(&self) -> Vec<Task> {
        let query = ListQuery { limit: 1_000, ..ListQuery::default() }.sort_by("name", false);
        TaskStore::list(&*self.tasks, query, true).await.unwrap().items
    }

    async fn names(&self) -> Vec<String> {
        self.kept().await.into_iter().map(|task| task.definition.name).collect()
    }
}

/// Repositories in memory, as far as this plugin asks for them.
#[derive(Default)]
struct Repositories(Mutex<Vec<Repository>>);

impl Repositories {
    fn put(&self, spec: RepositorySpec, configured: bool) -> Repository {
        let mut all = self.0.lock().unwrap();
        let now = Timestamp::now();
        let repository = Repository {
            id: Id::new(),
            number: i64::try_from(all.len()).unwrap() + 1,
            spec,
            configured,
            tasks: 0,
            synced_at: None,
            revision: None,
            problems: Vec::new(),
            error: None,
            created_at: now,
            updated_at: now,
        };
        all.push(repository.clone());
        repository
    }

    fn find(&self, key: &Key) -> Result<Repository> {
        let all = self.0.lock().unwrap();
        let found = all.iter().find(|it| match key {
            Key::Id(id) => it.id == *id,
            Key::Number(number) => it.number == *number,
            Key::Name(name) => it.spec.name == *name,
        });
        found.cloned().ok_or_else(|| Error::not_found(format!("there is no repository {key}")))
    }
}

#[service]
impl RepositoryStore for Repositories {
    async fn get(&self, key: Key) -> Result<Repository> {
        self.find(&key)
    }

    async fn list(&self, query: ListQuery) -> Result<Listing<Repository>> {
        let fits = |it: &&Repository| {
            query.filters.iter().all(|filter| {
                let value = match filter.field.as_str() {
                    "kind" => it.spec.kind.clone(),
                    "configured" => it.configured.to_string(),
                    "enabled" => it.spec.enabled.to_string(),
                    other => panic!("no filter `{other}` here"),
                };
                filter.values == [value]
            })
        };
        let items = self.0.lock().unwrap().iter().filter(fits).cloned().collect();
        Ok(Listing { items, total: None })
    }

    async fn add(&self, spec: RepositorySpec) -> Result<Repository> {
        Ok(self.put(spec, false))
    }

    async fn update(&self, key: Key, _spec: RepositorySpec) -> Result<Repository> {
        self.find(&key)
    }

    async fn configure(&self, specs: Vec<RepositorySpec>) -> Result<Vec<Repository>> {
        self.0.lock().unwrap().retain(|it| !it.configured);
        Ok(specs.into_iter().map(|spec| self.put(spec, true)).collect())
    }

    async fn remove(&self, key: Key) -> Result<()> {
        let found = self.find(&key)?;
        self.0.lock().unwrap().retain(|it| it.id != found.id);
        Ok(())
    }

    async fn read(&self, key: Key, reading: RepositoryReading) -> Result<Repository> {
        let found = self.find(&key)?;
        let mut all = self.0.lock().unwrap();
        let kept = all.iter_mut().find(|it| it.id == found.id).unwrap();
        (kept.problems, kept.error) = (reading.problems, reading.error);
        kept.synced_at = Some(Timestamp::now());
        Ok(kept.clone())
    }
}
