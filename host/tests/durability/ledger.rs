//! What the store says in the end, compared with what was accepted.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use ratchet_plugin_api::model::Timestamp;
use serde_json::Value;

use crate::farm::Farm;

/// Items of one page.
const PAGE: usize = 1000;

/// Microseconds below which a lost attempt cannot have been with a worker.
const NEVER_BEGUN_US: u64 = 500;

/// All jobs and all executions.
pub(crate) struct Ledger {
    jobs: Vec<Value>,
    executions: Vec<Value>,
}

/// How long something took, over many times.
pub(crate) struct Durations(Vec<i64>);

impl fmt::Display for Durations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(last) = self.0.last() else {
            return write!(f, "never seen");
        };
        let at = |part: f64| {
            let place = ((self.0.len() - 1) as f64 * part).round() as usize;
            self.0[place] as f64 / 1000.0
        };
        write!(
            f,
            "p50 {:.1} ms, p90 {:.1} ms, p99 {:.1} ms, longest {:.1} ms ({} times)",
            at(0.5),
            at(0.9),
            at(0.99),
            *last as f64 / 1000.0,
            self.0.len()
        )
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn time(value: &Value, key: &str) -> Option<i64> {
    let time: Timestamp = value[key].as_str()?.parse().ok()?;
    Some(time.as_microseconds())
}

/// Whether so many attempts were lost that the job is rightly given up. One that was sent to a
/// worker which was gone already has not cost the worker, and must not count.
fn lost_too_often(executions: &[&Value]) -> bool {
    let lost = executions.iter().filter(|it| text(&it["error"], "kind") == "worker_lost");
    let ran = lost.filter(|it| {
        let took = it["duration_us"].as_u64().unwrap_or_default();
        text(&it["error"], "class") == "HostLost" || took >= NEVER_BEGUN_US
    });
    ran.count() > 3
}

impl Ledger {
    pub(crate) fn read(farm: &Farm) -> Self {
        let all = |kind: &str| {
            let mut all: Vec<Value> = Vec::new();
            loop {
                let (limit, offset) = (PAGE.to_string(), all.len().to_string());
                let arguments = [
                    kind, "list", "--json", "--sort", "number", "--limit", &limit, "--offset",
                    &offset,
                ];
                let page = farm.ask(&arguments);
                let items = page["items"].as_array().expect("a list").clone();
                let last = items.len() < PAGE;
                all.extend(items);
                if last {
                    return all;
                }
            }
        };
        Self { jobs: all("job"), executions: all("execution") }
    }

    /// How many executions there are.
    pub(crate) fn executions(&self) -> usize {
        self.executions.len()
    }

    /// Everything that is not as it must be.
    pub(crate) fn faults(&self, accepted: &[(String, String)]) -> Vec<String> {
        let mut faults = Vec::new();
        let mut by_key: HashMap<&str, Vec<&Value>> = HashMap::new();
        for job in &self.jobs {
            by_key.entry(text(job, "unique_key")).or_default().push(job);
        }
        let mut by_job: HashMap<&str, Vec<&Value>> = HashMap::new();
        for execution in &self.executions {
            by_job.entry(text(execution, "job")).or_default().push(execution);
        }
        for (key, task) in accepted {
            match by_key.remove(key.as_str()).unwrap_or_default().as_slice() {
                [job] => {
                    let executions = by_job.remove(text(job, "id")).unwrap_or_default();
                    faults
                        .extend(self.fault(job, task, &executions).map(|why| {
                            format!("job {} of `{task}` ({key}): {why}", job["number"])
                        }));
                }
                [] => faults.push(format!("the job {key} of `{task}` is lost")),
                more => faults.push(format!("{} jobs have the key {key}", more.len())),
            }
        }
        faults.extend(by_key.keys().map(|key| format!("nobody put in the job {key}")));
        faults
    }

    fn fault(&self, job: &Value, task: &str, executions: &[&Value]) -> Option<String> {
        let status = text(job, "status");
        let completed = executions.iter().filter(|it| text(it, "status") == "completed").count();
        let lost = lost_too_often(executions);
        let right = match task {
            "doomed" => status == "failed",
            _ => status == "completed" || (status == "failed" && lost),
        };
        if !right {
            let attempts: Vec<String> = executions
                .iter()
                .map(|it| format!("{} after {} us", text(&it["error"], "class"), it["duration_us"]))
                .collect();
            return Some(format!("it is {status}: {}; {}", job["error"], attempts.join(", ")));
        }
        if completed != usize::from(status == "completed") {
            return Some(format!("it is {status} and has {completed} completed executions"));
        }
        if status == "completed" && job["output"]["number"] != job["input"]["number"] {
            return Some(format!("its output is {}", job["output"]));
        }
        let attempts: BTreeMap<u64, &str> = executions
            .iter()
            .map(|it| (it["attempt"].as_u64().unwrap_or_default(), text(it, "id")))
            .collect();
        let begun = job["attempt"].as_u64().unwrap_or_default() as usize;
        if attempts.len() != executions.len() || begun != executions.len() {
            return Some(format!("{} executions for {begun} attempts", executions.len()));
        }
        None
    }

    /// How long it took from a kill to the next attempt of the job whose attempt it cost.
    pub(crate) fn ran_again(&self, kills: &[i64], how: &str) -> Durations {
        let attempt = |it: &Value| it["attempt"].as_u64().unwrap_or_default();
        let mut next: HashMap<(&str, u64), &Value> = HashMap::new();
        for execution in &self.executions {
            next.insert((text(execution, "job"), attempt(execution)), execution);
        }
        let mut waits = Vec::new();
        for lost in &self.executions {
            let host = text(&lost["error"], "class") == "HostLost";
            let wanted = match how {
                "host_lost" => host,
                _ => text(&lost["error"], "kind") == "worker_lost" && !host,
            };
            let Some(ended) = time(lost, "finished_at").filter(|_| wanted) else { continue };
            let after = next.get(&(text(lost, "job"), attempt(lost) + 1));
            let again = after.and_then(|it| time(it, "started_at"));
            let killed = kills.iter().copied().filter(|kill| *kill <= ended).max();
            waits.extend(again.zip(killed).map(|(again, killed)| (again - killed).max(0)));
        }
        waits.sort_unstable();
        Durations(waits)
    }
}
