//! The `http` section of the configuration.

use std::path::PathBuf;

use ratchet_plugin_api::{Secret, config};

/// The plugin's configuration: the `http` section of the whole one.
#[config]
pub(crate) struct Config {
    /// How tasks reach the network.
    #[section("http")]
    #[default]
    pub(crate) http: HttpConfig,
}

/// How tasks reach the network.
#[config]
pub(crate) struct HttpConfig {
    /// Seconds a request may take from its start to the last byte of its answer. A task may ask
    /// for less.
    #[default(30)]
    pub(crate) timeout: u64,
    /// Redirects to follow before a request fails.
    #[default(10)]
    pub(crate) max_redirects: u32,
    /// The User-Agent header of requests that have none of their own.
    #[default("Ratchet/1.0")]
    pub(crate) user_agent: String,
    /// Whether servers have to prove who they are. Without it anybody on the way can read and
    /// change what is sent.
    #[default(true)]
    pub(crate) verify_ssl: bool,
    /// Connections kept open between requests.
    #[default]
    pub(crate) connection_pool: ConnectionPool,
    /// Bytes of an answer's body to accept, counted after decompression. A task may ask for less.
    #[default(10_485_760)]
    pub(crate) max_response_bytes: u64,
    /// The URL of an HTTP proxy for all requests, such as `http://proxy.example:3128`. The proxy
    /// looks up names itself, so it is the proxy that has to keep tasks away from private
    /// addresses behind public names; hosts, ports and literal addresses are checked before.
    /// Proxies named by the environment are not used.
    pub(crate) proxy: Option<Secret>,
    /// A PEM file of certificate authorities to trust in addition to the built-in ones.
    pub(crate) ca_file: Option<PathBuf>,
    /// Where tasks may send requests to.
    #[default]
    pub(crate) egress: Egress,
}

/// Connections kept open between requests.
#[config]
pub(crate) struct ConnectionPool {
    /// Idle connections kept for each host.
    #[default(10)]
    pub(crate) max_idle_per_host: usize,
    /// Seconds after which an idle connection is closed.
    #[default(90)]
    pub(crate) idle_timeout: u64,
    /// Seconds to wait for a connection.
    #[default(10)]
    pub(crate) connection_timeout: u64,
}

/// Where tasks may send requests to.
///
/// By default they reach every public address and nothing else. Addresses are checked after names
/// were looked up, and again at each redirect.
#[config]
pub(crate) struct Egress {
    /// The only hosts that may be reached: exact names or addresses, or `*.example.com` for every
    /// name below one. Empty means any.
    #[default]
    pub(crate) allow_hosts: Vec<String>,
    /// Hosts that may not be reached, written like those in `allow_hosts`; this one wins.
    #[default]
    pub(crate) deny_hosts: Vec<String>,
    /// Address ranges to open that are closed by default, such as `10.1.0.0/16` or `::1`.
    #[default]
    pub(crate) allow_ranges: Vec<String>,
    /// Address ranges that may not be reached; this one wins.
    #[default]
    pub(crate) deny_ranges: Vec<String>,
    /// Opens private networks and this machine itself: the private, shared, unique-local and
    /// loopback ranges. Link-local addresses, where clouds keep credentials, stay closed unless
    /// `allow_ranges` names them.
    #[default(false)]
    pub(crate) allow_private: bool,
    /// The only ports that may be reached. Empty means any.
    #[default]
    pub(crate) allow_ports: Vec<u16>,
}
