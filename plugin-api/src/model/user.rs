//! Who may use Ratchet: users, their keys and sessions, and the record of what they did.

use serde::{Deserialize, Serialize};

use super::words::vocabulary;
use super::{Id, Json, Timestamp};

vocabulary! {
    /// What a user may do. What each role permits is decided where requests come in.
    "role" Role {
        /// Everything, users among it.
        Admin = "admin",
        /// Makes and changes tasks and schedules, and runs them.
        Developer = "developer" | "user",
        /// Runs tasks and tends the queue, and changes no task.
        Operator = "operator",
        /// Sees everything and changes nothing.
        Readonly = "readonly" | "read_only" | "viewer",
        /// A program; what it may do is in the scopes of its keys.
        Service = "service",
    }
}

/// What a user is made with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewUser {
    /// The name to log in with, unique whatever the case.
    pub name: String,
    /// The mail address, unique whatever the case.
    #[serde(default)]
    pub email: Option<String>,
    /// The name shown to people.
    #[serde(default)]
    pub display_name: Option<String>,
    /// What the user may do.
    pub role: Role,
    /// The password's argon2id hash in PHC form; none for a user who cannot log in with one.
    #[serde(default)]
    pub password_hash: Option<String>,
}

/// What is changed of a user. `None` leaves a thing as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UserPatch {
    /// The name to log in with.
    pub name: Option<String>,
    /// The mail address; an empty one removes it.
    pub email: Option<String>,
    /// The name shown to people; an empty one removes it.
    pub display_name: Option<String>,
    /// What the user may do.
    pub role: Option<Role>,
    /// Whether the user may do anything at all.
    pub active: Option<bool>,
    /// The password's argon2id hash in PHC form. With it, all sessions of the user end.
    pub password_hash: Option<String>,
}

/// A user as the store keeps it, without the password's hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Identifies it.
    pub id: Id,
    /// Its number.
    pub number: i64,
    /// The name to log in with.
    pub name: String,
    /// The mail address.
    #[serde(default)]
    pub email: Option<String>,
    /// The name shown to people.
    #[serde(default)]
    pub display_name: Option<String>,
    /// What the user may do.
    pub role: Role,
    /// Whether the user may do anything at all.
    pub active: bool,
    /// Whether there is a password.
    pub has_password: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When a session was last begun.
    #[serde(default)]
    pub last_login_at: Option<Timestamp>,
}

/// What is needed to check a password: never part of any answer to the outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// The user.
    pub user: User,
    /// The password's argon2id hash in PHC form; none if there is no password.
    #[serde(default)]
    pub password_hash: Option<String>,
}

/// What an API key is made with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewApiKey {
    /// The user it acts for.
    pub user: Id,
    /// What it is for, in the words of who made it.
    pub name: String,
    /// The first characters of the key, by which people tell keys apart.
    pub prefix: String,
    /// The key's SHA-256 in lower-case hexadecimal. The key itself is never kept.
    pub hash: String,
    /// What it permits, such as `task:execute`; everything its user may do if empty.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// When it ends; none for never.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
}

/// An API key as the store keeps it, without its hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Identifies it.
    pub id: Id,
    /// Its number.
    pub number: i64,
    /// The user it acts for.
    pub user: Id,
    /// What it is for.
    pub name: String,
    /// The first characters of the key.
    pub prefix: String,
    /// What it permits.
    pub scopes: Vec<String>,
    /// When it ends; none for never.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    #[serde(default)]
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    #[serde(default)]
    pub last_used_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a session is begun with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewSession {
    /// The user.
    pub user: Id,
    /// The SHA-256 of the session's token in lower-case hexadecimal.
    pub hash: String,
    /// Milliseconds until it ends.
    pub lifetime_ms: u64,
    /// Where it was begun from, such as an address.
    #[serde(default)]
    pub client: Option<String>,
    /// The program it was begun with.
    #[serde(default)]
    pub user_agent: Option<String>,
}

/// A session as the store keeps it, without its hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Identifies it.
    pub id: Id,
    /// The user.
    pub user: Id,
    /// When it began.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_used_at: Timestamp,
    /// Where it was begun from.
    #[serde(default)]
    pub client: Option<String>,
    /// The program it was begun with.
    #[serde(default)]
    pub user_agent: Option<String>,
}

/// Who a request is from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    /// The user.
    pub user: User,
    /// The key that was shown.
    #[serde(default)]
    pub key: Option<ApiKey>,
    /// The session that was shown.
    #[serde(default)]
    pub session: Option<Session>,
}

vocabulary! {
    /// How something that is on record ended.
    "audit outcome" AuditOutcome {
        /// It was done.
        Done = "done" | "success",
        /// It was not permitted.
        Denied = "denied",
        /// It failed.
        Failed = "failed",
    }
}

/// Something to put on record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewAuditEntry {
    /// When it happened; the store's present time if absent.
    #[serde(default)]
    pub time: Option<Timestamp>,
    /// Who did it, by id.
    #[serde(default)]
    pub user: Option<Id>,
    /// Who did it, by name, such as `alice` or `anonymous`.
    pub actor: String,
    /// What was done: the id of the operation, such as `task.delete`.
    pub action: String,
    /// The kind of thing it was done to, such as `task`.
    #[serde(default)]
    pub target_kind: Option<String>,
    /// What it was done to, by id or name.
    #[serde(default)]
    pub target: Option<String>,
    /// How it ended.
    pub outcome: AuditOutcome,
    /// Where the request came from, such as an address.
    #[serde(default)]
    pub client: Option<String>,
    /// The request, as it is named in logs.
    #[serde(default)]
    pub request: Option<String>,
    /// Anything else that matters: an object without secrets.
    #[serde(default)]
    pub details: Json,
}

/// Something on record. Entries are never changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Its number; gaps mean nothing.
    pub number: i64,
    /// When it happened.
    pub time: Timestamp,
    /// Who did it, by id.
    #[serde(default)]
    pub user: Option<Id>,
    /// Who did it, by name.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// The kind of thing it was done to.
    #[serde(default)]
    pub target_kind: Option<String>,
    /// What it was done to.
    #[serde(default)]
    pub target: Option<String>,
    /// How it ended.
    pub outcome: AuditOutcome,
    /// Where the request came from.
    #[serde(default)]
    pub client: Option<String>,
    /// The request, as it is named in logs.
    #[serde(default)]
    pub request: Option<String>,
    /// Anything else that matters.
    #[serde(default)]
    pub details: Json,
}
