//! `UserStore`: each method as a transaction or a question.

use std::sync::Arc;

use ratchet_plugin_api::model::{
    ApiKey, AuditEntry, Credentials, Id, Key, ListQuery, Listing, NewApiKey, NewAuditEntry,
    NewSession, NewUser, Principal, Session, User, UserPatch,
};
use ratchet_plugin_api::services::UserStore;
use ratchet_plugin_api::{Result, service};

use super::{key, record, session, user};
use crate::Storage;
use crate::db::query_number;
use crate::find::page;
use crate::list::fields::USERS;

#[service]
impl UserStore for Storage {
    async fn get(&self, key: Key) -> Result<User> {
        user::present(self.db()?.read(), &key).await
    }

    async fn list(&self, query: ListQuery) -> Result<Listing<User>> {
        let db = self.db()?;
        page(db.read(), &USERS, &query, db.now().await?, user::user_of).await
    }

    async fn create(&self, new: NewUser) -> Result<User> {
        let new = Arc::new(new);
        self.db()?
            .write(move |tx| {
                let new = Arc::clone(&new);
                Box::pin(async move { user::create(tx, &new).await })
            })
            .await
    }

    async fn update(&self, key: Key, patch: UserPatch) -> Result<User> {
        let asked = Arc::new((key, patch));
        self.db()?
            .write(move |tx| {
                let asked = Arc::clone(&asked);
                Box::pin(async move { user::update(tx, &asked.0, &asked.1).await })
            })
            .await
    }

    async fn remove(&self, key: Key) -> Result<()> {
        self.db()?
            .write(move |tx| {
                let key = key.clone();
                Box::pin(async move { user::remove(tx, &key).await })
            })
            .await
    }

    async fn count(&self) -> Result<u64> {
        let count = query_number(self.db()?.read(), "SELECT COUNT(*) FROM users", []).await?;
        Ok(count.unsigned_abs())
    }

    async fn credentials(&self, login: String) -> Result<Credentials> {
        user::credentials(self.db()?.read(), &login).await
    }

    async fn create_key(&self, new: NewApiKey) -> Result<ApiKey> {
        let new = Arc::new(new);
        self.db()?
            .write(move |tx| {
                let new = Arc::clone(&new);
                Box::pin(async move { key::create(tx, &new).await })
            })
            .await
    }

    async fn keys(&self, user: Option<Key>, query: ListQuery) -> Result<Listing<ApiKey>> {
        let db = self.db()?;
        key::list(db.read(), user.as_ref(), query, db.now().await?).await
    }

    async fn revoke_key(&self, key: Key) -> Result<ApiKey> {
        self.db()?
            .write(move |tx| {
                let key = key.clone();
                Box::pin(async move { key::revoke(tx, &key).await })
            })
            .await
    }

    async fn by_key(&self, hash: String) -> Result<Principal> {
        let db = self.db()?;
        key::principal(db, &hash).await
    }

    async fn begin_session(&self, new: NewSession) -> Result<Session> {
        let new = Arc::new(new);
        self.db()?
            .write(move |tx| {
                let new = Arc::clone(&new);
                Box::pin(async move { session::begin(tx, &new).await })
            })
            .await
    }

    async fn by_session(&self, hash: String) -> Result<Principal> {
        session::principal(self.db()?, &hash).await
    }

    async fn sessions(&self, user: Key) -> Result<Vec<Session>> {
        let db = self.db()?;
        session::list(db.read(), &user, db.now().await?).await
    }

    async fn end_sessions(&self, user: Key, session: Option<Id>) -> Result<u64> {
        self.db()?
            .write(move |tx| {
                let user = user.clone();
                Box::pin(async move { session::end(tx, &user, session).await })
            })
            .await
    }

    async fn record(&self, entries: Vec<NewAuditEntry>) -> Result<()> {
        let entries = Arc::new(entries);
        self.db()?
            .write(move |tx| {
                let entries = Arc::clone(&entries);
                Box::pin(async move { record::keep(tx, &entries).await })
            })
            .await
    }

    async fn audit(&self, query: ListQuery) -> Result<Listing<AuditEntry>> {
        let db = self.db()?;
        record::list(db.read(), query, db.now().await?).await
    }
}
