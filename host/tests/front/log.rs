//! The running log, from records and events to lines in files.

use std::sync::atomic::Ordering;

use ratchet_host::cli::Color;
use ratchet_host::config::settings;
use ratchet_host::logging;
use ratchet_plugin_api::abi::LogRecord;

fn record(level: u8, target: &str, message: &str) -> LogRecord {
    LogRecord {
        level,
        plugin: "acme.kit".into(),
        target: target.into(),
        file: "src/client.rs".into(),
        line: 7,
        message: message.into(),
        fields: r#"{"n":1}"#.into(),
        spans: String::new(),
        trace: 7,
        execution: 0,
    }
}

/// One process has one log, so this is one test.
#[test]
fn records_and_events_reach_the_destinations_that_want_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let settings: settings::Logging = serde_json::from_value(serde_json::json!({
        "level": "info,acme_kit::quiet=error",
        "format": "json",
        "targets": [
            {"type": "file", "path": path("all.log")},
            {"type": "file", "path": path("warnings.log"), "level": "warn"},
        ],
    }))
    .expect("settings");
    let log = logging::start(&settings, Color::Never).expect("started");
    assert_eq!(log.gate.load(Ordering::Relaxed), 3, "nothing listens to more than info");

    (log.sink)(record(3, "acme_kit", "told"));
    (log.sink)(record(2, "acme_kit", "warned"));
    (log.sink)(record(4, "acme_kit", "too verbose"));
    (log.sink)(record(2, "acme_kit::quiet", "quiet"));
    tracing::info!(answer = 42, "from the host");
    log.flush();

    let read = |name: &str| std::fs::read_to_string(path(name)).expect("read");
    let messages = |text: &str| -> Vec<String> {
        let line = |line| -> serde_json::Value { serde_json::from_str(line).expect("JSON") };
        text.lines().map(|text| line(text)["message"].as_str().expect("text").to_owned()).collect()
    };
    assert_eq!(messages(&read("all.log")), ["told", "warned", "from the host"]);
    assert_eq!(messages(&read("warnings.log")), ["warned"]);
    let last: serde_json::Value =
        serde_json::from_str(read("all.log").lines().last().expect("a line")).expect("JSON");
    assert_eq!(last["plugin"], "ratchet.host");
    assert_eq!(last["fields"]["answer"], 42);
}
