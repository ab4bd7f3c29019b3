//! Slots: a live provider or `Gone`, never a hang.

use std::sync::Arc;

use ratchet_plugin_api::{Code, Result, service};
use ratchet_testkit::TestHost;

use crate::clerk::{BusyClerk, Clerk, Seen};

/// A service that calls another.
#[service(id = "test.passing", version = "1.0", many)]
pub(crate) trait Passing {
    async fn pass(&self) -> Result<Seen>;
}

pub(crate) struct Forwarder(pub(crate) Arc<dyn Clerk>);

#[service]
impl Passing for Forwarder {
    async fn pass(&self) -> Result<Seen> {
        self.0.see().await
    }
}

fn clerk() -> Arc<dyn Clerk> {
    Arc::new(BusyClerk::default())
}

#[tokio::test]
async fn a_slot_is_gone_until_there_is_a_provider() {
    let host = TestHost::new();
    let slot = host.context("acme.test").slot::<dyn Clerk>();
    let error = slot.get().map(drop).unwrap_err();
    assert_eq!(error.code, Code::Gone);
    assert!(error.message.contains("test.clerk"), "{error}");
    let _provided = host.provide::<dyn Clerk>("", clerk()).unwrap();
    assert_eq!(slot.get().unwrap().with_default(1).await.unwrap(), 2);
}

#[tokio::test]
async fn a_withdrawn_provider_is_gone_and_a_new_one_takes_its_place() {
    let host = TestHost::new();
    let slot = host.context("acme.test").slot::<dyn Clerk>();
    for _ in 0..3 {
        let provided = host.provide::<dyn Clerk>("", clerk()).unwrap();
        assert!(slot.get().unwrap().refuse().await.is_err());
        drop(provided);
        assert_eq!(slot.get().map(drop).unwrap_err().code, Code::Gone);
    }
}

#[tokio::test]
async fn a_handle_that_was_taken_outlives_the_withdrawal() {
    let host = TestHost::new();
    let provided = host.provide::<dyn Clerk>("", clerk()).unwrap();
    let taken = host.context("acme.test").slot::<dyn Clerk>().get().unwrap();
    drop(provided);
    assert_eq!(taken.with_default(1).await.unwrap(), 2);
}

#[tokio::test]
async fn named_slots_find_their_own() {
    let host = TestHost::new();
    let first = Arc::new(BusyClerk::default());
    let second = Arc::new(BusyClerk::default());
    let host = host
        .with::<dyn Passing>("first", Arc::new(Forwarder(first.clone())))
        .with::<dyn Passing>("second", Arc::new(Forwarder(second.clone())));
    let context = host.context("acme.test");
    assert!(context.slot_named::<dyn Passing>("second").get().is_ok());
    assert_eq!(
        context.slot_named::<dyn Passing>("third").get().map(drop).unwrap_err().code,
        Code::Gone
    );
    let names: Vec<_> = context.all::<dyn Passing>().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["first", "second"]);
}

#[tokio::test]
async fn changes_are_told_and_the_end_too() {
    let host = TestHost::new();
    let context = host.context("acme.test");
    let provided = host.provide::<dyn Clerk>("", clerk()).unwrap();
    let seen = context.changed(0).await.unwrap();
    let waiting = tokio::spawn({
        let context = context.clone();
        async move { context.changed(seen).await }
    });
    drop(provided);
    assert_eq!(waiting.await.unwrap().unwrap(), seen + 1);
    host.stop();
    assert_eq!(context.changed(seen + 1).await.unwrap_err().code, Code::Gone);
    context.stopping().await;
}
