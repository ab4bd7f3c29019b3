//! `ratchet.user-store`: users, API keys, sessions, and what was done by whom.

use crate::model::{
    ApiKey, AuditEntry, Credentials, Id, Key, ListQuery, Listing, NewApiKey, NewAuditEntry,
    NewSession, NewUser, Principal, Session, User, UserPatch,
};
use crate::{Result, service};

/// Keeps users and what they show to prove who they are.
///
/// It keeps hashes only and makes none: whoever checks passwords hashes them. Fields of users to
/// filter and sort by: `id`, `number`, `name`, `email`, `display_name`, `role`, `active`,
/// `created_at`, `updated_at`, `last_login_at`. Of keys: `id`, `number`, `user`, `name`, `prefix`,
/// `created_at`, `expires_at`, `revoked_at`, `last_used_at`. Of the record: `number`, `time`,
/// `user`, `actor`, `action`, `target_kind`, `target`, `outcome`, `client`, `request`.
#[service(id = "ratchet.user-store", version = "1.0")]
pub trait UserStore {
    /// The user.
    ///
    /// # Errors
    /// `NotFound`, with the nearest name.
    async fn get(&self, key: Key) -> Result<User>;

    /// Users that pass the query.
    async fn list(&self, query: ListQuery) -> Result<Listing<User>>;

    /// Keeps a new user.
    ///
    /// # Errors
    /// `Conflict` when the name or the mail address is taken.
    async fn create(&self, user: NewUser) -> Result<User>;

    /// Changes a user. One who is not active any more loses all sessions.
    ///
    /// # Errors
    /// `Conflict` when the name or the mail address is taken, and when no active administrator
    /// would be left.
    async fn update(&self, key: Key, patch: UserPatch) -> Result<User>;

    /// Removes a user with keys and sessions; what is on record stays.
    ///
    /// # Errors
    /// `Conflict` when no active administrator would be left.
    async fn remove(&self, key: Key) -> Result<()>;

    /// How many users there are; with none, there is nobody to log in as.
    async fn count(&self) -> Result<u64>;

    /// What is needed to check the password of the one who logs in with this name or mail address.
    ///
    /// # Errors
    /// `NotFound` when there is nobody, without saying what is near.
    async fn credentials(&self, login: String) -> Result<Credentials>;

    /// Keeps a new API key.
    ///
    /// # Errors
    /// `NotFound` when there is no such user.
    async fn create_key(&self, key: NewApiKey) -> Result<ApiKey>;

    /// Keys that pass the query, of one user or of all.
    async fn keys(&self, user: Option<Key>, query: ListQuery) -> Result<Listing<ApiKey>>;

    /// Ends a key for ever. It stays in lists.
    ///
    /// # Errors
    /// `NotFound`.
    async fn revoke_key(&self, key: Key) -> Result<ApiKey>;

    /// Who shows the key with this SHA-256, and notes that it was used.
    ///
    /// # Errors
    /// `Denied` when there is none, or it or its user is not active any more; which of these is
    /// in `reason`: `key.unknown`, `key.expired`, `key.revoked`, `user.inactive`.
    async fn by_key(&self, hash: String) -> Result<Principal>;

    /// Begins a session and notes that its user logged in.
    ///
    /// # Errors
    /// `NotFound` when there is no such user; `Denied` when the user is not active.
    async fn begin_session(&self, session: NewSession) -> Result<Session>;

    /// Who shows the token with this SHA-256, and notes that the session was used.
    ///
    /// # Errors
    /// `Denied` when there is none or it has ended; which of these is in `reason`:
    /// `session.unknown`, `session.expired`, `user.inactive`.
    async fn by_session(&self, hash: String) -> Result<Principal>;

    /// Sessions of a user that have not ended, the last used first.
    async fn sessions(&self, user: Key) -> Result<Vec<Session>>;

    /// Ends one session of a user, or all; gives how many.
    async fn end_sessions(&self, user: Key, session: Option<Id>) -> Result<u64>;

    /// Puts entries on record.
    async fn record(&self, entries: Vec<NewAuditEntry>) -> Result<()>;

    /// What is on record and passes the query, the newest first unless it is sorted.
    async fn audit(&self, query: ListQuery) -> Result<Listing<AuditEntry>>;
}
