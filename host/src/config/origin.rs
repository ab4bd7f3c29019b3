//! Where a value of the configuration comes from.

use std::fmt;
use std::path::{Path, PathBuf};

/// Where a value of the configuration comes from; later kinds override earlier ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The defaults built into the host, or a default declared by a plugin.
    #[default]
    Default,
    /// A profile built into the host.
    Profile {
        /// Its name.
        name: String,
        /// The line; 0 where none is known.
        line: usize,
    },
    /// The user's file.
    File {
        /// The file as it was named.
        path: PathBuf,
        /// The line; 0 where none is known.
        line: usize,
    },
    /// An environment variable.
    Variable(String),
    /// A command line option, as it was given.
    Flag(String),
}

impl Origin {
    /// Whether the user said it, rather than a default or a profile.
    pub fn is_users(&self) -> bool {
        matches!(self, Origin::File { .. } | Origin::Variable(_) | Origin::Flag(_))
    }

    /// What paths given there are relative to; none means the working directory.
    pub fn directory(&self) -> Option<&Path> {
        match self {
            Origin::File { path, .. } => path.parent(),
            _ => None,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::Profile { name, line: 0 } => write!(f, "profile {name}"),
            Origin::Profile { name, line } => write!(f, "profile {name}:{line}"),
            Origin::File { path, line: 0 } => write!(f, "{}", path.display()),
            Origin::File { path, line } => write!(f, "{}:{line}", path.display()),
            Origin::Variable(name) => f.write_str(name),
            Origin::Flag(flag) => f.write_str(flag),
        }
    }
}
