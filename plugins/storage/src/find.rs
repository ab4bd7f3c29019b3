//! Getting things from the database: one by its key, or those that pass a query.

use ratchet_plugin_api::model::{FilterOp, Key, ListQuery, Listing};
use ratchet_plugin_api::{Error, Result, did_you_mean, nearest};
use sea_orm::{ConnectionTrait, QueryResult};

use crate::db::{query, storage_error};
use crate::list::{Source, list};
use crate::row::column;

/// Names to look through for one that is near.
const MOST_NAMES: usize = 10_000;

/// What reads a row.
pub(crate) type Read<T> = fn(&QueryResult) -> Result<T>;

/// The things that pass the query at this time, in microseconds.
pub(crate) async fn page<T>(
    connection: &impl ConnectionTrait,
    source: &Source,
    query: &ListQuery,
    now: i64,
    read: Read<T>,
) -> Result<Listing<T>> {
    let sql = list(source, query, connection.get_database_backend(), now)?;
    let (rows, total) = sql.run(connection).await?;
    let items: Result<Vec<T>> = rows.iter().map(read).collect();
    Ok(Listing { items: items?, total })
}

/// The row of the thing with this key.
///
/// # Errors
/// `NotFound`, with the nearest name where the kind of thing has names.
pub(crate) async fn one(
    connection: &impl ConnectionTrait,
    source: &Source,
    kind: &str,
    key: &Key,
) -> Result<QueryResult> {
    let field = match key {
        Key::Id(_) => "id",
        Key::Number(_) => "number",
        Key::Name(_) => "name",
    };
    let named = source.fields.iter().any(|field| field.name == "name");
    if field == "name" && !named {
        let message = format!("there is no {kind} `{key}`; give its id or its number");
        return Err(Error::not_found(message).with_reason(format!("{kind}.not_found")));
    }
    let wanted = ListQuery { limit: 1, count: false, ..ListQuery::default() };
    let wanted = wanted.filter(field, FilterOp::Eq, key);
    let sql = list(source, &wanted, connection.get_database_backend(), 0)?;
    let found = match sql.page {
        Some(page) => connection.query_one_raw(page).await.map_err(storage_error)?,
        None => None,
    };
    if let Some(row) = found {
        return Ok(row);
    }
    let near = match (key, source.arms) {
        (Key::Name(name), [arm]) => {
            let condition =
                if arm.filter.is_empty() { String::new() } else { format!("WHERE {}", arm.filter) };
            let sql =
                format!("SELECT x.name AS name FROM {} {condition} LIMIT {MOST_NAMES}", arm.from);
            let rows = query(connection, &sql, []).await?;
            let names: Result<Vec<String>> = rows.iter().map(|row| column(row, "name")).collect();
            let names = names?;
            nearest(name, names.iter().map(String::as_str)).map(str::to_owned)
        }
        _ => None,
    };
    Err(missing(kind, key, near.as_deref()))
}

/// The error for a key of something that does not exist.
pub(crate) fn missing(kind: &str, key: &Key, near: Option<&str>) -> Error {
    Error::not_found(format!("there is no {kind} `{key}`{}", did_you_mean(near)))
        .with_reason(format!("{kind}.not_found"))
}
