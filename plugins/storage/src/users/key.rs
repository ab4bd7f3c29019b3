//! API keys.

use ratchet_plugin_api::Result;
use ratchet_plugin_api::model::{
    ApiKey, FilterOp, Id, Key, ListQuery, Listing, NewApiKey, Principal,
};
use sea_orm::{ConnectionTrait, QueryResult};

use super::{USE_PRECISION, denied, user};
use crate::db::{Db, Numbered, Tx, execute, query_one};
use crate::find::{one, page};
use crate::list::fields::KEYS;
use crate::row::{column, document, id, micros_option, time, time_option, uuid};

fn key_of(row: &QueryResult) -> Result<ApiKey> {
    Ok(ApiKey {
        id: id(row, "id")?,
        number: column(row, "number")?,
        user: id(row, "owner")?,
        name: column(row, "name")?,
        prefix: column(row, "prefix")?,
        scopes: document(row, "scopes")?,
        expires_at: time_option(row, "expires_at")?,
        revoked_at: time_option(row, "revoked_at")?,
        last_used_at: time_option(row, "last_used_at")?,
        created_at: time(row, "created_at")?,
    })
}

/// Keeps a new key.
pub(super) async fn create(tx: &Tx, new: &NewApiKey) -> Result<ApiKey> {
    user::present(tx, &Key::Id(new.user)).await?;
    let number = tx.numbers(Numbered::ApiKey, 1).await?.first().copied().unwrap_or_default();
    let sql = "INSERT INTO api_keys (number, id, owner, name, prefix, key_hash, scopes, \
        expires_at, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let values = [
        number.into(),
        uuid(Id::new()),
        uuid(new.user),
        new.name.clone().into(),
        new.prefix.clone().into(),
        new.hash.clone().into(),
        serde_json::to_string(&new.scopes)?.into(),
        micros_option(new.expires_at),
        tx.now.into(),
    ];
    execute(tx, sql, values).await?;
    key_of(&one(tx, &KEYS, "key", &Key::Number(number)).await?)
}

/// Keys of one user, or of all.
pub(super) async fn list(
    connection: &impl ConnectionTrait,
    owner: Option<&Key>,
    mut query: ListQuery,
    now: i64,
) -> Result<Listing<ApiKey>> {
    if let Some(owner) = owner {
        let owner = user::present(connection, owner).await?;
        query = query.filter("user", FilterOp::Eq, owner.id);
    }
    page(connection, &KEYS, &query, now, key_of).await
}

/// Ends a key for ever.
pub(super) async fn revoke(tx: &Tx, key: &Key) -> Result<ApiKey> {
    let known = key_of(&one(tx, &KEYS, "key", key).await?)?;
    let sql = "UPDATE api_keys SET revoked_at = $2 WHERE number = $1 AND revoked_at IS NULL";
    execute(tx, sql, [known.number.into(), tx.now.into()]).await?;
    key_of(&one(tx, &KEYS, "key", &Key::Number(known.number)).await?)
}

/// Who shows a key.
pub(super) async fn principal(db: &Db, hash: &str) -> Result<Principal> {
    let now = db.now().await?;
    let arm = &KEYS.arms[0];
    let sql = format!("SELECT {} FROM {} WHERE x.key_hash = $1", arm.select, arm.from);
    let row = query_one(db.read(), &sql, [hash.into()]).await?;
    let row = row.ok_or_else(|| denied("key.unknown", "the API key is not known"))?;
    let key = key_of(&row)?;
    if key.revoked_at.is_some() {
        return Err(denied("key.revoked", "the API key was revoked"));
    }
    if key.expires_at.is_some_and(|end| end.as_microseconds() <= now) {
        return Err(denied("key.expired", "the API key has expired"));
    }
    let user = user::present(db.read(), &Key::Id(key.user)).await?;
    if !user.active {
        return Err(denied("user.inactive", "the user of the API key is not active"));
    }
    let stale = |last: i64| now - last > USE_PRECISION;
    if key.last_used_at.is_none_or(|last| stale(last.as_microseconds())) {
        let number = key.number;
        db.write_relaxed(move |tx| {
            Box::pin(async move {
                let sql = "UPDATE api_keys SET last_used_at = $2 WHERE number = $1";
                execute(tx, sql, [number.into(), tx.now.into()]).await
            })
        })
        .await?;
    }
    Ok(Principal { user, key: Some(key), session: None })
}
