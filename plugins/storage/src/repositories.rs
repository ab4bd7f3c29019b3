//! `RepositoryStore`: the sources of tasks that are known.

use std::sync::Arc;

use ratchet_plugin_api::model::{Id, Key, ListQuery, Listing, Repository, RepositorySpec};
use ratchet_plugin_api::services::{RepositoryReading, RepositoryStore};
use ratchet_plugin_api::{Code, Error, Result, service};
use sea_orm::{ConnectionTrait, QueryResult, Value};

use crate::Storage;
use crate::db::{Numbered, Tx, execute, query, query_one};
use crate::find::{one, page};
use crate::list::fields::REPOSITORIES;
use crate::row::{column, count, document, id, time, time_option, uuid};

#[service]
impl RepositoryStore for Storage {
    async fn get(&self, key: Key) -> Result<Repository> {
        present(self.db()?.read(), &key).await
    }

    async fn list(&self, query: ListQuery) -> Result<Listing<Repository>> {
        let db = self.db()?;
        page(db.read(), &REPOSITORIES, &query, db.now().await?, repository_of).await
    }

    async fn add(&self, spec: RepositorySpec) -> Result<Repository> {
        let spec = Arc::new(spec);
        self.db()?
            .write(move |tx| {
                let spec = Arc::clone(&spec);
                Box::pin(async move {
                    check_name(tx, &spec.name, -1).await?;
                    let number = insert(tx, &spec, false).await?;
                    present(tx, &Key::Number(number)).await
                })
            })
            .await
    }

    async fn update(&self, key: Key, spec: RepositorySpec) -> Result<Repository> {
        let asked = Arc::new((key, spec));
        self.db()?
            .write(move |tx| {
                let asked = Arc::clone(&asked);
                Box::pin(async move {
                    let (key, spec) = (&asked.0, &asked.1);
                    let known = own(tx, key).await?;
                    check_name(tx, &spec.name, known.number).await?;
                    replace(tx, known.number, spec, false).await?;
                    if known.spec.name != spec.name {
                        let sql = "UPDATE tasks SET repository = $2 WHERE repository = $1";
                        let names = [known.spec.name.into(), spec.name.clone().into()];
                        execute(tx, sql, names).await?;
                    }
                    present(tx, &Key::Number(known.number)).await
                })
            })
            .await
    }

    async fn configure(&self, specs: Vec<RepositorySpec>) -> Result<Vec<Repository>> {
        let specs = Arc::new(specs);
        self.db()?
            .write(move |tx| {
                let specs = Arc::clone(&specs);
                Box::pin(async move { configure(tx, &specs).await })
            })
            .await
    }

    async fn remove(&self, key: Key) -> Result<()> {
        self.db()?
            .write(move |tx| {
                let key = key.clone();
                Box::pin(async move {
                    let known = own(tx, &key).await?;
                    let sql = "DELETE FROM repositories WHERE number = $1";
                    execute(tx, sql, [known.number.into()]).await?;
                    Ok(())
                })
            })
            .await
    }

    async fn read(&self, key: Key, reading: RepositoryReading) -> Result<Repository> {
        let asked = Arc::new((key, reading));
        self.db()?
            .write(move |tx| {
                let asked = Arc::clone(&asked);
                Box::pin(async move { note(tx, &asked.0, &asked.1).await })
            })
            .await
    }
}

fn repository_of(row: &QueryResult) -> Result<Repository> {
    Ok(Repository {
        id: id(row, "id")?,
        number: column(row, "number")?,
        spec: document(row, "spec")?,
        configured: column(row, "configured")?,
        tasks: count(row, "tasks")?,
        synced_at: time_option(row, "synced_at")?,
        revision: column(row, "revision")?,
        problems: document(row, "problems")?,
        error: column(row, "error")?,
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
    })
}

async fn present(connection: &impl ConnectionTrait, key: &Key) -> Result<Repository> {
    repository_of(&one(connection, &REPOSITORIES, "repository", key).await?)
}

/// A repository that the configuration does not name.
async fn own(tx: &Tx, key: &Key) -> Result<Repository> {
    let known = present(tx, key).await?;
    if known.configured {
        let message = format!(
            "the repository `{}` is named by the configuration (`registry.sources`), which has \
             the last word; change it there",
            known.spec.name
        );
        return Err(Error::new(Code::Conflict, message).with_reason("repository.configured"));
    }
    Ok(known)
}

async fn check_name(tx: &Tx, name: &str, own: i64) -> Result<()> {
    let sql = "SELECT 1 FROM repositories WHERE name = $1 AND number <> $2";
    if query_one(tx, sql, [name.into(), own.into()]).await?.is_none() {
        return Ok(());
    }
    let message = format!("there is a repository `{name}` already");
    Err(Error::new(Code::Conflict, message).with_reason("repository.exists"))
}

/// The columns from `name` to `configured`.
fn spec_values(spec: &RepositorySpec, configured: bool) -> Result<[Value; 9]> {
    Ok([
        spec.name.clone().into(),
        spec.kind.clone().into(),
        spec.uri.clone().into(),
        Value::String(spec.branch.clone()),
        spec.enabled.into(),
        spec.watch.into(),
        spec.writable.into(),
        serde_json::to_string(spec)?.into(),
        configured.into(),
    ])
}

async fn insert(tx: &Tx, spec: &RepositorySpec, configured: bool) -> Result<i64> {
    let numbers = tx.numbers(Numbered::Repository, 1).await?;
    let number = numbers.first().copied().unwrap_or_default();
    let sql = "INSERT INTO repositories (number, id, name, kind, uri, branch, enabled, watch, \
        writable, spec, configured, problems, created_at, updated_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, '[]', $12, $12)";
    let fixed = [number.into(), uuid(Id::new())];
    let values = fixed.into_iter().chain(spec_values(spec, configured)?);
    execute(tx, sql, values.chain([tx.now.into()])).await?;
    Ok(number)
}

async fn replace(tx: &Tx, number: i64, spec: &RepositorySpec, configured: bool) -> Result<()> {
    let sql = "UPDATE repositories SET name = $2, kind = $3, uri = $4, branch = $5, \
        enabled = $6, watch = $7, writable = $8, spec = $9, configured = $10, updated_at = $11 \
        WHERE number = $1";
    let values = [number.into()].into_iter().chain(spec_values(spec, configured)?);
    execute(tx, sql, values.chain([tx.now.into()])).await?;
    Ok(())
}

async fn configure(tx: &Tx, specs: &[RepositorySpec]) -> Result<Vec<Repository>> {
    let mut numbers = Vec::new();
    for spec in specs {
        let sql = "SELECT number FROM repositories WHERE name = $1";
        let number = match query_one(tx, sql, [spec.name.clone().into()]).await? {
            None => insert(tx, spec, true).await?,
            Some(row) => {
                let number = column(&row, "number")?;
                let known = present(tx, &Key::Number(number)).await?;
                if known.spec != *spec || !known.configured {
                    replace(tx, number, spec, true).await?;
                }
                number
            }
        };
        numbers.push(number);
    }
    for row in query(tx, "SELECT number FROM repositories WHERE configured", []).await? {
        let number: i64 = column(&row, "number")?;
        if !numbers.contains(&number) {
            execute(tx, "DELETE FROM repositories WHERE number = $1", [number.into()]).await?;
        }
    }
    let mut repositories = Vec::new();
    for number in numbers {
        repositories.push(present(tx, &Key::Number(number)).await?);
    }
    Ok(repositories)
}

/// Notes what came of reading a repository; what is known of the last good reading stays.
async fn note(tx: &Tx, key: &Key, reading: &RepositoryReading) -> Result<Repository> {
    let number = present(tx, key).await?.number;
    if let Some(error) = &reading.error {
        let sql = "UPDATE repositories SET error = $2 WHERE number = $1";
        execute(tx, sql, [number.into(), error.clone().into()]).await?;
    } else {
        let sql = "UPDATE repositories SET error = NULL, synced_at = $2, revision = $3, \
            problems = $4 WHERE number = $1";
        let values = [
            number.into(),
            tx.now.into(),
            Value::String(reading.revision.clone()),
            serde_json::to_string(&reading.problems)?.into(),
        ];
        execute(tx, sql, values).await?;
    }
    present(tx, &Key::Number(number)).await
}
