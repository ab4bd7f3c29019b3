//! Calls: arguments, results, errors, deadlines and what travels along.

use std::sync::Arc;
use std::time::Duration;

use ratchet_plugin_api::model::Id;
use ratchet_plugin_api::raw::{Executor, Remote, export};
use ratchet_plugin_api::{Call, Code, Service};

use crate::clerk::{BusyClerk, Clerk, Office};

#[tokio::test]
async fn arguments_and_results_come_through() {
    for office in Office::both() {
        let joined = office.client.join("a".into(), Some("żółw".into()), 2).await.unwrap();
        assert_eq!(joined, "ażółważółw");
        assert_eq!(office.client.join("a".into(), None, 3).await.unwrap(), "aaa");
    }
}

#[tokio::test]
async fn a_megabyte_comes_through() {
    for office in Office::both() {
        let joined = office.client.join("x".repeat(1 << 20), None, 1).await.unwrap();
        assert_eq!(joined.len(), 1 << 20);
    }
}

#[tokio::test]
async fn an_error_arrives_with_all_it_said() {
    for office in Office::both() {
        let error = office.client.refuse().await.unwrap_err();
        assert_eq!(error.code, Code::Conflict);
        assert_eq!(error.message, "the clerk refuses");
        assert_eq!(error.chain, ["no ink"]);
        assert_eq!(error.reason.as_deref(), Some("clerk.ink"));
        assert_eq!(error.retry_after_ms, Some(250));
    }
}

#[tokio::test]
async fn the_body_of_a_default_method_is_the_answer() {
    for office in Office::both() {
        assert_eq!(office.client.with_default(41).await.unwrap(), 42);
    }
}

#[tokio::test]
async fn the_deadline_ends_a_call_and_its_future() {
    for office in Office::both() {
        let called = Call::timeout(Duration::from_millis(10), office.client.hang()).await;
        assert_eq!(called.unwrap_err().code, Code::Timeout);
        office.clerk.live.until(0).await;
    }
}

#[tokio::test]
async fn an_inner_deadline_cannot_outlast_an_outer_one() {
    for office in Office::both() {
        let patient = Call::timeout(Duration::from_secs(3600), office.client.hang());
        let called = Call::timeout(Duration::from_millis(10), patient).await;
        assert_eq!(called.unwrap_err().code, Code::Timeout);
    }
}

#[tokio::test]
async fn a_call_carries_its_trace_execution_baggage_and_deadline() {
    for office in Office::both() {
        let execution = Id::new();
        let call = Call::root()
            .for_execution(execution)
            .with_baggage("caller", "the test")
            .within(Duration::from_secs(60));
        let (trace, span) = (call.trace, call.span);
        let seen = call.scope(office.client.see()).await.unwrap();
        assert_eq!((u128::from(seen.trace.0) << 64) | u128::from(seen.trace.1), trace);
        assert_ne!(seen.span, span, "a call within a trace has a span of its own");
        assert_eq!(seen.execution, Some(execution));
        assert_eq!(seen.caller.as_deref(), Some("the test"));
        assert!((1_000..=60_000).contains(&seen.remaining_ms.unwrap()));
    }
}

#[tokio::test]
async fn a_call_outside_of_any_carries_nothing() {
    for office in Office::both() {
        let seen = office.client.see().await.unwrap();
        assert_eq!((seen.trace, seen.execution, seen.caller), ((0, 0), None, None));
        assert_eq!(seen.remaining_ms, None);
    }
}

#[tokio::test]
async fn a_call_made_while_answering_another_inherits_its_context() {
    use crate::slots::{Forwarder, Passing};

    for office in Office::both() {
        let passing = Forwarder(Arc::clone(&office.client));
        let handle = export::<dyn Passing>(Arc::new(passing), Executor::current());
        let client = <dyn Passing>::client(Remote::new(handle));
        let call = Call::root().with_baggage("caller", "two hops away");
        let trace = call.trace;
        let seen = call.scope(client.pass()).await.unwrap();
        assert_eq!((u128::from(seen.trace.0) << 64) | u128::from(seen.trace.1), trace);
        assert_eq!(seen.caller.as_deref(), Some("two hops away"));
    }
}

#[tokio::test]
async fn a_service_counts_its_calls_and_failures() {
    let clerk = Arc::new(BusyClerk::default());
    let handle = export::<dyn Clerk>(clerk, Executor::current());
    let client = <dyn Clerk>::client(Remote::new(handle.clone()));
    client.join("a".into(), None, 1).await.unwrap();
    client.refuse().await.unwrap_err();
    client.refuse().await.unwrap_err();
    let described: serde_json::Value = serde_json::from_str(&handle.describe()).unwrap();
    assert_eq!(described["service"], "test.clerk");
    assert_eq!(described["version"], "1.0");
    let method = |name: &str| {
        let methods = described["methods"].as_array().unwrap();
        methods.iter().find(|method| method["name"] == name).unwrap().clone()
    };
    assert_eq!((&method("join")["calls"], &method("join")["failures"]), (&1.into(), &0.into()));
    assert_eq!((&method("refuse")["calls"], &method("refuse")["failures"]), (&2.into(), &2.into()));
    assert_eq!(method("hang")["calls"], 0);
}
