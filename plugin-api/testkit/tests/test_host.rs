//! The test host behaves as the real one does.

#![allow(clippy::unwrap_used)]

use futures_util::FutureExt as _;
use ratchet_plugin_api::model::{Delivery, Receipt};
use ratchet_plugin_api::services::OutputSink;
use ratchet_plugin_api::{Call, Code, Context, Error, Plugin, Result, config, service};
use ratchet_testkit::TestHost;
use serde_json::json;

#[config]
struct Config {
    /// What to say at the start.
    greeting: String,
    /// How often.
    #[default(1)]
    times: u32,
}

struct Greeter {
    context: Context,
}

impl Plugin for Greeter {
    type Config = Config;

    async fn start(context: Context, config: Config) -> Result<Self> {
        if config.times == 0 {
            return Err(Error::unavailable("nothing to say"));
        }
        context.print(config.greeting.repeat(config.times as usize))?;
        tracing::info!(times = config.times, "greeted");
        tracing::debug!("in detail");
        Ok(Self { context })
    }
}

#[service]
impl OutputSink for Greeter {
    async fn deliver(&self, delivery: Delivery) -> Result<Receipt> {
        self.context.print(&delivery.body)?;
        Ok(Receipt::new(delivery.body.len() as u64))
    }
}

#[tokio::test]
async fn a_plugin_is_started_with_its_configuration_and_its_defaults() {
    let host = TestHost::new();
    let plugin = host.start::<Greeter>(json!({"greeting": "hello"})).await.unwrap();
    assert_eq!(host.printed(), "hello");
    assert_eq!(plugin.context.id(), "test.plugin");
    host.start::<Greeter>(json!({"greeting": "!", "times": 3})).await.unwrap();
    assert_eq!(host.printed(), "hello!!!");
}

#[tokio::test]
async fn a_configuration_that_does_not_fit_says_why() {
    let host = TestHost::new();
    for (config, wanted) in [
        (json!({}), "greeting"),
        (json!({"greeting": 1}), "string"),
        (json!({"greeting": "", "tims": 2}), "tims"),
    ] {
        let error = host.start::<Greeter>(config).await.map(drop).unwrap_err();
        assert_eq!(error.code, Code::Configuration);
        assert!(error.full_message().contains(wanted), "{error}");
    }
    let started = host.start::<Greeter>(json!({"greeting": "", "times": 0})).await;
    assert_eq!(started.map(drop).unwrap_err().code, Code::Unavailable);
    assert_eq!(host.printed(), "");
}

#[tokio::test]
async fn what_is_logged_is_captured_up_to_the_gate() {
    let host = TestHost::new();
    let capture = host.capture_logs("acme.greeter");
    let call = Call::root();
    let trace = call.trace;
    let starting = host.start::<Greeter>(json!({"greeting": ""}));
    call.scope(starting).await.unwrap();
    let logs = host.logs();
    assert_eq!(logs.len(), 2, "{logs:?}");
    assert_eq!((logs[0].level, logs[0].message.as_str()), (3, "greeted"));
    assert_eq!((logs[0].plugin.as_str(), logs[0].target.as_str()), ("acme.greeter", "test_host"));
    assert_eq!(logs[0].fields, r#"{"times":1}"#);
    assert_eq!(logs[0].trace, trace);

    host.fake().set_log_gate(3);
    host.start::<Greeter>(json!({"greeting": ""})).await.unwrap();
    assert_eq!(host.logs().len(), 3, "debug is shut out");
    drop(capture);
    host.start::<Greeter>(json!({"greeting": ""})).await.unwrap();
    assert_eq!(host.logs().len(), 3, "the capture has ended");
}

#[tokio::test]
async fn a_second_provider_of_one_name_is_a_conflict() {
    let host = TestHost::new();
    let plugin = host.start::<Greeter>(json!({"greeting": ""})).await.unwrap();
    let provided = host.provide::<dyn OutputSink>("greeter", plugin.clone()).unwrap();
    let again = host.provide::<dyn OutputSink>("greeter", plugin.clone());
    assert_eq!(again.map(drop).unwrap_err().code, Code::Conflict);
    drop(provided);
    let _provided = host.provide::<dyn OutputSink>("greeter", plugin).unwrap();
}

#[tokio::test]
async fn a_slot_without_a_name_wants_the_only_provider() {
    let host = TestHost::new();
    let plugin = host.start::<Greeter>(json!({"greeting": ""})).await.unwrap();
    let slot = host.context("acme.user").slot::<dyn OutputSink>();
    let first = host.provide::<dyn OutputSink>("first", plugin.clone()).unwrap();
    assert!(slot.get().is_ok());
    drop(first);
    let _first = host.provide::<dyn OutputSink>("first", plugin.clone()).unwrap();
    let _second = host.provide::<dyn OutputSink>("second", plugin).unwrap();
    let error = slot.get().map(drop).unwrap_err();
    assert_eq!(error.code, Code::Conflict);
    assert!(error.message.contains("`first`") && error.message.contains("`second`"), "{error}");
}

#[tokio::test]
async fn questions_have_the_answers_that_were_prepared() {
    let host = TestHost::new();
    let context = host.context("acme.user");
    assert_eq!(context.query("plugins", "{}").unwrap_err().code, Code::Unsupported);
    host.fake().answer("plugins", "[]");
    assert_eq!(context.query("plugins", "{}").unwrap(), "[]");
}

#[tokio::test]
async fn plugins_are_told_to_stop() {
    let host = TestHost::new();
    let context = host.context("acme.user");
    assert!(context.stopping().now_or_never().is_none());
    host.stop();
    context.stopping().await;
}
