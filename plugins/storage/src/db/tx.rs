//! One transaction that changes something, and what it tells once it is committed.

use std::sync::{Mutex, PoisonError};

use ratchet_plugin_api::Result;
use ratchet_plugin_api::model::Id;
use ratchet_plugin_api::services::Change;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult};
use sea_orm::{Statement, Value};

use super::sql::{execute, get, query, query_number};

/// Kinds of things that have numbers of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Numbered {
    Task,
    Job,
    Execution,
    Delivery,
    Schedule,
    Repository,
    User,
    ApiKey,
    Audit,
}

/// The names of all of them.
pub(crate) const NUMBERED: &[&str] = &[
    Numbered::Task.as_str(),
    Numbered::Job.as_str(),
    Numbered::Execution.as_str(),
    Numbered::Delivery.as_str(),
    Numbered::Schedule.as_str(),
    Numbered::Repository.as_str(),
    Numbered::User.as_str(),
    Numbered::ApiKey.as_str(),
    Numbered::Audit.as_str(),
];

impl Numbered {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Job => "job",
            Self::Execution => "execution",
            Self::Delivery => "delivery",
            Self::Schedule => "schedule",
            Self::Repository => "repository",
            Self::User => "user",
            Self::ApiKey => "api_key",
            Self::Audit => "audit",
        }
    }
}

/// A transaction. Everything in [`super::sql`] runs in it.
pub(crate) struct Tx {
    transaction: DatabaseTransaction,
    /// The store's time at its beginning, in microseconds since 1970.
    pub(crate) now: i64,
    /// Whether it may have been committed before, by a connection that was lost.
    pub(crate) again: bool,
    changes: Mutex<Vec<Change>>,
    /// Jobs that have ended, of which there may be very many.
    ended: Mutex<Vec<Id>>,
}

impl Tx {
    pub(super) fn new(transaction: DatabaseTransaction, now: i64, again: bool) -> Self {
        Self { transaction, now, again, changes: Mutex::default(), ended: Mutex::default() }
    }

    /// Tells those who follow changes, once this is committed.
    pub(crate) fn tell(&self, change: Change) {
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        if !changes.contains(&change) {
            changes.push(change);
        }
    }

    /// Tells that a job has ended, once this is committed.
    pub(crate) fn tell_ended(&self, job: Id) {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).push(job);
    }

    /// As many new numbers of that kind, in order. They are never given out again, and gaps are
    /// left where nothing comes of it.
    pub(crate) async fn numbers(&self, kind: Numbered, count: usize) -> Result<Vec<i64>> {
        let (kind, wanted) = (kind.as_str(), i64::try_from(count).unwrap_or(i64::MAX));
        if count == 0 {
            return Ok(Vec::new());
        }
        if self.get_database_backend() == DbBackend::Postgres {
            let sql =
                format!("SELECT nextval('{kind}_number') FROM generate_series(1, $1) ORDER BY 1");
            let rows = query(self, &sql, [wanted.into()]).await?;
            return rows.iter().map(|row| get(row, 0)).collect();
        }
        let sql = "INSERT INTO counters (kind, value) VALUES ($1, $2) \
            ON CONFLICT (kind) DO UPDATE SET value = value + $2 RETURNING value";
        let last = query_number(self, sql, [kind.into(), Value::from(wanted)]).await?;
        Ok((last - wanted + 1..=last).collect())
    }

    /// Takes the last `count` numbers of those given out in this transaction back, where no other
    /// can have got further ones meanwhile.
    pub(crate) async fn give_back(&self, kind: Numbered, count: usize) -> Result<()> {
        if count == 0 || self.get_database_backend() == DbBackend::Postgres {
            return Ok(());
        }
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let sql = "UPDATE counters SET value = value - $2 WHERE kind = $1";
        execute(self, sql, [kind.as_str().into(), Value::from(count)]).await.map(drop)
    }

    /// Makes it durable; gives what is to be told.
    pub(super) async fn commit(self) -> Result<Vec<Change>, DbErr> {
        self.transaction.commit().await?;
        let mut changes = self.changes.into_inner().unwrap_or_else(PoisonError::into_inner);
        let ended = self.ended.into_inner().unwrap_or_else(PoisonError::into_inner);
        changes.extend(ended.into_iter().map(Change::Job));
        Ok(changes)
    }

    /// Takes it back.
    pub(super) async fn rollback(self) -> Result<(), DbErr> {
        self.transaction.rollback().await
    }
}

#[sea_orm_migration::async_trait::async_trait]
impl ConnectionTrait for Tx {
    fn get_database_backend(&self) -> DbBackend {
        self.transaction.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.transaction.execute_raw(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.transaction.execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.transaction.query_one_raw(statement).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.transaction.query_all_raw(statement).await
    }
}
