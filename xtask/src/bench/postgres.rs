//! A private PostgreSQL, on a socket in the folder of the benchmark.

use std::fs::File;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::failure::{Failure, Result, While};
use crate::process;

use super::workplace::{Server, as_user};

/// Settings of the benchmark: durable as it comes, with room for what is measured.
const SETTINGS: &[&str] = &[
    "listen_addresses=",
    "fsync=on",
    "synchronous_commit=on",
    "full_page_writes=on",
    "shared_buffers=512MB",
    "max_wal_size=4GB",
    "autovacuum=on",
    "shared_preload_libraries=pg_stat_statements",
];

/// How long the server may take to answer at first.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running server; it stops when this is dropped.
pub(super) struct Postgres {
    programs: PathBuf,
    sockets: PathBuf,
    _server: Server,
}

impl Postgres {
    /// Makes and starts a server in `folder`.
    ///
    /// # Errors
    /// When it is not installed or does not start.
    pub(super) fn start(folder: &Path) -> Result<Self> {
        let programs = programs()?;
        let (data, log) = (folder.join("postgres"), folder.join("postgres.log"));
        let mut initdb = Command::new(programs.join("initdb"));
        if let Some((user, group)) = as_user(&mut initdb, "postgres")? {
            chown(folder, Some(user), Some(group)).while_doing("giving away the folder")?;
        }
        initdb.current_dir(folder).arg("--pgdata").arg(&data);
        process::read(initdb.args(["--auth=trust", "--username=postgres", "--no-sync"]))?;
        let mut command = Command::new(programs.join("postgres"));
        as_user(&mut command, "postgres")?;
        command.current_dir(folder).arg("-D").arg(&data).arg("-k").arg(folder);
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        let output = File::create(&log).while_doing("making the server's log")?;
        let errors = output.try_clone().while_doing("making the server's log")?;
        command.stdout(output).stderr(errors);
        let mut server = Server::start(command, "-INT")?;
        let until = Instant::now() + PATIENCE;
        let answers = || {
            let ready =
                Command::new(programs.join("pg_isready")).arg("-q").arg("-h").arg(folder).status();
            ready.is_ok_and(|status| status.success())
        };
        while !answers() {
            if !server.lives() || Instant::now() > until {
                let said = std::fs::read_to_string(&log).unwrap_or_default();
                return Err(Failure::new(format!("PostgreSQL does not start\n{}", said.trim())));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(Self { programs, sockets: folder.to_owned(), _server: server })
    }

    /// The server's version, as it says it.
    pub(super) fn version() -> Result<String> {
        let text = process::read(Command::new(programs()?.join("postgres")).arg("--version"))?;
        Ok(text.trim().rsplit("(PostgreSQL) ").next().unwrap_or_default().to_owned())
    }

    /// Makes an empty database, instead of one of this name, and gives its URL.
    ///
    /// # Errors
    /// What the server says.
    pub(super) fn fresh(&self, name: &str) -> Result<String> {
        self.ask("postgres", &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))?;
        self.ask("postgres", &format!("CREATE DATABASE {name}"))?;
        let sockets = self.sockets.display();
        Ok(format!("postgres://postgres@localhost/{name}?host={sockets}"))
    }

    /// Runs one statement and gives its rows, without names.
    ///
    /// # Errors
    /// What the server says.
    pub(super) fn ask(&self, database: &str, statement: &str) -> Result<String> {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.arg("-h").arg(&self.sockets).args([
            "-U",
            "postgres",
            "-qXAt",
            "-v",
            "ON_ERROR_STOP=1",
        ]);
        psql.args(["-d", database, "-c", statement]);
        Ok(process::read(&mut psql)?.trim().to_owned())
    }

    /// Brings a database that was just filled into the state it would soon be in by itself.
    ///
    /// # Errors
    /// What the server says.
    pub(super) fn settle(&self, database: &str) -> Result {
        self.ask(database, "VACUUM ANALYZE")?;
        self.ask(database, "CHECKPOINT").map(|_| ())
    }
}

/// The folder of the newest server that is installed.
fn programs() -> Result<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest =
        folders.map(|entry| entry.path().join("bin")).filter(|bin| bin.join("initdb").exists());
    let number = |bin: &PathBuf| {
        let version = bin.parent().and_then(Path::file_name)?.to_str()?;
        version.parse::<u32>().ok()
    };
    newest.max_by_key(number).ok_or_else(|| {
        Failure::new("PostgreSQL is not installed: /usr/lib/postgresql/*/bin has no server")
    })
}
