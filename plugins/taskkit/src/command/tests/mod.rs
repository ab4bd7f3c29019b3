//! The commands as the host runs them, on a runtime that knows no JavaScript.

mod fake;

use std::path::Path;
use std::sync::Arc;

use ratchet_plugin_api::model::{FailureKind, FetchPolicy, LogLevel, Outcome};
use ratchet_plugin_api::services::{Invocation, JsRuntime};
use ratchet_plugin_api::shell::{ShellCommand, run_command};
use ratchet_plugin_api::{Code, Error, Result};
use ratchet_taskdir::test_folder::{ADDITION, folder, write};
use ratchet_testkit::TestHost;
use serde_json::{Value, json};

use super::*;
use crate::Taskkit;
use fake::FakeRuntime;

/// A host with one runtime, called `fake`.
fn host(runtime: &Arc<FakeRuntime>) -> TestHost {
    TestHost::new().with::<dyn JsRuntime>("fake", Arc::clone(runtime) as Arc<dyn JsRuntime>)
}

/// Runs the command `C` with these arguments and global options.
async fn run<C: ShellCommand<Taskkit>>(
    host: &TestHost,
    config: Value,
    arguments: Value,
    globals: Value,
) -> Result<u8> {
    let plugin = host.start::<Taskkit>(config).await?;
    let invocation = Invocation {
        command: C::NAME.to_owned(),
        arguments: arguments.into(),
        globals: globals.into(),
        interactive: false,
        stdout_is_terminal: false,
    };
    run_command::<Taskkit, C>(plugin, invocation).await
}

async fn simply<C: ShellCommand<Taskkit>>(host: &TestHost, arguments: Value) -> Result<u8> {
    run::<C>(host, json!({}), arguments, json!({})).await
}

fn path(folder: &Path) -> String {
    folder.display().to_string()
}

#[tokio::test]
async fn run_once_prints_the_output_and_nothing_else() {
    let task = folder(ADDITION);
    let runtime = FakeRuntime::adding();
    let host = host(&runtime);
    let arguments =
        json!({"from-fs": path(task.path()), "input-json": r#"{"num1": 5, "num2": 10}"#});
    assert_eq!(simply::<RunOnce>(&host, arguments).await.unwrap(), 0);
    assert_eq!(host.printed(), "{\"sum\":15.0}\n");

    let request = runtime.requests().remove(0);
    assert_eq!(request.fetch, FetchPolicy::Live);
    assert!(request.schemas.input.is_some() && request.schemas.output.is_some());
    let context: Value = request.context.unwrap().to().unwrap();
    assert_eq!(context["taskId"], "0197d2f0-5b1c-7000-8000-000000000000");
    assert_eq!(context["taskVersion"], "1.0.0");
    assert_eq!(context["executionId"], request.execution.to_string());
}

#[tokio::test]
async fn the_log_of_a_task_is_traced_under_its_execution() {
    let task = folder(ADDITION);
    let runtime = FakeRuntime::adding();
    let host = host(&runtime);
    let captured = host.capture_logs("ratchet.taskkit");
    let arguments = json!({"from-fs": path(task.path()), "input-json": r#"{"num1":1,"num2":2}"#});
    simply::<RunOnce>(&host, arguments).await.unwrap();
    drop(captured);
    let logs = host.logs();
    let line = logs.iter().find(|record| record.target == "task").unwrap();
    assert_eq!((line.level, line.message.as_str()), (2, "working"));
    assert_eq!(line.execution, runtime.requests()[0].execution.as_u128());
}

#[tokio::test]
async fn a_failed_task_is_exit_code_1_and_prints_no_output() {
    let task = folder(ADDITION);
    let host = host(&FakeRuntime::adding());
    let code = simply::<RunOnce>(&host, json!({"from-fs": path(task.path())})).await.unwrap();
    assert_eq!((code, host.printed().as_str()), (1, ""));
}

#[tokio::test]
async fn configuration_and_command_line_reach_the_runtime() {
    let task = folder(ADDITION);
    let runtime = FakeRuntime::adding();
    let host = host(&runtime);
    let config = json!({"execution": {
        "validate_schemas": false, "max_execution_duration": 7, "memory_limit_mb": 32,
        "max_output_bytes": 1000, "max_log_lines": 10, "max_log_bytes": 100, "max_recursion": 50,
        "max_fetches": 3, "runtime": "fake",
    }});
    let mut arguments = json!({"from-fs": path(task.path())});
    run::<RunOnce>(&host, config.clone(), arguments.clone(), json!({})).await.unwrap();
    arguments["timeout"] = json!(0.25);
    run::<RunOnce>(&host, config, arguments, json!({})).await.unwrap();
    let requests = runtime.requests();
    assert_eq!(requests[0].schemas, Default::default());
    let limits = &requests[0].limits;
    assert_eq!((limits.wall_ms, limits.memory_bytes, limits.output_bytes), (7_000, 32 << 20, 1000));
    assert_eq!((limits.log_lines, limits.log_bytes), (10, 100));
    assert_eq!((limits.recursion, limits.fetches), (50, 3));
    assert_eq!(requests[1].limits.wall_ms, 250);
}

#[tokio::test]
async fn what_is_wrong_with_the_command_line_is_exit_code_2() {
    let task = folder(ADDITION);
    let here = path(task.path());
    let host = host(&FakeRuntime::adding());
    for (arguments, expected) in [
        (json!({"from-fs": format!("{here}/nowhere")}), "there is no folder"),
        (json!({"from-fs": &here, "input-json": "{"}), "--input-json is not valid JSON"),
        (json!({"from-fs": &here, "timeout": -1}), "--timeout is -1"),
        (json!({"from-fs": &here, "runtime": "fak"}), "there is: fake; did you mean `fake`?"),
    ] {
        let error = simply::<RunOnce>(&host, arguments).await.unwrap_err();
        assert_eq!(error.code.exit_code(), 2, "{error}");
        assert!(error.message.contains(expected), "{error}");
    }
    let arguments = json!({"from-fs": &here, "parallel": 0});
    assert_eq!(simply::<Test>(&host, arguments).await.unwrap_err().code, Code::Invalid);
}

#[tokio::test]
async fn of_several_runtimes_the_most_specific_choice_wins() {
    let task = folder(ADDITION);
    let runtimes = [FakeRuntime::adding(), FakeRuntime::adding(), FakeRuntime::adding()];
    let mut host = TestHost::new();
    for (name, runtime) in ["configured", "own", "typed"].into_iter().zip(&runtimes) {
        host = host.with::<dyn JsRuntime>(name, Arc::clone(runtime) as Arc<dyn JsRuntime>);
    }
    let config = json!({"execution": {"runtime": "configured"}});
    let called = || runtimes.iter().map(|runtime| runtime.requests().len()).collect::<Vec<_>>();
    let mut arguments = json!({"from-fs": path(task.path())});
    run::<RunOnce>(&host, config.clone(), arguments.clone(), json!({})).await.unwrap();
    assert_eq!(called(), [1, 0, 0]);
    write(task.path(), &[("metadata.json", r#"{"name": "a", "runtime": "own"}"#)]);
    run::<RunOnce>(&host, config.clone(), arguments.clone(), json!({})).await.unwrap();
    assert_eq!(called(), [1, 1, 0]);
    arguments["runtime"] = json!("typed");
    run::<RunOnce>(&host, config, arguments, json!({})).await.unwrap();
    assert_eq!(called(), [1, 1, 1]);
}

#[tokio::test]
async fn a_run_without_an_end_is_ended() {
    let task = folder(ADDITION);
    write(
        task.path(),
        &[(
            "tests/test-001.json",
            r#"{"timeout": 0.05, "should_fail": {"kind": "limit.time", "message": "0.05 s"}}"#,
        )],
    );
    let host = host(&FakeRuntime::hanging());
    let arguments = json!({"from-fs": path(task.path()), "json": true});
    assert_eq!(simply::<Test>(&host, arguments).await.unwrap(), 0, "{}", host.printed());
    let report: Value = serde_json::from_str(&host.printed()).unwrap();
    let case = &report["tasks"][0]["tests"][0];
    assert_eq!(case["error"]["kind"], "time_limit");
    assert_eq!(case["logs"][0]["message"], "before it hangs");
}

#[tokio::test]
async fn a_lost_worker_is_a_failure_of_the_task() {
    let task = folder(ADDITION);
    let runtime = FakeRuntime::new(|_| {
        let reason = FailureKind::MemoryLimit.reason();
        let error = Error::new(Code::LimitExceeded, "more than 256 MB").with_reason(reason);
        vec![Ok(fake::log(LogLevel::Info, "filling")), Err(error)]
    });
    let host = host(&Arc::new(runtime));
    write(task.path(), &[("tests/test-001.json", r#"{"should_fail": {"kind": "memory_limit"}}"#)]);
    let arguments = json!({"from-fs": path(task.path())});
    assert_eq!(simply::<Test>(&host, arguments.clone()).await.unwrap(), 0, "{}", host.printed());
    assert_eq!(simply::<RunOnce>(&host, arguments).await.unwrap(), 1);
}

#[tokio::test]
async fn a_recording_is_replayed() {
    let task = folder(ADDITION);
    let recordings = tempfile::tempdir().unwrap();
    let arguments = json!({"from-fs": path(task.path()), "input-json": r#"{"num1":1,"num2":2}"#});
    let globals = json!({"record": path(recordings.path())});
    run::<RunOnce>(&host(&FakeRuntime::adding()), json!({}), arguments, globals).await.unwrap();
    let own = std::fs::read_dir(recordings.path()).unwrap().next().unwrap().unwrap().path();
    for file in ["input.json", "output.json", "requests.har", "logs.jsonl"] {
        assert!(own.join(file).is_file(), "{file} is missing");
    }

    let replay = json!({"from-fs": path(task.path()), "recording": path(recordings.path())});
    let same = host(&FakeRuntime::adding());
    assert_eq!(simply::<Replay>(&same, replay.clone()).await.unwrap(), 0);
    assert!(same.printed().starts_with("✓ addition came out as recorded"), "{}", same.printed());

    let other = FakeRuntime::ending(|_| Outcome::Completed(json!({"sum": 4}).into()));
    let different = host(&other);
    assert_eq!(simply::<Replay>(&different, replay.clone()).await.unwrap(), 1);
    let printed = different.printed();
    assert!(
        printed.contains("-   \"sum\": 3\n") && printed.contains("+   \"sum\": 4\n"),
        "{printed}"
    );

    let failing = FakeRuntime::ending(|_| Outcome::Failed(fake::error("TypeError", "no")));
    let failing = host(&failing);
    assert_eq!(simply::<Replay>(&failing, replay).await.unwrap(), 1);
    assert!(failing.printed().contains("and now fails:"), "{}", failing.printed());
}

#[tokio::test]
async fn a_replay_answers_requests_from_the_recording() {
    let task = folder(ADDITION);
    let recording = folder(&[
        ("input.json", r#"{"url": "https://a.test/"}"#),
        ("output.json", r#"{"body": "recorded"}"#),
        (
            "requests.har",
            r#"{"log": {"version": "1.2", "entries": [
                {"request": {"method": "GET", "url": "https://a.test/"},
                 "response": {"status": 200, "content": {"text": "recorded"}}},
                {"request": {"method": "GET", "url": "https://b.test/"},
                 "response": {"status": 404, "content": {}}}
            ]}}"#,
        ),
    ]);
    let host = host(&FakeRuntime::fetching());
    let arguments = json!({"from-fs": path(task.path()), "recording": path(recording.path())});
    assert_eq!(simply::<Replay>(&host, arguments).await.unwrap(), 0, "{}", host.printed());
    let expected = "not requested again: GET https://b.test/ (404)";
    assert!(host.printed().contains(expected), "{}", host.printed());
}

const THREE_CASES: &str = r#"[
    {"name": "right", "input": {"num1": 1, "num2": 2}, "expected": {"sum": 3}},
    {"name": "wrong", "input": {"num1": 1, "num2": 2}, "expected": {"sum": 4}},
    {"name": "also right", "input": {}, "should_fail": {"kind": "invalid_input"}}
]"#;

#[tokio::test]
async fn test_reports_every_task_and_case() {
    let tasks = tempfile::tempdir().unwrap();
    write(&tasks.path().join("a"), ADDITION);
    write(&tasks.path().join("a"), &[("tests/test-001.json", THREE_CASES)]);
    write(&tasks.path().join("b"), &[("main.js", "1"), ("tests/test-001.json", "{]")]);
    let junit = tasks.path().join("reports/junit.xml");
    let host = host(&FakeRuntime::adding());
    let arguments = json!({"from-fs": path(tasks.path()), "junit": path(&junit), "parallel": 3});
    assert_eq!(simply::<Test>(&host, arguments).await.unwrap(), 1);
    let printed = host.printed();
    for expected in [
        "\naddition 1.0.0 ",
        "\n  ✓ right (1.5 ms)\n  ✗ wrong (1.5 ms) ",
        "-   \"sum\": 4\n",
        "warn  working",
        "\n  ✓ also right (1.5 ms)\n",
        "tests/test-001.json:1:2: not valid JSON",
        "\n1 failed, 1 task that cannot be tested, 2 passed in 2 tasks, ",
    ] {
        assert!(printed.contains(expected), "{expected:?} is missing in\n{printed}");
    }
    let xml = std::fs::read_to_string(&junit).unwrap();
    assert!(xml.contains(r#"<failure message="the output differs">"#), "{xml}");
}

#[tokio::test]
async fn fail_fast_and_filter_leave_cases_out() {
    let task = folder(ADDITION);
    write(task.path(), &[("tests/test-001.json", THREE_CASES)]);
    let report = async |arguments: Value| {
        let host = host(&FakeRuntime::adding());
        simply::<Test>(&host, arguments).await.unwrap();
        serde_json::from_str::<Value>(&host.printed()).unwrap()
    };
    let here = path(task.path());
    let fast = report(json!({"from-fs": &here, "json": true, "fail-fast": true})).await;
    assert_eq!(
        (&fast["passed"], &fast["failed"], &fast["skipped"]),
        (&json!(1), &json!(1), &json!(1))
    );
    let some = report(json!({"from-fs": &here, "json": true, "filter": "also"})).await;
    assert_eq!((&some["total"], &some["all_passed"]), (&json!(1), &json!(true)));

    let host = host(&FakeRuntime::adding());
    let arguments = json!({"from-fs": &here, "filter": "nothing like it"});
    let error = simply::<Test>(&host, arguments).await.unwrap_err();
    assert!(error.message.contains("no test case below"), "{error}");
}

#[tokio::test]
async fn mocks_and_their_absence_reach_the_runtime() {
    let task = folder(ADDITION);
    write(
        task.path(),
        &[(
            "tests/test-001.json",
            r#"[{"input": {"url": "https://a.test/"}, "expected": {"body": "{\"a\":1}"},
                 "mocks": {"GET:https://a.test/": {"a": 1}}},
                {"input": {"url": "https://b.test/"},
                 "should_fail": {"message": "no mock answers GET https://b.test/"}}]"#,
        )],
    );
    let host = host(&FakeRuntime::fetching());
    let code = simply::<Test>(&host, json!({"from-fs": path(task.path())})).await.unwrap();
    assert_eq!(code, 0, "{}", host.printed());
}

#[tokio::test]
async fn watch_runs_again_after_a_change_until_the_host_stops() {
    let task = folder(ADDITION);
    let (runtime, mut runs) = FakeRuntime::telling();
    let host = host(&runtime);
    let watching = tokio::spawn({
        let (host, here) = (host.clone(), path(task.path()));
        async move { simply::<Test>(&host, json!({"from-fs": here, "watch": true})).await }
    });
    runs.recv().await.unwrap();
    let case = r#"{"input": {"num1": 1, "num2": 2}, "expected": {"sum": 5}}"#;
    write(task.path(), &[("tests/test-001.json", case)]);
    runs.recv().await.unwrap();
    host.stop();
    assert_eq!(watching.await.unwrap().unwrap(), 1, "{}", host.printed());
    assert!(host.printed().contains("watching for changes"), "{}", host.printed());
}

#[tokio::test]
async fn validate_reports_problems_of_the_program_where_they_are() {
    let task = folder(ADDITION);
    let host = host(&FakeRuntime::adding());
    let arguments = json!({"from-fs": path(task.path())});
    assert_eq!(simply::<Validate>(&host, arguments.clone()).await.unwrap(), 0);
    assert!(host.printed().starts_with("✓ addition (named function) "), "{}", host.printed());

    write(task.path(), &[("main.js", "function main() {\n  broken\n}")]);
    assert_eq!(simply::<Validate>(&host, arguments).await.unwrap(), 1);
    let expected = "main.js:2:3: unexpected token\n";
    assert!(host.printed().contains(expected), "{}", host.printed());
}

#[tokio::test]
async fn validate_gives_its_findings_as_json() {
    let task = folder(ADDITION);
    std::fs::remove_file(task.path().join("output.schema.json")).unwrap();
    let host = host(&FakeRuntime::adding());
    let arguments = json!({"from-fs": path(task.path()), "json": true});
    assert_eq!(simply::<Validate>(&host, arguments).await.unwrap(), 0);
    let report: Value = serde_json::from_str(&host.printed()).unwrap();
    assert_eq!((&report["valid"], &report["warnings"]), (&json!(true), &json!(1)));
    assert_eq!(report["tasks"][0]["findings"][0]["severity"], "warning");
}

#[tokio::test]
async fn a_generated_task_validates() {
    let folder = tempfile::tempdir().unwrap();
    let host = host(&FakeRuntime::adding());
    let new = path(&folder.path().join("my-task"));
    let generate = json!({"path": &new, "label": "My Task", "template": "http-fetch"});
    assert_eq!(simply::<GenerateTask>(&host, generate.clone()).await.unwrap(), 0);
    assert_eq!(simply::<Validate>(&host, json!({"from-fs": &new})).await.unwrap(), 0);
    assert!(host.printed().contains("✓ my-task"), "{}", host.printed());

    let again = simply::<GenerateTask>(&host, generate).await.unwrap_err();
    assert_eq!(again.code, Code::Conflict);
    for (arguments, expected) in [
        (json!({}), "--path is missing"),
        (json!({"path": "x", "template": "basik"}), "did you mean `basic`?"),
        (json!({"path": "x", "version": "one"}), "a version looks like 1.0.0"),
    ] {
        let error = simply::<GenerateTask>(&host, arguments).await.unwrap_err();
        assert!(error.code == Code::Invalid && error.message.contains(expected), "{error}");
    }
}

/// The samples are what a new user copies, so they have to be in order.
#[tokio::test]
async fn the_samples_validate() {
    let samples = concat!(env!("CARGO_MANIFEST_DIR"), "/../../sample/js-tasks");
    let host = host(&FakeRuntime::adding());
    let code = simply::<Validate>(&host, json!({"from-fs": samples, "json": true})).await.unwrap();
    let report: Value = serde_json::from_str(&host.printed()).unwrap();
    assert_eq!((code, &report["warnings"]), (0, &json!(0)), "{report:#}");
    assert!(report["tasks"].as_array().unwrap().len() >= 8);
}
