//! Boa against what every engine must do alike.

use std::sync::Arc;

use ratchet_jskit::contract::{cases, verify};
use ratchet_jskit::{FetchPort, JsThread};
use ratchet_plugin_api::services::JsRuntime;
use ratchet_plugin_api::{Code, Error};

use crate::JsBoa;
use crate::engine::Boa;

fn runtime() -> Arc<dyn JsRuntime> {
    let port = FetchPort::new(tokio::runtime::Handle::current(), || {
        Err(Error::new(Code::Gone, "there is no HTTP fetcher"))
    });
    Arc::new(JsBoa { thread: JsThread::start::<Boa>(port).unwrap() })
}

#[tokio::test]
async fn boa_passes_the_contract() {
    let cases = cases();
    verify(runtime(), &cases).await;
}
