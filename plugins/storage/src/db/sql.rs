//! Running SQL: one text for both databases.
//!
//! Parameters are `$1`, `$2` and so on. `{lock}`, `{lock_j}` (of the
//! table called `j` only), `{skip}` and `{share}` stand for locking clauses,
//! of which SQLite needs none, since whoever writes there is alone. `{rows}` is a table of many
//! given rows, see [`Rows`].

use std::borrow::Cow;

use ratchet_plugin_api::Result;
use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement, TryGetable, Value};

use super::error::storage_error;
use super::rows::Rows;

/// The text for one database.
pub(crate) fn text(backend: DbBackend, template: &str) -> Cow<'_, str> {
    if !template.contains('{') {
        return template.into();
    }
    let [lock, skip, share] = match backend {
        DbBackend::Sqlite => ["", "", ""],
        _ => ["FOR UPDATE", "FOR UPDATE SKIP LOCKED", "FOR KEY SHARE"],
    };
    let lock_j = if lock.is_empty() { "" } else { "FOR UPDATE OF j" };
    let template = template.replace("{lock_j}", lock_j);
    template.replace("{lock}", lock).replace("{skip}", skip).replace("{share}", share).into()
}

fn statement(
    backend: DbBackend,
    template: &str,
    values: impl IntoIterator<Item = Value>,
) -> Statement {
    Statement::from_sql_and_values(backend, text(backend, template), values)
}

/// The rows a statement gives.
pub(crate) async fn query(
    connection: &impl ConnectionTrait,
    template: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Vec<QueryResult>> {
    let statement = statement(connection.get_database_backend(), template, values);
    connection.query_all_raw(statement).await.map_err(storage_error)
}

/// The first row a statement gives.
pub(crate) async fn query_one(
    connection: &impl ConnectionTrait,
    template: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Option<QueryResult>> {
    let statement = statement(connection.get_database_backend(), template, values);
    connection.query_one_raw(statement).await.map_err(storage_error)
}

/// The first column of the first row, which is zero if there is none.
pub(crate) async fn query_number(
    connection: &impl ConnectionTrait,
    template: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<i64> {
    let row = query_one(connection, template, values).await?;
    row.map_or(Ok(0), |row| get::<Option<i64>>(&row, 0).map(Option::unwrap_or_default))
}

/// Runs a statement; gives the number of rows it changed.
pub(crate) async fn execute(
    connection: &impl ConnectionTrait,
    template: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<u64> {
    let statement = statement(connection.get_database_backend(), template, values);
    let done = connection.execute_raw(statement).await.map_err(storage_error)?;
    Ok(done.rows_affected())
}

/// The rows a statement gives for the given ones, which are `{rows}` in it.
pub(crate) async fn query_rows(
    connection: &impl ConnectionTrait,
    template: &str,
    rows: &Rows,
    values: &[Value],
) -> Result<Vec<QueryResult>> {
    let mut found = Vec::new();
    let backend = connection.get_database_backend();
    for statement in rows.statements(backend, &text(backend, template), values) {
        found.extend(connection.query_all_raw(statement).await.map_err(storage_error)?);
    }
    Ok(found)
}

/// Runs a statement for the given rows, which are `{rows}` in it; gives the number of rows it
/// changed.
pub(crate) async fn execute_rows(
    connection: &impl ConnectionTrait,
    template: &str,
    rows: &Rows,
    values: &[Value],
) -> Result<u64> {
    let mut changed = 0;
    let backend = connection.get_database_backend();
    for statement in rows.statements(backend, &text(backend, template), values) {
        let done = connection.execute_raw(statement).await.map_err(storage_error)?;
        changed += done.rows_affected();
    }
    Ok(changed)
}

/// The value of a column, by its place from 0.
pub(crate) fn get<T: TryGetable>(row: &QueryResult, column: usize) -> Result<T> {
    row.try_get_by_index(column).map_err(storage_error)
}
