//! How things of the model look to people.

use ratchet_plugin_api::model::{
    CatchUp, Execution, Hold, Job, JobStatus, Listing, Overlap, Schedule, Task, TaskError, Timing,
};

use super::View;
use super::clock::took;
use super::count;
use super::style::printable;
use super::table::{Cell, Facts, Table};
use crate::why::span;

/// Jobs as a table, with how many there are in all.
pub(super) fn jobs(listing: &Listing<Job>, view: &View) -> String {
    let mut table = Table::new(&[
        "JOB", "TASK", "STATUS", "HELD BY", "PRIORITY", "ATTEMPT", "QUEUED", "RUN AT", "ERROR",
    ]);
    for job in &listing.items {
        let waits = matches!(job.status, JobStatus::Queued | JobStatus::Retrying);
        let held = if waits && job.hold != Hold::None { job.hold.as_str() } else { "" };
        let runs = match (job.hold, job.finished_at.or(job.started_at)) {
            (Hold::NotBefore, _) if waits => view.clock.show(job.run_at),
            (_, Some(time)) => view.clock.show(time),
            _ => String::new(),
        };
        table.row(vec![
            job.number.to_string().into(),
            job.task_name.clone().into(),
            Cell::status(job.status.as_str()),
            held.into(),
            job.priority.as_str().into(),
            format!("{}/{}", job.attempt, allowed(job)).into(),
            view.clock.show(job.queued_at).into(),
            runs.into(),
            job.error.as_ref().map(error_line).unwrap_or_default().into(),
        ]);
    }
    listed(table, listing, "job", view)
}

/// Executions as a table.
pub(super) fn executions(listing: &Listing<Execution>, view: &View) -> String {
    let mut table = Table::new(&[
        "EXECUTION",
        "JOB",
        "TASK",
        "STATUS",
        "ATTEMPT",
        "STARTED",
        "TOOK",
        "PROGRESS",
        "ERROR",
    ]);
    for execution in &listing.items {
        let progress =
            execution.progress.as_ref().map(|it| format!("{:.0} %", it.fraction * 100.0));
        table.row(vec![
            execution.number.to_string().into(),
            execution.job.map(|job| job.to_string()).unwrap_or_default().into(),
            execution.task_name.clone().into(),
            Cell::status(execution.status.as_str()),
            execution.attempt.to_string().into(),
            execution.started_at.map(|time| view.clock.show(time)).unwrap_or_default().into(),
            execution.duration_us.map(took).unwrap_or_default().into(),
            progress.unwrap_or_default().into(),
            execution.error.as_ref().map(error_line).unwrap_or_default().into(),
        ]);
    }
    listed(table, listing, "execution", view)
}

/// Schedules as a table.
pub(super) fn schedules(listing: &Listing<Schedule>, view: &View) -> String {
    let mut table =
        Table::new(&["SCHEDULE", "NAME", "TASK", "DUE", "ZONE", "STATUS", "NEXT", "LAST", "RUNS"]);
    for schedule in &listing.items {
        let spec = &schedule.spec;
        let runs = match spec.max_runs {
            Some(most) => format!("{}/{most}", schedule.runs),
            None => schedule.runs.to_string(),
        };
        table.row(vec![
            schedule.number.to_string().into(),
            spec.name.clone().into(),
            schedule.task_name.clone().into(),
            timing(&spec.timing).into(),
            spec.timezone.clone().into(),
            Cell::status(enabled(spec.enabled)),
            schedule.next_run_at.map(|time| view.clock.show(time)).unwrap_or_default().into(),
            schedule.last_run_at.map(|time| view.clock.show(time)).unwrap_or_default().into(),
            runs.into(),
        ]);
    }
    listed(table, listing, "schedule", view)
}

/// Tasks as a table.
pub(super) fn tasks(listing: &Listing<Task>, view: &View) -> String {
    let mut table =
        Table::new(&["TASK", "NAME", "VERSION", "STATUS", "SOURCE", "UPDATED", "DESCRIPTION"]);
    for task in &listing.items {
        let definition = &task.definition;
        table.row(vec![
            task.number.to_string().into(),
            definition.name.clone().into(),
            definition.version.clone().into(),
            Cell::status(task_status(task)),
            task.origin.as_ref().map(|it| it.repository.clone()).unwrap_or_default().into(),
            view.clock.show(task.updated_at).into(),
            definition.description.clone().unwrap_or_default().into(),
        ]);
    }
    listed(table, listing, "task", view)
}

/// A table, and below it how much of the whole it is; or that there is nothing.
fn listed<T>(table: Table, listing: &Listing<T>, what: &str, view: &View) -> String {
    let shown = listing.items.len() as u64;
    let total = listing.total.unwrap_or(shown);
    if shown == 0 {
        return match total {
            0 => format!("no {what}s\n"),
            total => format!("none of {} from there on\n", count(total, what)),
        };
    }
    let mut text = table.render(view.style);
    if total > shown {
        let note = format!("{shown} of {}; --limit and --offset show others\n", count(total, what));
        text.push_str(&view.style.faint(&note));
    }
    text
}

/// All about a job.
pub(super) fn job(job: &Job, view: &View) -> String {
    let (clock, mut facts) = (&view.clock, Facts::default());
    facts.add("job", job.number.to_string());
    facts.add("id", job.id.to_string());
    facts.add("task", &job.task_name);
    let status = job.status.as_str();
    facts.painted("status", view.style.status(status, status));
    if !job.status.is_final() && job.hold != Hold::None {
        facts.add("held by", job.hold.as_str());
    }
    if job.cancelling {
        facts.add("cancelling", "yes");
    }
    facts.add("priority", job.priority.as_str());
    facts.add("attempts", attempts(job));
    facts.add("queued", clock.show(job.queued_at));
    if matches!(job.status, JobStatus::Queued | JobStatus::Retrying) {
        facts.add("run at", clock.show(job.run_at));
    }
    facts.option("started", job.started_at.map(|time| clock.show(time)));
    facts.option("finished", job.finished_at.map(|time| clock.show(time)));
    facts.option("expires", job.expires_at.map(|time| clock.show(time)));
    facts.option("limit", job.limiter.as_ref().map(|limiter| &limiter.key));
    facts.option("idempotency key", job.unique_key.as_ref());
    facts.option("batch", job.batch.map(|id| id.to_string()));
    facts.option("schedule", job.schedule.map(|id| id.to_string()));
    facts.option("host", job.host.map(|id| id.to_string()));
    facts.option("execution", Some(job.execution.to_string()));
    if !job.waits_for.is_empty() {
        let ids: Vec<String> = job.waits_for.iter().map(ToString::to_string).collect();
        facts.add("waits for", ids.join(", "));
    }
    facts.add("input", job.input.as_str());
    facts.option("output", job.output.as_ref().map(|output| output.as_str()));
    let mut text = facts.render(view.style);
    if let Some(failure) = &job.error {
        text.push_str(&error(failure, view));
    }
    text
}

fn attempts(job: &Job) -> String {
    let all = allowed(job);
    match job.crashes {
        0 => format!("{} of {all}", job.attempt),
        crashes => format!("{} of {all}, {crashes} of them lost with a worker", job.attempt),
    }
}

/// Attempts a job may make; those that were lost with a worker do not count.
fn allowed(job: &Job) -> u64 {
    u64::from(job.retry.max_retries) + u64::from(job.crashes) + 1
}

/// All about an execution.
pub(super) fn execution(execution: &Execution, view: &View) -> String {
    let (clock, mut facts) = (&view.clock, Facts::default());
    facts.add("execution", execution.number.to_string());
    facts.add("id", execution.id.to_string());
    facts.option("job", execution.job.map(|id| id.to_string()));
    facts.add("task", &execution.task_name);
    facts.option("version", execution.task_version.as_ref());
    let status = execution.status.as_str();
    facts.painted("status", view.style.status(status, status));
    facts.add("attempt", execution.attempt.to_string());
    if let Some(progress) = &execution.progress {
        let message = progress.message.as_ref().map(|it| format!(" ({it})")).unwrap_or_default();
        facts.add("progress", format!("{:.0} %{message}", progress.fraction * 100.0));
    }
    facts.add("queued", clock.show(execution.queued_at));
    facts.option("started", execution.started_at.map(|time| clock.show(time)));
    facts.option("finished", execution.finished_at.map(|time| clock.show(time)));
    facts.option("took", execution.duration_us.map(took));
    facts.option("host", execution.host.map(|id| id.to_string()));
    facts.add("input", execution.input.as_str());
    facts.option("output", execution.output.as_ref().map(|output| output.as_str()));
    for exchange in &execution.http {
        let answer = match (&exchange.response, &exchange.error) {
            (Some(response), _) => response.status.to_string(),
            (None, Some(error)) => error.clone(),
            (None, None) => "no answer".to_owned(),
        };
        let (request, time) = (&exchange.request, took(exchange.elapsed_us));
        facts.add("request", format!("{} {} → {answer} ({time})", request.method, request.url));
    }
    let mut text = facts.render(view.style);
    if let Some(failure) = &execution.error {
        text.push_str(&error(failure, view));
    }
    text
}

/// A task's error with its stack.
pub(super) fn error(error: &TaskError, view: &View) -> String {
    let mut lines = error.message.lines();
    let headline = printable(lines.next().unwrap_or_default());
    let headline = format!("{}: {headline}", printable(&error.class));
    let mut text = format!("{}\n", view.style.status("failed", &headline));
    for further in lines {
        text.push_str(&format!("  {}\n", printable(further)));
    }
    for violation in &error.violations {
        let path = if violation.path.is_empty() { "/" } else { &violation.path };
        text.push_str(&format!("  {}: {}\n", printable(path), printable(&violation.message)));
    }
    for cause in &error.causes {
        text.push_str(&format!("  caused by {}\n", printable(cause)));
    }
    for frame in &error.stack {
        let function = if frame.function.is_empty() { "<anonymous>" } else { &frame.function };
        let line = format!("  at {function} ({}:{}:{})\n", frame.file, frame.line, frame.column);
        text.push_str(&view.style.faint(&printable(line.trim_end())));
        text.push('\n');
    }
    text
}

fn error_line(error: &TaskError) -> String {
    format!("{}: {}", error.class, error.message.lines().next().unwrap_or_default())
}

/// All about a schedule.
pub(super) fn schedule(schedule: &Schedule, view: &View) -> String {
    let (spec, clock, mut facts) = (&schedule.spec, &view.clock, Facts::default());
    facts.add("schedule", schedule.number.to_string());
    facts.add("id", schedule.id.to_string());
    facts.add("name", &spec.name);
    facts.option("description", spec.description.as_ref());
    facts.add("task", &schedule.task_name);
    facts.add("due", format!("{} ({})", timing(&spec.timing), spec.timezone));
    let status = enabled(spec.enabled);
    facts.painted("status", view.style.status(status, status));
    let never = || "never".to_owned();
    facts.add("next", schedule.next_run_at.map_or_else(never, |time| clock.show(time)));
    facts.option("last", schedule.last_run_at.map(|time| clock.show(time)));
    facts.option("last job", schedule.last_job.map(|id| id.to_string()));
    let most = spec.max_runs.map(|most| format!(" of {most}")).unwrap_or_default();
    facts.add("runs", format!("{}{most}", schedule.runs));
    facts.add(
        "missed runs",
        match spec.catch_up {
            CatchUp::Skip => "are left out",
            CatchUp::Once => "are made up for by one",
            CatchUp::All => "are all made up for",
        },
    );
    facts.add(
        "overlapping runs",
        match spec.overlap {
            Overlap::Allow => "run at the same time",
            Overlap::Skip => "are left out",
            Overlap::Queue => "wait for the one before",
            Overlap::Replace => "cancel the one before",
        },
    );
    facts.option("priority", spec.priority.map(|priority| priority.as_str()));
    facts.add("input", spec.input.as_str());
    facts.render(view.style)
}

/// All about a task.
pub(super) fn task(task: &Task, view: &View) -> String {
    let (definition, clock, mut facts) = (&task.definition, &view.clock, Facts::default());
    facts.add("task", task.number.to_string());
    facts.add("id", task.id.to_string());
    facts.add("name", &definition.name);
    facts.option("label", definition.label.as_ref());
    facts.add("version", &definition.version);
    facts.option("description", definition.description.as_ref());
    if !definition.tags.is_empty() {
        facts.add("tags", definition.tags.join(", "));
    }
    let status = task_status(task);
    facts.painted("status", view.style.status(status, status));
    if let Some(pause) = &task.paused {
        facts.option("paused since", pause.since.map(|time| clock.show(time)));
        facts.option("paused until", pause.until.map(|time| clock.show(time)));
        facts.option("because", pause.reason.as_ref());
    }
    if let Some(origin) = &task.origin {
        facts.add("source", format!("{} ({})", origin.repository, origin.path));
        facts.option("revision", origin.revision.as_ref());
    }
    facts.add("checksum", &task.checksum);
    facts.add("created", clock.show(task.created_at));
    facts.add("updated", clock.show(task.updated_at));
    facts.option("validated", task.validated_at.map(|time| clock.show(time)));
    let policy = &definition.policy;
    facts.option("runtime", policy.runtime.as_ref());
    let time = |ms| span(std::time::Duration::from_millis(ms));
    facts.option("timeout", policy.timeout_ms.map(time));
    facts.option("at the same time", policy.concurrency.map(|most| most.to_string()));
    facts.option("retries", policy.retry.as_ref().map(|retry| retry.max_retries.to_string()));
    facts.option("input schema", definition.schemas.input.as_ref().map(|it| it.as_str()));
    facts.option("output schema", definition.schemas.output.as_ref().map(|it| it.as_str()));
    facts.render(view.style)
}

fn task_status(task: &Task) -> &'static str {
    match (task.enabled, &task.paused) {
        (false, _) => "disabled",
        (true, Some(_)) => "paused",
        (true, None) => "enabled",
    }
}

fn enabled(enabled: bool) -> &'static str {
    if enabled { "enabled" } else { "disabled" }
}

/// A timing as it is given to `schedule add`.
pub(super) fn timing(timing: &Timing) -> String {
    match timing {
        Timing::Cron(expression) => expression.clone(),
        Timing::EveryMs(ms) => format!("every {}", every(*ms)),
    }
}

fn every(ms: u64) -> String {
    let units =
        [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
    let whole = units.iter().find(|(_, length)| ms.is_multiple_of(*length));
    whole.map_or_else(|| format!("{ms}ms"), |(unit, length)| format!("{}{unit}", ms / length))
}
