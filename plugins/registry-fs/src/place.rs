//! What the URI of a source means.

use std::path::PathBuf;

use ratchet_plugin_api::{Code, Error, Result};
use url::Url;

use crate::config::SourceType;

/// Where a source is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// On the file system of this machine.
    Disk(PathBuf),
    /// Anywhere else; the kind of plugin that can read it.
    Elsewhere(SourceType),
}

impl Place {
    /// Reads a URI or a path; `kind` is what the configuration says it is.
    ///
    /// # Errors
    /// `Configuration` when it means no place.
    pub(crate) fn read(uri: &str, kind: Option<SourceType>) -> Result<Self> {
        let wrong = |what: &str| {
            let message = format!(
                "`{uri}` {what}; a source is a path such as ./tasks, or a URI such as \
                 file:///srv/tasks or https://example.com/tasks.git"
            );
            Err(Error::new(Code::Configuration, message))
        };
        let text = uri.trim();
        if text.is_empty() {
            return wrong("is empty");
        }
        if let Some(rest) = text.strip_prefix("file://") {
            return match (kind, file_path(rest)) {
                (None | Some(SourceType::Filesystem), Some(path)) => Ok(Self::Disk(path)),
                (Some(kind), Some(_)) => Ok(Self::Elsewhere(kind)),
                (_, None) => wrong("is no path"),
            };
        }
        match (kind, scheme(text)) {
            (Some(SourceType::Filesystem), None) | (None, None) => Ok(Self::Disk(text.into())),
            (Some(SourceType::Filesystem), Some(_)) => wrong("is on no file system"),
            (Some(kind), _) => Ok(Self::Elsewhere(kind)),
            (None, Some("git" | "ssh" | "git+ssh" | "git+https")) => {
                Ok(Self::Elsewhere(SourceType::Git))
            }
            (None, Some("s3")) => Ok(Self::Elsewhere(SourceType::S3)),
            (None, Some("http" | "https")) => Ok(Self::Elsewhere(web_kind(text))),
            (None, Some(_)) => wrong("is of no kind that is known"),
        }
    }

    /// The kind's name.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Disk(_) => SourceType::Filesystem.as_str(),
            Self::Elsewhere(kind) => kind.as_str(),
        }
    }
}

/// The path of a `file://` URI: absolute ones as the standard has them, and relative ones, which
/// it has not, as everybody writes them: `file://./tasks`.
fn file_path(rest: &str) -> Option<PathBuf> {
    let relative = !rest.starts_with('/') && !rest.starts_with("localhost/");
    if relative {
        return (!rest.is_empty()).then(|| rest.into());
    }
    Url::parse(&format!("file://{rest}")).ok()?.to_file_path().ok()
}

/// The scheme of a URI; `git@host:path` is one of `ssh`.
fn scheme(text: &str) -> Option<&str> {
    if let Some((scheme, _)) = text.split_once("://") {
        return Some(scheme);
    }
    let (user, rest) = text.split_once('@')?;
    (!user.contains('/') && rest.contains(':')).then_some("ssh")
}

/// Whether a web address is one of Git or of a server of tasks.
fn web_kind(text: &str) -> SourceType {
    let Ok(url) = Url::parse(text) else { return SourceType::Http };
    let host = url.host_str().unwrap_or_default();
    let forge = ["github.com", "gitlab.com", "bitbucket.org"].contains(&host);
    if forge || url.path().ends_with(".git") { SourceType::Git } else { SourceType::Http }
}

/// The URI without user and password.
pub(crate) fn without_password(uri: &str) -> String {
    match Url::parse(uri) {
        Ok(mut url) if url.password().is_some() || !url.username().is_empty() => {
            // Fails only for URIs that have no host, which have no user either.
            let _ = url.set_password(None);
            let _ = url.set_username("");
            url.to_string()
        }
        _ => uri.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_uri_means_its_place() {
        let disk = |path: &str| Place::Disk(path.into());
        let elsewhere = Place::Elsewhere;
        for (uri, expected) in [
            ("file://./sample/js-tasks", disk("./sample/js-tasks")),
            ("file://tasks", disk("tasks")),
            ("file:///srv/my%20tasks", disk("/srv/my tasks")),
            ("file://localhost/srv", disk("/srv")),
            ("./tasks", disk("./tasks")),
            ("/srv/pack.zip", disk("/srv/pack.zip")),
            ("https://github.com/a/b", elsewhere(SourceType::Git)),
            ("https://example.com/b.git", elsewhere(SourceType::Git)),
            ("git@example.com:a/b", elsewhere(SourceType::Git)),
            ("ssh://example.com/a", elsewhere(SourceType::Git)),
            ("https://example.com/tasks", elsewhere(SourceType::Http)),
            ("s3://bucket/tasks", elsewhere(SourceType::S3)),
        ] {
            assert_eq!(Place::read(uri, None).unwrap(), expected, "{uri}");
        }
        let git = Place::read("file:///srv/repo", Some(SourceType::Git)).unwrap();
        assert_eq!(git, elsewhere(SourceType::Git));
    }

    #[test]
    fn what_means_no_place_is_refused() {
        for (uri, kind) in [
            ("", None),
            ("file://", None),
            ("gopher://x", None),
            ("https://x", Some(SourceType::Filesystem)),
        ] {
            let error = Place::read(uri, kind).unwrap_err();
            assert_eq!(error.code, Code::Configuration, "{uri}");
        }
    }

    #[test]
    fn passwords_are_not_shown() {
        assert_eq!(without_password("https://u:p@example.com/a"), "https://example.com/a");
        assert_eq!(without_password("./a"), "./a");
    }
}
