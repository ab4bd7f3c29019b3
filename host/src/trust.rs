//! Says whether a plugin's file may be loaded: whose it is, who could have changed it, and whether
//! it is the one that was locked.
//!
//! Plugins in the host's process are trusted code with the host's privileges. These checks detect
//! mistakes and tampering by others, not malice of the plugin's author.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{File, Metadata};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::process::{getegid, geteuid};
use sha2::{Digest as _, Sha256};

use crate::config::settings::{Settings, Trust};
use crate::diagnostic::Diagnostic;
use crate::discovery::{self, Installed};
use crate::plan::Planned;

/// Opens the plugin's file for loading through `/proc/self/fd/N`: the bytes that were checked are
/// the bytes that run.
///
/// # Errors
/// Why the file is not to be trusted.
pub fn open(plugin: &Planned, settings: &Settings) -> Result<File, Diagnostic> {
    check(&plugin.manifest.id, &plugin.file, plugin.identity, settings)
}

/// Does what [`open`] does for a plugin that is not planned.
pub(crate) fn check(
    id: &str,
    path: &Path,
    identity: (u64, u64),
    settings: &Settings,
) -> Result<File, Diagnostic> {
    let refused = |reason: String| Diagnostic::error(format!("plugin `{id}` {reason}")).file(path);
    let unreadable = |error: std::io::Error| refused(format!("cannot be opened: {error}"));
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if (metadata.dev(), metadata.ino()) != identity {
        return Err(refused("was replaced while it was being loaded".into()).help("start again"));
    }
    if settings.trust.check_owner {
        // Where the name leads through links, both ways to the file matter.
        let named = std::path::absolute(path).map_err(unreadable)?;
        let real = path.canonicalize().map_err(unreadable)?;
        check_owner(&metadata, &[named, real]).map_err(|(culprit, reason)| {
            refused(format!("is not trusted: {} {reason}", culprit.display()))
                .note("whoever can change it could run code as the present user")
                .help(format!("chmod go-w {0} and chown it to root or yourself", culprit.display()))
        })?;
    }
    check_lock(id, &file, &settings.trust).map_err(|diagnostic| diagnostic.file(path))?;
    Ok(file)
}

/// Who may own files that are loaded, and which group is as good as its owner.
struct Owners {
    user: u32,
    group: u32,
}

impl Owners {
    /// What is wrong with a file or folder of this owner, group and mode. A group that bears its
    /// user's number is that user's private group, in which nobody else is.
    fn fault(&self, uid: u32, gid: u32, mode: u32) -> Option<String> {
        let sticky_folder = mode & 0o1000 != 0 && mode & 0o170_000 == 0o040_000;
        let private_group = gid == self.group && self.group == self.user;
        if uid != 0 && uid != self.user {
            Some(format!("belongs to user {uid}, not to root or the present user"))
        } else if sticky_folder {
            None
        } else if mode & 0o002 != 0 {
            Some(format!("is writable for everybody (mode {:03o})", mode & 0o777))
        } else if mode & 0o020 != 0 && gid != 0 && !private_group {
            Some(format!("is writable for group {gid} (mode {:03o})", mode & 0o777))
        } else {
            None
        }
    }
}

/// Checks the file and the folders above it.
fn check_owner(file: &Metadata, paths: &[PathBuf; 2]) -> Result<(), (PathBuf, String)> {
    let owners = Owners { user: geteuid().as_raw(), group: getegid().as_raw() };
    let fault = |metadata: &Metadata| owners.fault(metadata.uid(), metadata.gid(), metadata.mode());
    if let Some(reason) = fault(file) {
        return Err((paths[1].clone(), reason));
    }
    for folder in paths.iter().flat_map(|path| path.ancestors().skip(1)) {
        let metadata = folder.metadata().map_err(|error| (folder.to_owned(), error.to_string()))?;
        if let Some(reason) = fault(&metadata) {
            return Err((folder.to_owned(), reason));
        }
    }
    Ok(())
}

/// Where the lock is, and whether configuration says so.
pub(crate) fn lock_file(trust: &Trust) -> PathBuf {
    match &trust.lock_file {
        Some(path) => PathBuf::from(path),
        None => discovery::own_directory().join("plugins.lock"),
    }
}

fn check_lock(id: &str, file: &File, trust: &Trust) -> Result<(), Diagnostic> {
    let path = lock_file(trust);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !trust.require_lock => {
            return Ok(());
        }
        Err(error) => {
            let headline = format!("the plugin lock {} cannot be read: {error}", path.display());
            return Err(Diagnostic::error(headline).help("`ratchet plugins lock` writes it"));
        }
    };
    let locked = parse_lock(&text).map_err(|diagnostic| diagnostic.file(&path))?;
    let help = "if the change is right, run `ratchet plugins lock` again";
    let Some(expected) = locked.get(id) else {
        if !trust.require_lock {
            return Ok(());
        }
        let headline = format!("plugin `{id}` is not in the lock {}", path.display());
        return Err(Diagnostic::error(headline).help(help));
    };
    let found = digest(file)
        .map_err(|error| Diagnostic::error(format!("plugin `{id}` cannot be read: {error}")))?;
    if *expected == found {
        return Ok(());
    }
    Err(Diagnostic::error(format!("plugin `{id}` is not the file that was locked"))
        .note(format!("locked  sha256 {expected}   ({})", path.display()))
        .note(format!("found   sha256 {found}; no code from it was run"))
        .help(help))
}

fn parse_lock(text: &str) -> Result<BTreeMap<&str, &str>, Diagnostic> {
    let mut locked = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match line.split_once(char::is_whitespace) {
            Some((hash, id)) if hash.len() == 64 => locked.insert(id.trim(), hash),
            _ => {
                let headline = format!("line {} of the plugin lock is not `SHA256  ID`", index + 1);
                return Err(Diagnostic::error(headline).help("run `ratchet plugins lock` again"));
            }
        };
    }
    Ok(locked)
}

/// The lock that pins the present files of these plugins.
pub(crate) fn lock(plugins: &[&Installed]) -> Result<String, Diagnostic> {
    let mut text = String::from("# SHA-256 of each plugin's file; see `ratchet plugins lock`.\n");
    for plugin in plugins {
        let id = &plugin.manifest.id;
        let hash = File::open(&plugin.file).and_then(|file| digest(&file)).map_err(|error| {
            Diagnostic::error(format!("plugin `{id}` cannot be read: {error}")).file(&plugin.file)
        })?;
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{hash}  {id}");
    }
    Ok(text)
}

fn digest(mut file: &File) -> std::io::Result<String> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            length => hasher.update(&buffer[..length]),
        }
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_whose_file_is_safe() {
        let user = Owners { user: 1000, group: 1000 };
        let staff = Owners { user: 1000, group: 50 };
        let file = 0o100_000;
        let folder = 0o040_000;
        assert_eq!(user.fault(1000, 1000, file | 0o644), None);
        assert_eq!(user.fault(0, 0, file | 0o755), None);
        assert_eq!(user.fault(1000, 1000, file | 0o664), None, "a private group is its user");
        assert_eq!(user.fault(0, 0, folder | 0o1777), None, "/tmp is sticky");
        let fault = |owners: &Owners, uid, gid, mode| owners.fault(uid, gid, mode).expect("unsafe");
        assert!(fault(&user, 1001, 1001, file | 0o644).contains("belongs to user 1001"));
        assert!(fault(&user, 1000, 1000, file | 0o666).contains("everybody (mode 666)"));
        assert!(fault(&staff, 1000, 50, file | 0o664).contains("group 50 (mode 664)"));
        assert!(fault(&user, 0, 0, folder | 0o777).contains("everybody"));
    }

    #[test]
    fn reads_locks_and_says_which_line_is_wrong() {
        let hash = "a".repeat(64);
        let text = format!("# comment\n\n{hash}  acme.output.s3\n");
        assert_eq!(parse_lock(&text).expect("a lock")["acme.output.s3"], hash);
        let wrong = parse_lock("# comment\nacme.output.s3\n").expect_err("no lock");
        assert_eq!(wrong.headline, "line 2 of the plugin lock is not `SHA256  ID`");
    }
}
