//! Boa against what every engine must do alike, and what it does in its own way.

mod speed;

use std::sync::Arc;

use ratchet_jskit::contract::{cases, verify, verify_calls, verify_fetches};
use ratchet_jskit::{FetchPort, JsThread};
use ratchet_plugin_api::services::{HttpFetcher, JsRuntime};
use ratchet_plugin_api::{Code, Error};

use crate::JsBoa;
use crate::engine::{Boa, VERSION};

fn runtime_with(fetcher: Option<Arc<dyn HttpFetcher>>) -> Arc<dyn JsRuntime> {
    let port = FetchPort::new(tokio::runtime::Handle::current(), move || {
        fetcher.clone().ok_or_else(|| Error::new(Code::Gone, "there is no HTTP fetcher"))
    });
    Arc::new(JsBoa { thread: JsThread::start::<Boa>(port).unwrap() })
}

fn runtime() -> Arc<dyn JsRuntime> {
    runtime_with(None)
}

#[tokio::test]
async fn boa_passes_the_contract() {
    verify(runtime(), &cases()).await;
}

#[tokio::test]
async fn programs_are_checked_and_runs_followed() {
    verify_calls(runtime()).await;
}

#[tokio::test]
async fn requests_go_out_through_the_fetcher() {
    verify_fetches(&runtime_with).await;
}

#[tokio::test]
async fn the_engine_says_what_it_is() {
    let info = runtime().info().await.unwrap();
    assert_eq!((info.name.as_str(), info.engine), ("boa", format!("boa_engine {VERSION}")));
    assert!(!info.interruptible);
}

#[test]
fn the_version_told_is_the_version_built_with() {
    let lockfile = include_str!("../../../../Cargo.lock");
    let (_, after) = lockfile.split_once("name = \"boa_engine\"\nversion = \"").unwrap();
    assert_eq!(VERSION, after.split('"').next().unwrap());
}
