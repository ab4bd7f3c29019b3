//! A contract's checks find what is wrong with a provider, and name it.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use ratchet_plugin_api::model::{Delivery, FetchPart, FetchRequest, FetchResponse, Json, Receipt};
use ratchet_plugin_api::services::{HttpFetcher, OutputSink};
use ratchet_plugin_api::{Error, Result, Stream, service};
use ratchet_testkit::contract::{self, Report, Targets};
use serde_json::json;

/// A sink with one fault.
#[derive(Clone, Copy, Debug)]
enum Sink {
    Good,
    TakesAnyTarget,
    CallsInvalidUnavailable,
    PanicsAtBytesThatAreNotText,
    SaysNothingWasWritten,
    RefusesRepeats,
}

#[service]
impl OutputSink for Sink {
    async fn deliver(&self, delivery: Delivery) -> Result<Receipt> {
        self.check(delivery.target).await?;
        match self {
            Sink::PanicsAtBytesThatAreNotText => {
                std::str::from_utf8(&delivery.body).expect("text");
            }
            Sink::RefusesRepeats if delivery.attempt > 1 => {
                return Err(Error::internal("that one was there already"));
            }
            Sink::SaysNothingWasWritten => return Ok(Receipt::default()),
            _ => {}
        }
        Ok(Receipt::new(delivery.body.len() as u64))
    }

    async fn check(&self, target: Json) -> Result<()> {
        let fits = target.as_str() == "{}";
        match self {
            Sink::TakesAnyTarget => Ok(()),
            Sink::CallsInvalidUnavailable if !fits => Err(Error::unavailable("some other time")),
            _ if fits => Ok(()),
            _ => Err(Error::invalid("only {} will do")),
        }
    }
}

fn failed(report: &Report) -> Vec<&'static str> {
    report.failed().iter().map(|failure| failure.check).collect()
}

#[tokio::test]
async fn each_fault_of_a_sink_fails_its_own_checks() {
    for (sink, wanted) in [
        (Sink::Good, &[][..]),
        (
            Sink::TakesAnyTarget,
            &["refuses an invalid target", "refuses to deliver to an invalid target"],
        ),
        (
            Sink::CallsInvalidUnavailable,
            &["refuses an invalid target", "refuses to deliver to an invalid target"],
        ),
        (Sink::PanicsAtBytesThatAreNotText, &["delivers or refuses a body that is not text"]),
        (Sink::SaysNothingWasWritten, &["delivers JSON"]),
        (Sink::RefusesRepeats, &["takes a repeat of a delivery as harmless"]),
    ] {
        let targets = Targets { valid: json!({}), invalid: vec![json!({"unknown": 1})] };
        let report = contract::output_sink(Arc::new(sink), targets).await;
        assert_eq!(failed(&report), wanted, "{sink:?}: {report}");
    }
}

#[tokio::test]
#[should_panic(expected = "delivers JSON: the receipt says that 0 bytes were written")]
async fn a_failed_report_ends_the_test_and_says_why() {
    let targets = Targets { valid: json!({}), invalid: vec![json!([])] };
    contract::output_sink(Arc::new(Sink::SaysNothingWasWritten), targets).await.assert_passed();
}

/// Answers everything with an empty success, without asking anybody.
struct Imagination;

#[service]
impl HttpFetcher for Imagination {
    async fn fetch(&self, request: FetchRequest) -> Result<FetchResponse> {
        Ok(FetchResponse {
            status: 200,
            status_text: "OK".to_owned(),
            url: request.url,
            redirected: false,
            headers: Vec::new(),
            body: bytes::Bytes::new(),
        })
    }

    async fn open(&self, request: FetchRequest) -> Result<Stream<FetchPart>> {
        let head = self.fetch(request).await?;
        Ok(Stream::new(futures_util::stream::iter([Ok(FetchPart::Head(head))])))
    }
}

#[tokio::test]
async fn a_fetcher_that_asks_nobody_passes_nothing() {
    let report = contract::http_fetcher(Arc::new(Imagination)).await;
    assert_eq!(report.passed(), [""; 0], "{report}");
    assert!(report.failed().len() >= 20);
    let timeout = report.failed().iter().find(|failure| failure.check.contains("not answer"));
    assert!(timeout.unwrap().reason.contains("an error `timeout` is right"), "{report}");
}
