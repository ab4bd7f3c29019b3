//! Checking, following and letting go: what takes more than one run to show.

use std::sync::Arc;

use ratchet_plugin_api::model::{LogLevel, Outcome, RunEvent};
use ratchet_plugin_api::services::JsRuntime;

use super::{output, program, request};

/// Checks programs on `runtime`, follows runs and lets go of them.
///
/// # Panics
/// Where something comes out otherwise than it has to.
pub async fn verify_calls(runtime: Arc<dyn JsRuntime>) {
    a_program_is_checked_without_being_run(&runtime).await;
    every_file_of_a_program_is_checked(&runtime).await;
    a_run_can_be_followed(&runtime).await;
    dropping_the_events_ends_a_run_that_waits(&runtime).await;
}

async fn a_program_is_checked_without_being_run(runtime: &Arc<dyn JsRuntime>) {
    let check = |source: &str| {
        let program = program(source);
        async move { runtime.check(program).await.expect("it is checked") }
    };
    for (source, form) in [
        ("function (input) { throw new Error('was run') }", "function expression"),
        ("function main() {}", "named function `main`"),
        ("const main = () => 1", "variable `main`"),
        ("module.exports = { main() {} }", "CommonJS exports"),
        ("export default async () => 1", "module default export"),
        ("export function main() {}", "module export `main`"),
        ("x => x", "arrow function"),
        ("(function () {})", "expression in parentheses"),
        ("while (true) {}", "script value"),
    ] {
        let report = check(source).await;
        assert_eq!(report.form.as_deref(), Some(form), "{source}");
        assert!(report.problems.is_empty(), "{source}: {:?}", report.problems);
    }
    let broken = check("function main() {\n  return 1 +;\n}").await;
    let problem = &broken.problems[0];
    assert_eq!((problem.file.as_str(), problem.line), ("main.js", Some(2)));
    let without = check("function handler() {}").await;
    assert_eq!(without.form, None);
    assert!(without.problems[0].message.contains("is it `handler`?"));
}

async fn every_file_of_a_program_is_checked(runtime: &Arc<dyn JsRuntime>) {
    let mut program = program("import './a.js';\nexport default () => 1;");
    program.modules.insert("a.js".into(), "export const a = ;".into());
    program.modules.insert("b.js".into(), "[".repeat(5_000));
    program.modules.insert("c.json".into(), "{}".into());
    let report = runtime.check(program).await.expect("it is checked");
    let files: Vec<_> = report.problems.iter().map(|problem| problem.file.as_str()).collect();
    assert_eq!(files, ["a.js", "b.js"]);
}

async fn a_run_can_be_followed(runtime: &Arc<dyn JsRuntime>) {
    let task = "async () => { console.log('one'); await null; console.warn('two'); return 3 }";
    let mut events = runtime.follow(request(task)).await.expect("it starts");
    let mut lines = Vec::new();
    let report = loop {
        match events.next().await.expect("more is to come").expect("it goes well") {
            RunEvent::Log(line) => lines.push((line.level, line.message)),
            RunEvent::Http(exchange) => panic!("{exchange:?}"),
            RunEvent::Finished(report) => break report,
        }
    };
    assert_eq!(lines, [(LogLevel::Info, "one".into()), (LogLevel::Warn, "two".into())]);
    assert!(matches!(&report.outcome, Outcome::Completed(output) if output.as_str() == "3"));
    assert!(report.logs.is_empty(), "what was sent is not repeated");
    assert!(events.next().await.is_none());
}

async fn dropping_the_events_ends_a_run_that_waits(runtime: &Arc<dyn JsRuntime>) {
    let task =
        "() => { console.log('begun'); return new Promise(done => setTimeout(done, 60_000)) }";
    let mut events = runtime.follow(request(task)).await.expect("it starts");
    assert!(matches!(events.next().await, Some(Ok(RunEvent::Log(_)))));
    drop(events);
    assert_eq!(output(runtime, "() => 'free again'").await, "\"free again\"");
}
