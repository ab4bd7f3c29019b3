//! URLs, versions, and what is refused.

use ratchet_plugin_api::Code;

use super::support::Postgres;
use super::{configured, with};
use crate::db::{Db, Place, query, query_number};

#[test]
fn urls_are_read() {
    let place = |url: &str| Place::of(&configured(url));
    assert_eq!(place("sqlite::memory:").unwrap(), Place::Memory);
    assert_eq!(place("sqlite://ratchet.db").unwrap(), Place::File("ratchet.db".into()));
    assert_eq!(place("sqlite:///var/x.db?mode=rwc").unwrap(), Place::File("/var/x.db".into()));
    let server = place("postgresql://me:secret@db/ratchet").unwrap();
    assert_eq!(server.to_string(), "postgres://db/ratchet");
    let error = place("mysql://db/ratchet").unwrap_err();
    assert_eq!(error.code, Code::Configuration);
}

#[tokio::test]
async fn each_kind_of_database_is_made_from_its_url() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("deep/er/ratchet.db");
    let mut urls = vec!["sqlite::memory:".to_owned(), format!("sqlite://{}", file.display())];
    let postgres = Postgres::fresh().await;
    urls.extend(postgres.as_ref().map(Postgres::url));
    for url in urls {
        let db = Db::open(configured(&url)).await.unwrap();
        assert_eq!(query_number(db.read(), "SELECT COUNT(*) FROM jobs", []).await.unwrap(), 0);
        let state = db.schema().await.unwrap();
        assert!(!state.applied.is_empty() && state.pending.is_empty());
        assert!(db.now().await.unwrap() > 1_700_000_000_000_000);
        db.close().await;
        if url != "sqlite::memory:" {
            Db::open(configured(&url)).await.unwrap().close().await;
        }
    }
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ratchet.db");
    let url = format!("sqlite://{}", file.display());
    let postgres = Postgres::fresh().await;
    for url in std::iter::once(url.clone()).chain(postgres.as_ref().map(Postgres::url)) {
        let db = Db::open(configured(&url)).await.unwrap();
        let sql = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_later', 0)";
        db.write(move |tx| Box::pin(query(tx, sql, []))).await.unwrap();
        db.close().await;
        let before = std::fs::read(&file).ok();
        let error = Db::open(configured(&url)).await.map(drop).unwrap_err();
        assert_eq!(error.reason.as_deref(), Some("storage.newer"), "{error}");
        assert!(error.message.contains("m9999_later"));
        assert!(before == std::fs::read(&file).ok());
    }
}

#[tokio::test]
async fn an_older_database_is_left_alone_when_that_is_wanted() {
    let config = with(serde_json::json!({ "url": "sqlite::memory:", "auto_migrate": false }));
    let error = Db::open(config).await.map(drop).unwrap_err();
    assert_eq!(error.reason.as_deref(), Some("storage.older"), "{error}");
    assert!(error.message.contains("ratchet db migrate"));
}
