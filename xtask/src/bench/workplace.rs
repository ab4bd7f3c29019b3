//! A folder for one benchmark's databases, and who its servers run as.

use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use crate::failure::{Failure, Result, While};
use crate::process;

/// A folder that is removed with everything in it when this is dropped.
pub(super) struct Workplace(PathBuf);

impl Workplace {
    /// Makes it, where sockets' names are short enough.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(super) fn make() -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("ratchet-bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder).while_doing("making a folder for the databases")?;
        Ok(Self(folder))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Workplace {
    fn drop(&mut self) {
        // What is left is found in the folder for temporary files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A server that is stopped when this is dropped.
pub(super) struct Server {
    child: Child,
    /// The signal that makes it stop at once and in order.
    signal: &'static str,
}

impl Server {
    /// Starts `command`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(super) fn start(mut command: Command, signal: &'static str) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command.spawn().while_doing(format!("`{name}` cannot be started"))?;
        Ok(Self { child, signal })
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Whether it still runs.
    pub(super) fn lives(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.lives() {
            let pid = self.id().to_string();
            let _ = process::read(Command::new("kill").args([self.signal, &pid]));
            let _ = self.child.wait();
        }
    }
}

/// Makes `command` run as the user called `name` if we are root, as servers refuse to be.
///
/// # Errors
/// When there is no such user.
pub(super) fn as_user(command: &mut Command, name: &str) -> Result<Option<(u32, u32)>> {
    if std::fs::metadata("/proc/self").while_doing("asking who we are")?.uid() != 0 {
        return Ok(None);
    }
    let text = std::fs::read_to_string("/etc/passwd").while_doing("reading /etc/passwd")?;
    let user = user_of(&text, name).ok_or_else(|| {
        Failure::new(format!("root runs no server, and there is no user `{name}`"))
    })?;
    command.uid(user.0).gid(user.1);
    Ok(Some(user))
}

/// The user's and the group's number.
fn user_of(passwd: &str, name: &str) -> Option<(u32, u32)> {
    let fields = |line: &str| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then_some(())?;
        let mut numbers = fields.skip(1).map(|field| field.parse().ok());
        Some((numbers.next()??, numbers.next()??))
    };
    passwd.lines().find_map(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_two_numbers() {
        let text =
            "root:x:0:0:root:/root-of-all:/bin/sh\npostgres:x:104:111:PG:/var/lib:/bin/bash\n";
        assert_eq!(user_of(text, "postgres"), Some((104, 111)));
        assert_eq!(user_of(text, "post"), None);
    }
}
