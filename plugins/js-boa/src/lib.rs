//! `ratchet.js.boa`: runs tasks on Boa, a JavaScript engine written in Rust.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod engine;
mod jobs;
mod json;
mod modules;
mod realm;
#[cfg(test)]
mod tests;

use ratchet_jskit::{FetchPort, JsThread};
use ratchet_plugin_api::model::{Program, ProgramReport, RunEvent, RunReport, RunRequest};
use ratchet_plugin_api::services::{HttpFetcher, JsRuntime, RuntimeInfo};
use ratchet_plugin_api::{Context, NoConfig, Plugin, Result, Stream, plugin, service};

use engine::Boa;

struct JsBoa {
    thread: JsThread,
}

impl Plugin for JsBoa {
    type Config = NoConfig;

    async fn start(context: Context, _config: NoConfig) -> Result<Self> {
        let fetcher = context.slot::<dyn HttpFetcher>();
        let port = FetchPort::new(context.runtime().clone(), move || fetcher.get());
        Ok(Self { thread: JsThread::start::<Boa>(port)? })
    }
}

#[service]
impl JsRuntime for JsBoa {
    async fn info(&self) -> Result<RuntimeInfo> {
        Ok(self.thread.info())
    }

    async fn check(&self, program: Program) -> Result<ProgramReport> {
        self.thread.check(program).await
    }

    async fn run(&self, request: RunRequest) -> Result<RunReport> {
        self.thread.run(request).await
    }

    async fn follow(&self, request: RunRequest) -> Result<Stream<RunEvent>> {
        self.thread.follow(request).await
    }
}

plugin! {
    id: "ratchet.js.boa",
    summary: "Runs tasks on the Boa JavaScript engine",
    plugin: JsBoa,
    provides: [inline JsRuntime as "boa"],
    wants: [HttpFetcher],
    concurrency: 1,
}
