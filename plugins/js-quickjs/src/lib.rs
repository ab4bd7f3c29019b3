//! `ratchet.js.quickjs`: runs tasks on QuickJS, a small JavaScript engine written in C, which can
//! be interrupted and keeps limits of memory and stack by itself.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod bytecode;
mod engine;
mod memory;
mod modules;
mod raw;
mod realm;
#[cfg(test)]
mod tests;

use ratchet_jskit::{FetchPort, JsThread};
use ratchet_plugin_api::model::{Program, ProgramReport, RunEvent, RunReport, RunRequest};
use ratchet_plugin_api::services::{HttpFetcher, JsRuntime, RuntimeInfo};
use ratchet_plugin_api::{Context, NoConfig, Plugin, Result, Stream, plugin, service};

use engine::QuickJs;

struct JsQuickJs {
    thread: JsThread,
}

impl Plugin for JsQuickJs {
    type Config = NoConfig;

    async fn start(context: Context, _config: NoConfig) -> Result<Self> {
        let fetcher = context.slot::<dyn HttpFetcher>();
        let port = FetchPort::new(context.runtime().clone(), move || fetcher.get());
        Ok(Self { thread: JsThread::start::<QuickJs>(port)? })
    }
}

#[service]
impl JsRuntime for JsQuickJs {
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
    id: "ratchet.js.quickjs",
    summary: "Runs tasks on the QuickJS JavaScript engine",
    plugin: JsQuickJs,
    provides: [inline JsRuntime as "quickjs"],
    wants: [HttpFetcher],
    concurrency: 1,
}
