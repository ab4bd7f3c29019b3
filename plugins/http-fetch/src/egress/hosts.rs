//! Patterns of host names.

use std::fmt;

use url::Host;

/// Which hosts a rule is about.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum HostPattern {
    /// This one.
    Exact(Host),
    /// Every name below this one, which is not among them itself.
    Below(String),
}

impl HostPattern {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (below, name) = match text.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, text),
        };
        let readable = |host: &Host| !matches!(host, Host::Domain(name) if name.contains('*'));
        let host = Host::parse(name)
            .or_else(|error| {
                // Addresses of version 6 are taken with and without brackets.
                name.parse().map(Host::Ipv6).map_err(|_| error)
            })
            .ok()
            .filter(readable);
        match (below, host) {
            (false, Some(Host::Domain(name))) => Ok(Self::Exact(Host::Domain(plain(&name)))),
            (false, Some(address)) => Ok(Self::Exact(address)),
            (true, Some(Host::Domain(name))) => Ok(Self::Below(format!(".{}", plain(&name)))),
            _ => Err("a host is a name, an address, or `*.` and a name".to_owned()),
        }
    }

    pub(super) fn matches(&self, host: &Host<&str>) -> bool {
        match (self, host) {
            (Self::Exact(Host::Domain(wanted)), Host::Domain(name)) => *wanted == plain(name),
            (Self::Exact(Host::Ipv4(wanted)), Host::Ipv4(address)) => wanted == address,
            (Self::Exact(Host::Ipv6(wanted)), Host::Ipv6(address)) => wanted == address,
            (Self::Below(parent), Host::Domain(name)) => plain(name).ends_with(parent),
            _ => false,
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(host) => host.fmt(f),
            Self::Below(parent) => write!(f, "*{parent}"),
        }
    }
}

/// The name as it is compared: in lower case, without the dot of the root.
fn plain(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}
