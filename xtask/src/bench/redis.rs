//! A private Redis, on a socket in the folder of the benchmark.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::failure::{Failure, Result, While};
use crate::process;

use super::workplace::Server;

/// How long the server may take to answer at first.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running server, empty at first; it stops when this is dropped.
pub(super) struct Redis {
    socket: PathBuf,
    _server: Server,
}

impl Redis {
    /// Starts a server in `folder` that logs every change, and syncs that log as `fsync` says:
    /// `always` or `everysec`.
    ///
    /// # Errors
    /// When it is not installed or does not start.
    pub(super) fn start(folder: &Path, fsync: &str) -> Result<Self> {
        let data = folder.join("redis");
        let _ = std::fs::remove_dir_all(&data);
        std::fs::create_dir_all(&data).while_doing("making Redis a folder")?;
        let socket = folder.join("redis.sock");
        let mut command = Command::new("redis-server");
        command.args(["--port", "0", "--save", "", "--appendonly", "yes", "--appendfsync", fsync]);
        command.arg("--unixsocket").arg(&socket).arg("--dir").arg(&data);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut server = Server::start(command, "-TERM")?;
        let until = Instant::now() + PATIENCE;
        while std::os::unix::net::UnixStream::connect(&socket).is_err() {
            if !server.lives() || Instant::now() > until {
                return Err(Failure::new("Redis does not start"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Self { socket, _server: server })
    }

    /// The path of its socket.
    pub(super) fn place(&self) -> String {
        self.socket.display().to_string()
    }

    /// The server's version.
    ///
    /// # Errors
    /// When it is not installed.
    pub(super) fn version() -> Result<String> {
        let text = process::read(Command::new("redis-server").arg("--version"))?;
        let version = text.split_whitespace().find_map(|word| word.strip_prefix("v="));
        Ok(version.unwrap_or("?").to_owned())
    }
}
