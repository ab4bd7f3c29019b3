//! `ratchet job add`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ratchet_plugin_api::model::{Job, JobStatus, Json, Key, Limiter, RateLimit};
use ratchet_plugin_api::services::{Answer, JobRequest, Submitted};
use ratchet_plugin_api::shell::{Shell, ShellCommand};
use ratchet_plugin_api::{Error, Result, command, did_you_mean, nearest};
use serde_json::Value;
use serde_json::value::RawValue;

use super::clock::{read_milliseconds, took};
use super::table::{Cell, Table};
use super::{FAILED, Services, View, count, input, show};
use crate::Execution;

/// Milliseconds of one wait for a job, after which it is asked for again.
const WAIT_MS: u64 = 30_000;

/// Puts a job into the queue, or many from a file.
#[command(name = "job add")]
pub(crate) struct JobAdd {
    /// The task, by name, number or id.
    #[arg(positional)]
    task: Option<String>,
    /// The input as JSON; `-` reads standard input. `{}` if none is given.
    #[arg(value_name = "JSON")]
    input_json: Option<String>,
    /// A file with the input as JSON; `-` reads standard input.
    #[arg(value_name = "PATH")]
    input_file: Option<PathBuf>,
    /// Which waiting job runs first: low, normal, high or critical.
    priority: Option<String>,
    /// How long it waits at least, such as `90s` or `2h`.
    #[arg(value_name = "DURATION")]
    delay: Option<String>,
    /// The time before which it does not run.
    #[arg(value_name = "TIME")]
    at: Option<String>,
    /// Attempts after the first.
    #[arg(value_name = "COUNT")]
    max_retries: Option<u32>,
    /// How long it waits before the first retry.
    #[arg(value_name = "DURATION")]
    retry_delay: Option<String>,
    /// How long one attempt may take; lowers what the task and the configuration allow.
    #[arg(value_name = "DURATION")]
    timeout: Option<String>,
    /// How long after it may run it is still started or retried.
    #[arg(value_name = "DURATION")]
    lifetime: Option<String>,
    /// Makes a repeat with the same key the same job.
    #[arg(value_name = "KEY")]
    idempotency_key: Option<String>,
    /// How long the key stands for the job.
    #[arg(value_name = "DURATION")]
    idempotency_window: Option<String>,
    /// The name of a limit it shares with other jobs, such as `customer:42`.
    #[arg(value_name = "KEY")]
    limit_key: Option<String>,
    /// How many jobs of that limit run at the same time.
    #[arg(value_name = "COUNT")]
    limit_concurrency: Option<u32>,
    /// How many jobs of that limit start in a period, such as `10/1m`.
    #[arg(value_name = "COUNT/PERIOD")]
    limit_rate: Option<String>,
    /// A job that has to end before, by id; may be given again.
    #[arg(value_name = "JOB")]
    depends_on: Vec<String>,
    /// Run it although a job it depends on failed.
    run_after_failure: bool,
    /// A file with many requests, as a JSON array or one JSON object on each line; `-` reads
    /// standard input.
    #[arg(value_name = "PATH")]
    batch_file: Option<PathBuf>,
    /// Of a batch, take what can be taken instead of all or nothing.
    partial: bool,
    /// Wait until it has ended, and print its output.
    wait: bool,
    /// Print JSON.
    json: bool,
}

impl ShellCommand<Execution> for JobAdd {
    async fn run(self, plugin: &Execution, shell: Shell) -> Result<u8> {
        let view = View::new(plugin, &shell, self.json);
        let services = Services::lasting(plugin).await?;
        let wait = self.wait;
        match (self.task.is_some(), self.batch_file.clone()) {
            (true, Some(_)) => {
                Err(Error::invalid("both a task and --batch-file are given; give one"))
            }
            (false, None) => Err(Error::invalid(
                "no task is given; say `ratchet job add TASK` or `ratchet job add --batch-file \
                 PATH`",
            )),
            (false, Some(file)) => {
                let requests = read_batch(&input::text_of(file).await?)?;
                add_batch(&services, &view, requests, !self.partial, wait).await
            }
            (true, None) => {
                let request = self.request(&view).await?;
                add_one(&services, &view, request, wait).await
            }
        }
    }
}

impl JobAdd {
    async fn request(self, view: &View) -> Result<JobRequest> {
        let ms = |option, given: &Option<String>| {
            given.as_ref().map(|text| read_milliseconds(option, text)).transpose()
        };
        let limiter = limiter(self.limit_key, self.limit_concurrency, self.limit_rate)?;
        Ok(JobRequest {
            task: self.task.unwrap_or_default(),
            priority: self.priority.map(|text| text.parse()).transpose()?,
            run_at: self.at.map(|text| view.clock.read_time("--at", &text)).transpose()?,
            delay_ms: ms("--delay", &self.delay)?,
            max_retries: self.max_retries,
            retry_delay_ms: ms("--retry-delay", &self.retry_delay)?,
            timeout_ms: ms("--timeout", &self.timeout)?,
            lifetime_ms: ms("--lifetime", &self.lifetime)?,
            idempotency_key: self.idempotency_key,
            idempotency_window_ms: ms("--idempotency-window", &self.idempotency_window)?,
            limiter,
            depends_on: self.depends_on,
            runs_after_failure: self.run_after_failure,
            input: input::or_empty(self.input_json, self.input_file).await?,
            ..JobRequest::default()
        })
    }
}

fn limiter(
    key: Option<String>,
    concurrency: Option<u32>,
    rate: Option<String>,
) -> Result<Option<Limiter>> {
    let rate = rate.map(|text| read_rate(&text)).transpose()?;
    match key {
        Some(key) => Ok(Some(Limiter { key, concurrency, rate })),
        None if concurrency.is_some() || rate.is_some() => Err(Error::invalid(
            "--limit-concurrency and --limit-rate need --limit-key, which says what shares them",
        )),
        None => Ok(None),
    }
}

fn read_rate(text: &str) -> Result<RateLimit> {
    let wrong = || {
        Error::invalid(format!(
            "--limit-rate is `{text}`; it is a count and a period, such as 10/1m"
        ))
    };
    let (count, period) = text.split_once('/').ok_or_else(wrong)?;
    let count = count.trim().parse().ok().filter(|count| *count > 0).ok_or_else(wrong)?;
    let period_ms = read_milliseconds("--limit-rate", period).map_err(|_| wrong())?;
    if period_ms == 0 {
        return Err(wrong());
    }
    Ok(RateLimit { count, period_ms })
}

async fn add_one(services: &Services, view: &View, request: JobRequest, wait: bool) -> Result<u8> {
    let submitted = services.queue()?.submit(request).await?;
    if !wait {
        view.show(&submitted, |submitted, view| {
            let job = &submitted.job;
            let how = if submitted.duplicate { "was accepted before" } else { "is accepted" };
            let note = view.style.faint(&format!(" ({})", job.id));
            format!("job {} of `{}` {how}{note}\n", job.number, job.task_name)
        })?;
        return Ok(0);
    }
    let job = ended(services, Key::Id(submitted.job.id)).await?;
    finish(view, &job)
}

/// The job once it has ended.
async fn ended(services: &Services, key: Key) -> Result<Job> {
    loop {
        let job = services.queue()?.wait(key.clone(), WAIT_MS).await?;
        if job.status.is_final() {
            return Ok(job);
        }
    }
}

/// Tells what became of a job: its output alone on standard output, so that it can be used.
fn finish(view: &View, job: &Job) -> Result<u8> {
    let succeeded = job.status == JobStatus::Completed;
    if view.json {
        view.print_json(job)?;
    } else if let (true, Some(output)) = (succeeded, &job.output) {
        view.print(format!("{}\n", one_line(output)?))?;
    } else {
        view.print(outcome(job, view))?;
    }
    Ok(if succeeded { 0 } else { FAILED })
}

fn outcome(job: &Job, view: &View) -> String {
    let status = job.status.as_str();
    let status = view.style.status(status, status);
    let error = job.error.as_ref().map(|error| show::error(error, view)).unwrap_or_default();
    format!("job {} of `{}` {status}\n{error}", job.number, job.task_name)
}

/// The document without line ends, which it has between its parts only.
pub(super) fn one_line(document: &Json) -> Result<String> {
    let text = document.as_str();
    if text.contains(['\n', '\r']) {
        return Ok(document.to::<Value>()?.to_string());
    }
    Ok(text.to_owned())
}

async fn add_batch(
    services: &Services,
    view: &View,
    requests: Vec<JobRequest>,
    atomic: bool,
    wait: bool,
) -> Result<u8> {
    let tasks: Vec<String> = requests.iter().map(|request| request.task.clone()).collect();
    let mut answers = services.queue()?.submit_many(requests, atomic).await?;
    let mut failed = false;
    for answer in &mut answers {
        match answer {
            Answer::Submitted(submitted) if wait => {
                submitted.job = ended(services, Key::Id(submitted.job.id)).await?;
                failed |= submitted.job.status != JobStatus::Completed;
            }
            Answer::Submitted(_) => {}
            Answer::Refused(_) => failed = true,
        }
    }
    view.show(&answers, |answers, view| {
        let mut table = Table::new(&["JOB", "TASK", "STATUS", "TOOK", "NOTE"]);
        for (answer, task) in answers.iter().zip(tasks) {
            table.row(row(answer, task));
        }
        let accepted = answers.iter().filter(|it| matches!(it, Answer::Submitted(_))).count();
        let refused = answers.len() - accepted;
        let mut text = table.render(view.style);
        text.push_str(&format!("{} accepted", count(accepted as u64, "job")));
        if refused > 0 {
            text.push_str(&format!(", {refused} refused"));
        }
        text.push('\n');
        text
    })?;
    Ok(if failed { FAILED } else { 0 })
}

fn row(answer: &Answer, task: String) -> Vec<Cell> {
    match answer {
        Answer::Refused(error) => vec![
            "".into(),
            task.into(),
            Cell::status("failed"),
            "".into(),
            error.full_message().into(),
        ],
        Answer::Submitted(submitted) => {
            let Submitted { job, duplicate } = &**submitted;
            let ran = job.finished_at.zip(job.started_at).map(|(end, start)| end.since(start));
            let took = ran.map(|ran| took(u64::try_from(ran.as_micros()).unwrap_or(u64::MAX)));
            let note = match (&job.error, duplicate) {
                (Some(error), _) => format!("{}: {}", error.class, error.message),
                (None, true) => "was accepted before".to_owned(),
                (None, false) => String::new(),
            };
            vec![
                job.number.to_string().into(),
                job.task_name.clone().into(),
                Cell::status(job.status.as_str()),
                took.unwrap_or_default().into(),
                note.into(),
            ]
        }
    }
}

/// Reads requests: one JSON array, or one object on each line.
fn read_batch(text: &str) -> Result<Vec<JobRequest>> {
    // Inputs stay the text they are, so that no number loses digits.
    let documents: Vec<&RawValue> = if text.trim_start().starts_with('[') {
        serde_json::from_str(text)
            .map_err(|error| Error::invalid(format!("--batch-file is no JSON array: {error}")))?
    } else {
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let read = lines.map(|(index, line)| {
            serde_json::from_str(line).map_err(|error| {
                Error::invalid(format!("line {} of --batch-file: {error}", index + 1))
            })
        });
        read.collect::<Result<_>>()?
    };
    if documents.is_empty() {
        return Err(Error::invalid("--batch-file has no request in it"));
    }
    let known = match serde_json::to_value(JobRequest::default())? {
        Value::Object(known) => known.into_iter().map(|(name, _)| name).collect(),
        _ => Vec::new(),
    };
    let read = |(index, document)| {
        read_request(document, &known).map_err(|error| {
            let message = format!("request {} of --batch-file: {}", index + 1, error.message);
            Error::invalid(message)
        })
    };
    documents.into_iter().enumerate().map(read).collect()
}

fn read_request(document: &RawValue, known: &[String]) -> Result<JobRequest> {
    let object: BTreeMap<String, &RawValue> = serde_json::from_str(document.get())
        .map_err(|_| Error::invalid("it is no JSON object such as {\"task\": \"addition\"}"))?;
    if let Some(unknown) = object.keys().find(|name| !known.contains(name)) {
        let hint = did_you_mean(nearest(unknown, known.iter().map(String::as_str)));
        return Err(Error::invalid(format!(
            "`{unknown}` is no part of a request; there is: {}{hint}",
            known.join(", ")
        )));
    }
    if !object.contains_key("task") {
        return Err(Error::invalid("it names no `task`"));
    }
    let mut request: JobRequest = serde_json::from_str(document.get())?;
    if !object.contains_key("input") {
        request.input = Json::from_trusted("{}");
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_arrays_or_lines() {
        let array = r#"[{"task": "a", "input": {"x": 1}}, {"task": "b", "reference": "r"}]"#;
        let lines =
            "{\"task\": \"a\", \"input\": {\"x\": 1}}\n\n{\"task\": \"b\", \"reference\": \"r\"}\n";
        for text in [array, lines] {
            let requests = read_batch(text).unwrap();
            assert_eq!(requests.len(), 2);
            assert_eq!(
                (requests[0].task.as_str(), requests[0].input.as_str()),
                ("a", "{\"x\": 1}")
            );
            assert_eq!(requests[1].input.as_str(), "{}");
            assert_eq!(requests[1].reference.as_deref(), Some("r"));
        }
    }

    #[test]
    fn what_is_wrong_with_a_batch_is_said_with_its_place() {
        let texts = [
            "",
            "[1]",
            "[{\"task\": \"a\"}",
            "{\"task\": \"a\"}\n{\"task\": ",
            "[{\"task\": \"a\"}, {\"input\": {}}]",
            "[{\"task\": \"a\", \"prioritty\": \"high\"}]",
            "[{\"task\": \"a\", \"priority\": \"hihg\"}]",
        ];
        let errors: Vec<String> =
            texts.iter().map(|text| read_batch(text).unwrap_err().to_string()).collect();
        insta::assert_snapshot!(errors.join("\n"));
    }

    #[test]
    fn limits_need_a_key() {
        assert!(limiter(None, None, None).unwrap().is_none());
        let limit = limiter(Some("a".into()), Some(2), Some("10/1m".into())).unwrap().unwrap();
        assert_eq!(limit.rate, Some(RateLimit { count: 10, period_ms: 60_000 }));
        assert!(limiter(None, Some(2), None).unwrap_err().message.contains("--limit-key"));
        for wrong in ["10", "0/1m", "x/1m", "10/x", "10/0s"] {
            let error = read_rate(wrong).unwrap_err();
            assert!(error.message.contains("such as 10/1m"), "{error}");
        }
    }
}
