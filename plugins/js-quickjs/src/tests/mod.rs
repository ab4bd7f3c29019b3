//! QuickJS against what every engine must do alike, and what takes more than one run to show.

use std::collections::BTreeMap;
use std::sync::Arc;

use ratchet_jskit::contract::{cases, verify};
use ratchet_jskit::{FetchPort, JsThread};
use ratchet_plugin_api::model::{
    FetchPolicy, Id, Json, Limits, Outcome, Program, RunRequest, Schemas, TaskError,
};
use ratchet_plugin_api::services::{HttpFetcher, JsRuntime};
use ratchet_plugin_api::{Code, Error};

use crate::JsQuickJs;
use crate::engine::QuickJs;

fn runtime_with(fetcher: Option<Arc<dyn HttpFetcher>>) -> Arc<dyn JsRuntime> {
    let port = FetchPort::new(tokio::runtime::Handle::current(), move || {
        fetcher.clone().ok_or_else(|| Error::new(Code::Gone, "there is no HTTP fetcher"))
    });
    Arc::new(JsQuickJs { thread: JsThread::start::<QuickJs>(port).unwrap() })
}

fn runtime() -> Arc<dyn JsRuntime> {
    runtime_with(None)
}

fn program(source: &str) -> Program {
    Program { entry: "main.js".into(), source: source.into(), modules: BTreeMap::new() }
}

fn request(source: &str) -> RunRequest {
    RunRequest {
        execution: Id::new(),
        program: program(source),
        input: Json::null(),
        context: None,
        schemas: Schemas::default(),
        limits: Limits { wall_ms: 20_000, ..Limits::default() },
        fetch: FetchPolicy::Live,
    }
}

async fn output(runtime: &Arc<dyn JsRuntime>, source: &str) -> String {
    match runtime.run(request(source)).await.unwrap().outcome {
        Outcome::Completed(output) => output.to_string(),
        Outcome::Failed(error) => panic!("{error:?}"),
    }
}

async fn failure(runtime: &Arc<dyn JsRuntime>, source: &str) -> TaskError {
    match runtime.run(request(source)).await.unwrap().outcome {
        Outcome::Failed(error) => error,
        Outcome::Completed(output) => panic!("returned {output}"),
    }
}

#[tokio::test]
async fn quickjs_passes_the_contract() {
    verify(runtime(), &cases()).await;
}

#[test]
fn the_version_told_is_the_version_built_with() {
    let lockfile = include_str!("../../../../Cargo.lock");
    let (_, after) = lockfile.split_once("name = \"rquickjs\"\nversion = \"").unwrap();
    let version = after.split('"').next().unwrap();
    assert_eq!(crate::engine::VERSION, version);
}
