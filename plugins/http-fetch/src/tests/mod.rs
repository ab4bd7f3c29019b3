//! The fetcher against servers on loopback ports.

mod basics;
mod dns;
mod limits;
mod pool;
mod proxy;
mod redirects;
mod tls;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use ratchet_plugin_api::model::{FetchRequest, FetchResponse, Redirect};
use ratchet_plugin_api::raw::BoxFuture;
use ratchet_plugin_api::services::HttpFetcher;
use ratchet_plugin_api::{Error, Result};
use ratchet_testkit::TestHost;

use crate::HttpFetch;
use crate::config::Config;
use crate::resolver::{Lookup, SystemLookup};

/// The configuration of a fetcher that may reach servers of this test, and nothing else that is
/// private.
fn config(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::default();
    config.http.egress.allow_ranges = vec!["127.0.0.1".to_owned()];
    change(&mut config);
    config
}

/// A fetcher as other plugins see it.
fn fetcher(change: impl FnOnce(&mut Config)) -> Arc<dyn HttpFetcher> {
    fetcher_with(SystemLookup, change)
}

fn fetcher_with(lookup: impl Lookup, change: impl FnOnce(&mut Config)) -> Arc<dyn HttpFetcher> {
    let plugin = HttpFetch::new(config(change), Arc::new(lookup)).unwrap();
    let host = TestHost::new().with::<dyn HttpFetcher>("", Arc::new(plugin));
    // The binding keeps the provider; the host itself is not needed any more.
    host.service::<dyn HttpFetcher>("").unwrap()
}

fn get(url: impl Into<String>) -> FetchRequest {
    FetchRequest {
        method: "GET".to_owned(),
        url: url.into(),
        headers: Vec::new(),
        body: None,
        redirect: Redirect::Follow,
        timeout_ms: None,
        max_body_bytes: None,
    }
}

fn header<'a>(response: &'a FetchResponse, name: &str) -> Option<&'a str> {
    let mut headers = response.headers.iter();
    headers.find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// Names whose addresses change from one question to the next.
#[derive(Clone, Default)]
struct Script(Arc<Mutex<VecDeque<Vec<IpAddr>>>>);

impl Script {
    fn new(answers: &[&[&str]]) -> Self {
        let answers = answers
            .iter()
            .map(|answer| answer.iter().map(|address| address.parse().unwrap()).collect());
        Self(Arc::new(Mutex::new(answers.collect())))
    }

    fn questions_left(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

impl Lookup for Script {
    fn lookup(&self, name: String) -> BoxFuture<Result<Vec<IpAddr>>> {
        let answer = self.0.lock().unwrap().pop_front();
        let answer = answer.ok_or_else(|| Error::unavailable(format!("who is {name}?")));
        Box::pin(std::future::ready(answer))
    }
}
