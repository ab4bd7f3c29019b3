//! The one pooled client, and the limits every request is held to.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ratchet_plugin_api::{Code, Error, Result};
use reqwest::header::HeaderValue;

use crate::config::HttpConfig;
use crate::egress::Policy;
use crate::resolver::{Lookup, PolicyResolver};
use crate::tls;

/// Seconds beyond which a duration is as good as for ever; a clock cannot add much more.
const FOREVER: u64 = 100 * 365 * 24 * 3600;

/// Everything a request needs. Making one costs next to nothing: connections, certificates and
/// threads come with the first request.
pub(crate) struct Client {
    config: HttpConfig,
    user_agent: HeaderValue,
    proxy: Option<reqwest::Proxy>,
    lookup: Arc<dyn Lookup>,
    policy: Arc<Policy>,
    trusted: tls::Trusted,
    http: OnceLock<reqwest::Client>,
}

impl Client {
    /// # Errors
    /// `Configuration`, naming the key that is wrong.
    pub(crate) fn new(config: HttpConfig, lookup: Arc<dyn Lookup>) -> Result<Self> {
        let pool = &config.connection_pool;
        for (key, seconds) in [
            ("http.timeout", config.timeout),
            ("http.connection_pool.connection_timeout", pool.connection_timeout),
        ] {
            if seconds == 0 {
                return Err(wrong(key, "0 seconds are too short for anything; 1 is the least"));
            }
        }
        let user_agent = HeaderValue::from_str(&config.user_agent)
            .map_err(|_| wrong("http.user_agent", "it has characters that no header may have"))?;
        let proxy = config.proxy.as_ref().map(|url| proxy(url.reveal())).transpose()?;
        let policy = Arc::new(Policy::new(&config.egress)?);
        let trusted = tls::Trusted::new(config.verify_ssl, config.ca_file.as_deref())?;
        let http = OnceLock::new();
        Ok(Self { config, user_agent, proxy, lookup, policy, trusted, http })
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    pub(crate) fn max_redirects(&self) -> u32 {
        self.config.max_redirects
    }

    /// The time a request gets that asks for this many milliseconds.
    pub(crate) fn timeout(&self, asked_ms: Option<u64>) -> Duration {
        let configured = seconds(self.config.timeout);
        asked_ms.map_or(configured, |asked| configured.min(Duration::from_millis(asked)))
    }

    /// The bytes of body a request gets that asks for this many.
    pub(crate) fn max_body_bytes(&self, asked: Option<u64>) -> u64 {
        let configured = self.config.max_response_bytes;
        asked.map_or(configured, |asked| configured.min(asked))
    }

    /// The pooled client, made at its first use.
    ///
    /// # Errors
    /// `Internal` when it cannot be made.
    pub(crate) fn http(&self) -> Result<&reqwest::Client> {
        if let Some(client) = self.http.get() {
            return Ok(client);
        }
        // Two first requests at once may both make one; the first to finish is kept.
        let client = self.build()?;
        Ok(self.http.get_or_init(|| client))
    }

    /// Whether there has been a first use.
    #[cfg(test)]
    pub(crate) fn is_built(&self) -> bool {
        self.http.get().is_some()
    }

    fn build(&self) -> Result<reqwest::Client> {
        let pool = &self.config.connection_pool;
        // A proxy's own address is the operator's choice, and the only one ever looked up.
        let policy = self.proxy.is_none().then(|| Arc::clone(&self.policy));
        let resolver = PolicyResolver::new(Arc::clone(&self.lookup), policy);
        let builder = reqwest::Client::builder()
            .user_agent(self.user_agent.clone())
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(seconds(pool.connection_timeout))
            .pool_max_idle_per_host(pool.max_idle_per_host)
            .pool_idle_timeout(seconds(pool.idle_timeout))
            .tls_backend_preconfigured(self.trusted.client_config()?)
            .dns_resolver(resolver)
            // Or the environment's proxies would be used.
            .no_proxy();
        let builder = match &self.proxy {
            Some(proxy) => builder.proxy(proxy.clone()),
            None => builder,
        };
        builder.build().map_err(|error| {
            Error::wrap(Code::Internal, "the HTTP client could not be made", &error)
        })
    }
}

fn seconds(configured: u64) -> Duration {
    Duration::from_secs(configured.min(FOREVER))
}

fn proxy(url: &str) -> Result<reqwest::Proxy> {
    let right = "an http or https URL such as http://proxy.example:3128 is right";
    let parsed = reqwest::Url::parse(url).map_err(|_| wrong("http.proxy", right))?;
    if !matches!(parsed.scheme(), "http" | "https") || parsed.host_str().is_none() {
        return Err(wrong("http.proxy", right));
    }
    reqwest::Proxy::all(parsed).map_err(|_| wrong("http.proxy", right))
}

pub(crate) fn wrong(key: &str, why: &str) -> Error {
    Error::new(Code::Configuration, format!("{key} cannot be used: {why}"))
}
