//! The plugin in a host of the test's own process.

use std::path::Path;
use std::sync::Arc;

use ratchet_plugin_api::Code;
use ratchet_plugin_api::model::{Id, RunSummary, Timestamp};
use ratchet_testkit::TestHost;
use ratchet_testkit::contract::{Targets, output_sink};
use serde_json::{Value, json};

use super::*;

async fn started(folder: &Path) -> Arc<JsonLines> {
    let config = json!({ "folder": folder.join("results") });
    TestHost::new().start::<JsonLines>(config).await.expect("it starts")
}

fn delivery(body: &'static str) -> Delivery {
    Delivery {
        id: Id::new(),
        attempt: 1,
        run: RunSummary {
            execution: Id::new(),
            job: None,
            task: Id::new(),
            task_name: "addition".into(),
            task_version: "1.0.0".into(),
            succeeded: true,
            finished: Timestamp::now(),
        },
        target: Json::from(json!({ "file": "sums.jsonl" })),
        content_type: "application/json".into(),
        body: body.into(),
    }
}

#[tokio::test]
async fn it_does_what_every_output_sink_must() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let targets = Targets {
        valid: json!({ "file": "a.jsonl" }),
        invalid: vec![json!({}), json!({ "file": 1 }), json!({ "flie": "a.jsonl" })],
    };
    output_sink(started(folder.path()).await, targets).await.assert_passed();
}

#[tokio::test]
async fn each_result_is_one_line_whose_digits_are_all_there() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let sink = started(folder.path()).await;
    let result = "{\r\n  \"sum\": 0.10000000000000000000001\n}";
    let first = delivery(result);
    let receipt = sink.deliver(first.clone()).await.expect("it delivers");
    sink.deliver(delivery("null")).await.expect("it delivers");

    let text = std::fs::read_to_string(folder.path().join("results/sums.jsonl")).expect("a file");
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert_eq!(receipt.bytes, lines[0].len() as u64 + 1);
    assert!(lines[0].contains("\"sum\": 0.10000000000000000000001"), "{text}");
    let line: Value = serde_json::from_str(lines[0]).expect("a line is JSON");
    assert_eq!(line["id"], first.id.to_string());
    assert_eq!(line["run"]["task_name"], "addition");
}

#[tokio::test]
async fn a_target_cannot_leave_the_folder() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let sink = started(folder.path()).await;
    for file in ["", ".", "..", "../a", "/etc/a", "a/b", "a/"] {
        let target = Json::from(json!({ "file": file }));
        let checked = sink.check(target.clone()).await.expect_err(file);
        let delivered = sink.deliver(Delivery { target, ..delivery("1") }).await.expect_err(file);
        assert_eq!((checked.code, delivered.code), (Code::Invalid, Code::Invalid), "{file}");
    }
}
