//! Looks names up and lets only addresses through that the egress policy allows.
//!
//! The addresses given here are the ones connected to, so a name that changes its address between
//! a check and the connection (DNS rebinding) gains nothing.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ratchet_plugin_api::raw::BoxFuture;
use ratchet_plugin_api::{Error, Result};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::egress::Policy;

/// Where addresses come from.
pub(crate) trait Lookup: Send + Sync + 'static {
    /// All addresses of `name`.
    fn lookup(&self, name: String) -> BoxFuture<Result<Vec<IpAddr>>>;
}

/// The system's resolver.
pub(crate) struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, name: String) -> BoxFuture<Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await;
            let found = found.map_err(|error| {
                Error::unavailable(format!("the name {name} cannot be looked up: {error}"))
            })?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// A resolver that asks the policy about every address.
pub(crate) struct PolicyResolver {
    lookup: Arc<dyn Lookup>,
    policy: Option<Arc<Policy>>,
}

impl PolicyResolver {
    pub(crate) fn new(lookup: Arc<dyn Lookup>, policy: Option<Arc<Policy>>) -> Self {
        Self { lookup, policy }
    }
}

impl Resolve for PolicyResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let name = name.as_str().to_owned();
        let found = self.lookup.lookup(name.clone());
        let policy = self.policy.clone();
        Box::pin(async move {
            let found = found.await?;
            let Some(policy) = policy else {
                return Ok(addresses(found));
            };
            let mut allowed = Vec::with_capacity(found.len());
            let mut refusal = None;
            for address in found {
                match policy.check_address(&name, address) {
                    Ok(()) => allowed.push(address),
                    Err(error) => refusal = Some(error),
                }
            }
            match refusal {
                Some(error) if allowed.is_empty() => Err(error.into()),
                _ => Ok(addresses(allowed)),
            }
        })
    }
}

/// Port 0 stands for the URL's own.
fn addresses(found: Vec<IpAddr>) -> Addrs {
    Box::new(found.into_iter().map(|address| SocketAddr::new(address, 0)))
}
