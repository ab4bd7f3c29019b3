//! Where requests may go.

mod hosts;
mod ranges;

use std::net::IpAddr;

use ratchet_plugin_api::{Code, Error, Result};
use reqwest::Url;

use self::hosts::HostPattern;
use self::ranges::{Kind, embedded_ipv4, parse_range, special_range};
use crate::config;

/// The egress policy, ready to be asked.
#[derive(Debug)]
pub(crate) struct Policy {
    allow_hosts: Vec<HostPattern>,
    deny_hosts: Vec<HostPattern>,
    allow_ranges: Vec<ipnet::IpNet>,
    deny_ranges: Vec<ipnet::IpNet>,
    allow_private: bool,
    allow_ports: Vec<u16>,
}

impl Policy {
    /// # Errors
    /// `Configuration`, naming the key and the entry that cannot be read.
    pub(crate) fn new(config: &config::Egress) -> Result<Self> {
        Ok(Self {
            allow_hosts: parse_all("allow_hosts", &config.allow_hosts, HostPattern::parse)?,
            deny_hosts: parse_all("deny_hosts", &config.deny_hosts, HostPattern::parse)?,
            allow_ranges: parse_all("allow_ranges", &config.allow_ranges, parse_range)?,
            deny_ranges: parse_all("deny_ranges", &config.deny_ranges, parse_range)?,
            allow_private: config.allow_private,
            allow_ports: config.allow_ports.clone(),
        })
    }

    /// Checks what can be known of a URL before its name is looked up: host, port, and the address
    /// if it is one. (The URL parser has turned odd spellings such as `http://0x7f.1/` into plain
    /// addresses already.)
    ///
    /// # Errors
    /// `Denied`, naming host and rule; `Invalid` for a URL without a host.
    pub(crate) fn check_url(&self, url: &Url) -> Result<()> {
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(Error::invalid(format!("`{url}` names no host")));
        };
        if !self.allow_ports.is_empty() && !self.allow_ports.contains(&port) {
            let rule = format!("port {port} is not in http.egress.allow_ports");
            return Err(denied("egress.port", &host.to_string(), &rule));
        }
        if let Some(pattern) = self.deny_hosts.iter().find(|pattern| pattern.matches(&host)) {
            let rule = format!("http.egress.deny_hosts has `{pattern}`");
            return Err(denied("egress.host", &host.to_string(), &rule));
        }
        let allowed = |pattern: &HostPattern| pattern.matches(&host);
        if !self.allow_hosts.is_empty() && !self.allow_hosts.iter().any(allowed) {
            let rule = "it is not in http.egress.allow_hosts";
            return Err(denied("egress.host", &host.to_string(), rule));
        }
        match host {
            url::Host::Ipv4(address) => self.check_address(&address.to_string(), address.into()),
            url::Host::Ipv6(address) => self.check_address(&address.to_string(), address.into()),
            url::Host::Domain(_) => Ok(()),
        }
    }

    /// Checks the address that is about to be connected to for `host`.
    ///
    /// # Errors
    /// `Denied`, naming host, address and rule.
    pub(crate) fn check_address(&self, host: &str, address: IpAddr) -> Result<()> {
        // An IPv6 address that stands for an IPv4 one leads to that one, so both have to pass.
        let embedded = embedded_ipv4(address).map(IpAddr::V4);
        for address in std::iter::once(address).chain(embedded) {
            if let Some(range) = self.deny_ranges.iter().find(|range| range.contains(&address)) {
                let rule = format!("{address} is in http.egress.deny_ranges ({range})");
                return Err(denied("egress.range", host, &rule));
            }
        }
        let leads_to = embedded.unwrap_or(address);
        let opened = |range: &ipnet::IpNet| range.contains(&address) || range.contains(&leads_to);
        if self.allow_ranges.iter().any(opened) {
            return Ok(());
        }
        match special_range(leads_to) {
            None => Ok(()),
            Some(special) if special.kind == Kind::Private && self.allow_private => Ok(()),
            Some(special) => {
                let (range, name) = (special.range, special.name);
                let rule =
                    format!("{address} is {name} ({range}); http.egress.allow_ranges can open it");
                Err(denied("egress.range", host, &rule))
            }
        }
    }
}

fn denied(reason: &str, host: &str, rule: &str) -> Error {
    Error::new(Code::Denied, format!("the egress policy keeps tasks from {host}: {rule}"))
        .with_reason(reason)
}

fn parse_all<T>(
    key: &str,
    entries: &[String],
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>> {
    let parsed = entries.iter().enumerate().map(|(index, entry)| {
        parse(entry).map_err(|why| {
            let message = format!("http.egress.{key}[{index}] is `{entry}`: {why}");
            Error::new(Code::Configuration, message)
        })
    });
    parsed.collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
