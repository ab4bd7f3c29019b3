//! `Database`: the database itself, for those who look after it.

use std::path::Path;

use ratchet_plugin_api::services::{
    Database, DatabaseStats, DatabaseStatus, DumpReport, Retention, RetentionReport,
};
use ratchet_plugin_api::{Result, service};

use super::{dump, facts, restore, retention};
use crate::Storage;

#[service]
impl Database for Storage {
    async fn status(&self) -> Result<DatabaseStatus> {
        let db = self.db()?;
        facts::status(db.read(), db.place()).await
    }

    async fn migrate(&self) -> Result<Vec<String>> {
        self.db()?.migrate().await
    }

    async fn stats(&self) -> Result<DatabaseStats> {
        facts::stats(self.db()?).await
    }

    async fn backup(&self, path: String) -> Result<DumpReport> {
        dump::backup(self.db()?, Path::new(&path)).await
    }

    async fn restore(&self, path: String, force: bool) -> Result<DumpReport> {
        restore::restore(self.db()?, Path::new(&path), force).await
    }

    async fn retain(&self, wanted: Retention) -> Result<RetentionReport> {
        retention::retain(self.db()?, &wanted).await
    }

    async fn vacuum(&self) -> Result<u64> {
        facts::vacuum(self.db()?).await
    }
}
