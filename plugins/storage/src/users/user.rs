//! Users.

use ratchet_plugin_api::model::{Credentials, Id, Key, NewUser, Role, User, UserPatch};
use ratchet_plugin_api::{Code, Error, Result};
use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Value};

use crate::db::{Numbered, Tx, execute, get, query, query_number, query_one};
use crate::find::one;
use crate::list::fields::USERS;
use crate::row::{column, id, place, time, time_option, uuid, word};

/// The lock of PostgreSQL that users are changed under, so that what was checked stays true.
const ADVISORY_LOCK: i64 = 0x5261_7463_6865_7403;

/// Reads a user.
pub(super) fn user_of(row: &QueryResult) -> Result<User> {
    Ok(User {
        id: id(row, "id")?,
        number: column(row, "number")?,
        name: column(row, "name")?,
        email: column(row, "email")?,
        display_name: column(row, "display_name")?,
        role: word(row, "role", Role::ALL)?,
        active: column(row, "active")?,
        has_password: column::<Option<String>>(row, "password_hash")?.is_some(),
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
        last_login_at: time_option(row, "last_login_at")?,
    })
}

/// The user; names are the same in upper and lower case.
pub(super) async fn present(connection: &impl ConnectionTrait, key: &Key) -> Result<User> {
    let mut key = key.clone();
    if let Key::Name(name) = &key {
        let sql = "SELECT number FROM users WHERE lower(name) = lower($1)";
        if let Some(row) = query_one(connection, sql, [name.clone().into()]).await? {
            key = Key::Number(get(&row, 0)?);
        }
    }
    user_of(&one(connection, &USERS, "user", &key).await?)
}

/// What is needed to check a password.
pub(super) async fn credentials(
    connection: &impl ConnectionTrait,
    login: &str,
) -> Result<Credentials> {
    let arm = &USERS.arms[0];
    // One may have as name what another has as mail address: the name goes first.
    let sql = format!(
        "SELECT {} FROM {} WHERE lower(x.name) = lower($1) OR lower(x.email) = lower($1) \
         ORDER BY CASE WHEN lower(x.name) = lower($1) THEN 0 ELSE 1 END LIMIT 1",
        arm.select, arm.from
    );
    let row = query_one(connection, &sql, [login.into()])
        .await?
        .ok_or_else(|| Error::not_found("there is no such user").with_reason("user.not_found"))?;
    Ok(Credentials { user: user_of(&row)?, password_hash: column(&row, "password_hash")? })
}

/// Keeps a new user.
pub(super) async fn create(tx: &Tx, new: &NewUser) -> Result<User> {
    alone(tx).await?;
    let name = proper_name(&new.name)?;
    let email = new.email.as_deref().map(str::trim).filter(|email| !email.is_empty());
    check_free(tx, Some(name), email, -1).await?;
    let number = tx.numbers(Numbered::User, 1).await?.first().copied().unwrap_or_default();
    let sql = "INSERT INTO users (number, id, name, email, display_name, role, password_hash, \
        active, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, TRUE, $8, $8)";
    let values = [
        number.into(),
        uuid(Id::new()),
        name.into(),
        Value::String(email.map(str::to_owned)),
        Value::String(new.display_name.clone()),
        place(new.role as usize),
        Value::String(new.password_hash.clone()),
        tx.now.into(),
    ];
    execute(tx, sql, values).await?;
    present(tx, &Key::Number(number)).await
}

/// Changes a user.
pub(super) async fn update(tx: &Tx, key: &Key, patch: &UserPatch) -> Result<User> {
    alone(tx).await?;
    let known = present(tx, key).await?;
    let name = patch.name.as_deref().map(proper_name).transpose()?;
    let trimmed = |text: &Option<String>, old: &Option<String>| match text {
        Some(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        None => old.clone(),
    };
    let email = trimmed(&patch.email, &known.email);
    check_free(tx, name, patch.email.as_ref().and(email.as_deref()), known.number).await?;
    let role = patch.role.unwrap_or(known.role);
    let active = patch.active.unwrap_or(known.active);
    let sql = "UPDATE users SET name = $2, email = $3, display_name = $4, role = $5, active = $6, \
        password_hash = COALESCE($7, password_hash), updated_at = $8 WHERE number = $1";
    let values = [
        known.number.into(),
        name.unwrap_or(&known.name).into(),
        Value::String(email),
        Value::String(trimmed(&patch.display_name, &known.display_name)),
        place(role as usize),
        active.into(),
        Value::String(patch.password_hash.clone()),
        tx.now.into(),
    ];
    execute(tx, sql, values).await?;
    if !active || patch.password_hash.is_some() {
        execute(tx, "DELETE FROM sessions WHERE owner = $1", [uuid(known.id)]).await?;
    }
    let was_admin = known.active && known.role == Role::Admin;
    if was_admin && !(active && role == Role::Admin) {
        check_administrated(tx, &known).await?;
    }
    present(tx, &Key::Number(known.number)).await
}

/// Removes a user with keys and sessions.
pub(super) async fn remove(tx: &Tx, key: &Key) -> Result<()> {
    alone(tx).await?;
    let known = present(tx, key).await?;
    for sql in [
        "DELETE FROM sessions WHERE owner = $1",
        "DELETE FROM api_keys WHERE owner = $1",
        "DELETE FROM users WHERE id = $1",
    ] {
        execute(tx, sql, [uuid(known.id)]).await?;
    }
    if known.active && known.role == Role::Admin {
        check_administrated(tx, &known).await?;
    }
    Ok(())
}

/// Waits until nobody else changes users.
async fn alone(tx: &Tx) -> Result<()> {
    if tx.get_database_backend() == DbBackend::Postgres {
        query(tx, "SELECT pg_advisory_xact_lock($1)", [ADVISORY_LOCK.into()]).await?;
    }
    Ok(())
}

/// A name that no key of another form could be mistaken for.
fn proper_name(name: &str) -> Result<&str> {
    let name = name.trim();
    let bad = |why: &str| {
        Error::invalid(format!("`{name}` is no user name: {why}")).with_reason("user.bad_name")
    };
    if name.is_empty() || name.len() > 255 {
        return Err(bad("it has 1 to 255 bytes"));
    }
    if name.chars().any(char::is_control) {
        return Err(bad("it has no control characters"));
    }
    match name.parse() {
        Ok(Key::Name(_)) => Ok(name),
        _ => Err(bad("it is neither a number nor an id, which stand for users by themselves")),
    }
}

async fn check_free(tx: &Tx, name: Option<&str>, email: Option<&str>, own: i64) -> Result<()> {
    for (what, column, text) in [("name", "name", name), ("mail address", "email", email)] {
        let Some(text) = text else { continue };
        let sql = format!(
            "SELECT COUNT(*) FROM users WHERE lower({column}) = lower($1) AND number <> $2"
        );
        if query_number(tx, &sql, [text.into(), own.into()]).await? > 0 {
            let message = format!("there is a user with the {what} `{text}` already");
            return Err(Error::new(Code::Conflict, message).with_reason("user.exists"));
        }
    }
    Ok(())
}

async fn check_administrated(tx: &Tx, user: &User) -> Result<()> {
    let sql = "SELECT COUNT(*) FROM users WHERE role = $1 AND active";
    if query_number(tx, sql, [place(Role::Admin as usize)]).await? > 0 {
        return Ok(());
    }
    let message = format!(
        "`{}` is the only active administrator; make another one first, or nobody could",
        user.name
    );
    Err(Error::new(Code::Conflict, message).with_reason("user.last_admin"))
}
