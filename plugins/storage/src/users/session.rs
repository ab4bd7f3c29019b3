//! Sessions.

use ratchet_plugin_api::Result;
use ratchet_plugin_api::model::{Id, Key, NewSession, Principal, Session};
use sea_orm::{ConnectionTrait, QueryResult, Value};

use super::{USE_PRECISION, denied, user};
use crate::db::{Db, Tx, execute, query, query_one};
use crate::row::{column, id, micros_of_ms, time, uuid};

const COLUMNS: &str = "id, owner, created_at, expires_at, last_used_at, client, user_agent";

fn session_of(row: &QueryResult) -> Result<Session> {
    Ok(Session {
        id: id(row, "id")?,
        user: id(row, "owner")?,
        created_at: time(row, "created_at")?,
        expires_at: time(row, "expires_at")?,
        last_used_at: time(row, "last_used_at")?,
        client: column(row, "client")?,
        user_agent: column(row, "user_agent")?,
    })
}

/// Begins a session.
pub(super) async fn begin(tx: &Tx, new: &NewSession) -> Result<Session> {
    let user = user::present(tx, &Key::Id(new.user)).await?;
    if !user.active {
        return Err(denied("user.inactive", "the user is not active"));
    }
    let id = Id::new();
    let sql = "INSERT INTO sessions (id, owner, token_hash, created_at, last_used_at, expires_at, \
        client, user_agent) VALUES ($1, $2, $3, $4, $4, $5, $6, $7)";
    let values = [
        uuid(id),
        uuid(user.id),
        new.hash.clone().into(),
        tx.now.into(),
        tx.now.saturating_add(micros_of_ms(new.lifetime_ms)).into(),
        Value::String(new.client.clone()),
        Value::String(new.user_agent.clone()),
    ];
    execute(tx, sql, values).await?;
    let sql = "UPDATE users SET last_login_at = $2 WHERE id = $1";
    execute(tx, sql, [uuid(user.id), tx.now.into()]).await?;
    let sql = format!("SELECT {COLUMNS} FROM sessions WHERE id = $1");
    let row = query_one(tx, &sql, [uuid(id)]).await?;
    session_of(&row.ok_or_else(|| denied("session.unknown", "the session is not known"))?)
}

/// Who shows a token.
pub(super) async fn principal(db: &Db, hash: &str) -> Result<Principal> {
    let now = db.now().await?;
    let sql = format!("SELECT {COLUMNS} FROM sessions WHERE token_hash = $1");
    let row = query_one(db.read(), &sql, [hash.into()]).await?;
    let row = row.ok_or_else(|| denied("session.unknown", "the session is not known"))?;
    let session = session_of(&row)?;
    if session.expires_at.as_microseconds() <= now {
        return Err(denied("session.expired", "the session has expired"));
    }
    let user = user::present(db.read(), &Key::Id(session.user)).await?;
    if !user.active {
        return Err(denied("user.inactive", "the user is not active"));
    }
    if now - session.last_used_at.as_microseconds() > USE_PRECISION {
        let id = session.id;
        db.write_relaxed(move |tx| {
            Box::pin(async move {
                let sql = "UPDATE sessions SET last_used_at = $2 WHERE id = $1";
                execute(tx, sql, [uuid(id), tx.now.into()]).await
            })
        })
        .await?;
    }
    Ok(Principal { user, key: None, session: Some(session) })
}

/// Sessions of a user that have not ended, the last used first.
pub(super) async fn list(
    connection: &impl ConnectionTrait,
    user: &Key,
    now: i64,
) -> Result<Vec<Session>> {
    let user = user::present(connection, user).await?;
    let sql = format!(
        "SELECT {COLUMNS} FROM sessions WHERE owner = $1 AND expires_at > $2 \
         ORDER BY last_used_at DESC, id DESC"
    );
    let rows = query(connection, &sql, [uuid(user.id), now.into()]).await?;
    rows.iter().map(session_of).collect()
}

/// Ends one session of a user, or all.
pub(super) async fn end(tx: &Tx, user: &Key, session: Option<Id>) -> Result<u64> {
    let user = user::present(tx, user).await?;
    match session {
        Some(session) => {
            let sql = "DELETE FROM sessions WHERE owner = $1 AND id = $2";
            execute(tx, sql, [uuid(user.id), uuid(session)]).await
        }
        None => execute(tx, "DELETE FROM sessions WHERE owner = $1", [uuid(user.id)]).await,
    }
}
