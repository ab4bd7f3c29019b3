//! Databases for tests: fresh ones, gone afterwards.
//!
//! PostgreSQL is the server `DATABASE_URL` names, else the one at the usual socket or at
//! 127.0.0.1:5432, else one started from the programs of Debian's packages. Without any of them
//! tests pass without testing, except in CI (`CI=true`), where that is a failure.

#![allow(dead_code)] // not every test uses all of it

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{Connection as _, Executor as _, PgConnection};

/// A database of its own on a PostgreSQL server, dropped with it.
pub(crate) struct Postgres {
    server: String,
    name: String,
}

impl Postgres {
    /// A fresh database; none where there is no server to be had.
    ///
    /// # Panics
    /// In CI when there is none.
    pub(crate) async fn fresh() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let Some(server) = server().await else {
            assert!(std::env::var("CI").is_err(), "CI needs a PostgreSQL server to test with");
            eprintln!("there is no PostgreSQL server; nothing was tested");
            return None;
        };
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("ratchet_test_{}_{count}", std::process::id());
        let mut connection = PgConnection::connect(&server).await.expect("the server answers");
        for sql in [format!("DROP DATABASE IF EXISTS {name}"), format!("CREATE DATABASE {name}")] {
            connection.execute(sqlx::AssertSqlSafe(sql)).await.expect("it makes a database");
        }
        Some(Self { server, name })
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        let (server, query) = self.server.split_once('?').unwrap_or((&self.server, ""));
        let (base, _) = server.rsplit_once('/').expect("the URL names a database");
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{base}/{}{mark}{query}", self.name)
    }

    /// Its name.
    pub(crate) fn name(&self) -> String {
        self.name.clone()
    }

    /// Where the server listens, if it is at the usual port of this machine.
    pub(crate) fn address(&self) -> Option<String> {
        let address = "127.0.0.1:5432";
        std::net::TcpStream::connect(address).is_ok().then(|| address.to_owned())
    }

    /// Its URL by way of another address, unencrypted.
    pub(crate) fn url_at(&self, address: std::net::SocketAddr) -> String {
        let user = self.server.split_once("://").and_then(|(_, rest)| rest.split_once('@'));
        let user = user.map_or("postgres", |(user, _)| user);
        format!("postgres://{user}@{address}/{}?sslmode=disable", self.name)
    }

    /// Runs SQL on the server, outside this database.
    pub(crate) async fn administer(&self, sql: String) {
        let mut connection = PgConnection::connect(&self.server).await.expect("the server answers");
        connection.execute(sqlx::AssertSqlSafe(sql)).await.expect("it does as it is told");
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        // A test's runtime may be gone or busy.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let Ok(runtime) = runtime else { return };
            runtime.block_on(async {
                if let Ok(mut connection) = PgConnection::connect(&server).await {
                    let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                    let _ = connection.execute(sqlx::AssertSqlSafe(sql)).await;
                }
            });
        });
        let _ = dropping.join();
    }
}

/// The URL of a server to make databases on.
async fn server() -> Option<String> {
    static FOUND: tokio::sync::OnceCell<Option<String>> = tokio::sync::OnceCell::const_new();
    FOUND.get_or_init(find).await.clone()
}

async fn find() -> Option<String> {
    let user = std::env::var("USER").unwrap_or_else(|_| "root".to_owned());
    let mut candidates: Vec<String> = std::env::var("DATABASE_URL")
        .ok()
        .filter(|url| url.starts_with("postgres"))
        .into_iter()
        .collect();
    for user in [user.as_str(), "root", "postgres"] {
        candidates.push(format!("postgres://{user}@localhost/postgres?host=/var/run/postgresql"));
        candidates.push(format!("postgres://{user}@127.0.0.1:5432/postgres"));
    }
    for url in candidates {
        if may_make_databases(&url).await {
            return Some(url);
        }
    }
    let url = start()?;
    for _ in 0..100 {
        if may_make_databases(&url).await {
            return Some(url);
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    None
}

async fn may_make_databases(url: &str) -> bool {
    let Ok(mut connection) = PgConnection::connect(url).await else { return false };
    let sql = "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user";
    sqlx::query_scalar::<_, bool>(sql).fetch_one(&mut connection).await.unwrap_or(false)
}

/// Starts a server from Debian's packages that lives until it is stopped, for this and later runs.
fn start() -> Option<String> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let bin = versions.flatten().map(|version| version.path().join("bin")).max()?;
    let folder: PathBuf = std::env::temp_dir().join("ratchet-test-postgres");
    let root = Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout == b"0\n");
    // The server refuses to run as root.
    let run = |program: &str, arguments: &[&str]| {
        let path = bin.join(program);
        let mut command = if root {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(path);
            command
        } else {
            Command::new(path)
        };
        let command = command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let data = folder.join("data");
    let data = data.to_str()?;
    if !PathBuf::from(data).join("PG_VERSION").exists() {
        std::fs::create_dir_all(&folder).ok()?;
        if root {
            Command::new("chown").arg("postgres").arg(&folder).status().ok()?;
        }
        run("initdb", &["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8"]).then_some(())?;
    }
    let options = format!("-p 54329 -k {} -c listen_addresses=127.0.0.1", folder.display());
    let log = folder.join("log");
    run("pg_ctl", &["-D", data, "-o", &options, "-l", log.to_str()?, "-w", "start"]);
    Some("postgres://postgres@127.0.0.1:54329/postgres".to_owned())
}
