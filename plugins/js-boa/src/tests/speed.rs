//! What a run costs; `cargo test -p ratchet-js-boa speed -- --nocapture` prints it.

use std::rc::Rc;
use std::time::{Duration, Instant};

use ratchet_jskit::contract::request;
use ratchet_jskit::{Engine, Host};
use ratchet_plugin_api::model::{Json, Outcome};

use super::runtime;
use crate::engine::Boa;

fn mean(times: u32, mut work: impl FnMut()) -> Duration {
    work();
    let start = Instant::now();
    for _ in 0..times {
        work();
    }
    start.elapsed() / times
}

#[tokio::test]
async fn a_run_costs_little_more_than_its_context() {
    let bare = mean(100, || drop(Boa::create(Rc::new(Host::default())).unwrap()));
    let runtime = runtime();
    let document: String =
        (0..24).map(|n| format!("\"key{n}\": {{\"n\": {n}, \"text\": \"some text\"}},")).collect();
    let input = Json::parse(format!("{{{document} \"end\": null}}")).unwrap();
    let mut report = Vec::new();
    for (what, source) in [
        ("echo of 1 KB", "function main(input) { return input }"),
        ("async echo", "async function main(input) { await null; return input }"),
        ("one console.log", "function main(input) { console.log('x'); return input }"),
        ("console.log of an object", "function main(input) { console.log(input); return input }"),
        ("a typed error", "function main() { throw new NetworkError('x') }"),
        ("a URL", "function main(input) { return new URL('http://h/').host }"),
    ] {
        let mut request = request(source);
        request.input = input.clone();
        let mut total = Duration::ZERO;
        let mut runs = 0;
        let start = Instant::now();
        while runs < 100 {
            let outcome = runtime.run(request.clone()).await.unwrap();
            assert!(matches!(outcome.outcome, Outcome::Completed(_)) || what == "a typed error");
            total += Duration::from_micros(outcome.elapsed_us);
            runs += 1;
        }
        report.push((what, total / runs, start.elapsed() / runs));
    }
    eprintln!("bare context: {bare:?}");
    for (what, inside, whole) in &report {
        eprintln!("{what}: {inside:?} in the run, {whole:?} with the context of the next");
    }
    // Generous, because other things run on the machine; a regression is far beyond it.
    let (_, inside, whole) = report[0];
    assert!(inside < Duration::from_millis(5), "{inside:?}");
    assert!(whole < bare * 10 + Duration::from_millis(5), "{whole:?} for a bare {bare:?}");
}
