//! The store's clock.
//!
//! Several hosts on one PostgreSQL go by that server's clock, and those that share a file are on
//! one machine and go by its clock. Asking the server each time would cost a round trip, so it is
//! asked at most once a second and this machine's monotonic clock, which nobody can set, counts on
//! from there.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ratchet_plugin_api::Result;
use ratchet_plugin_api::model::Timestamp;
use sea_orm::{ConnectionTrait, DbBackend};

use super::sql::query_number;

/// How long an answer of the server is counted on from.
const FRESH: Duration = Duration::from_secs(1);

/// Tells the time. Cheap to ask.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    /// What the server said, and when.
    asked: Mutex<Option<(i64, Instant)>>,
    /// Microseconds it is set forward: tests let time pass by that.
    ahead: AtomicI64,
}

impl Clock {
    /// Microseconds since 1970, by the store.
    pub(crate) async fn now(&self, connection: &impl ConnectionTrait) -> Result<i64> {
        Ok(self.unmoved(connection).await? + self.ahead.load(Ordering::Relaxed))
    }

    /// Sets it forward.
    pub(crate) fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_micros()).unwrap_or_default();
        self.ahead.fetch_add(by, Ordering::Relaxed);
    }

    async fn unmoved(&self, connection: &impl ConnectionTrait) -> Result<i64> {
        if connection.get_database_backend() == DbBackend::Sqlite {
            return Ok(Timestamp::now().as_microseconds());
        }
        if let Some(now) = self.counted() {
            return Ok(now);
        }
        let sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
        let now = query_number(connection, sql, []).await?;
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, Instant::now()));
        Ok(now)
    }

    fn counted(&self) -> Option<i64> {
        let (then, at) = (*self.asked.lock().unwrap_or_else(PoisonError::into_inner))?;
        let passed = at.elapsed();
        (passed < FRESH).then(|| then + i64::try_from(passed.as_micros()).unwrap_or_default())
    }
}
