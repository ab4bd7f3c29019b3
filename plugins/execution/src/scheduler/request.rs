//! What a schedule is after a request to make or change it.

use ratchet_plugin_api::model::{
    CatchUp, Id, Json, Key, Overlap, Schedule, ScheduleSpec, Timestamp, Timing,
};
use ratchet_plugin_api::services::{JobRequest, ScheduleRequest};
use ratchet_plugin_api::{Code, Error, Result};

use super::timing::Clockwork;
use super::{Schedules, find_zone};

/// Characters a name may have.
const LONGEST_NAME: usize = 100;

impl Schedules {
    /// What a new schedule is.
    pub(super) async fn new_spec(&self, request: ScheduleRequest) -> Result<ScheduleSpec> {
        let missing = |what: &str| Error::invalid(format!("a new schedule needs {what}"));
        let empty = ScheduleSpec {
            name: request.name.clone().ok_or_else(|| missing("a name"))?,
            description: None,
            task: Id::from_u128(0),
            input: Json::from_trusted("{}"),
            timing: request.timing.clone().ok_or_else(|| {
                missing("a timing: a cron expression such as `0 9 * * MON`, or an interval")
            })?,
            timezone: "UTC".to_owned(),
            enabled: true,
            priority: None,
            max_runs: None,
            catch_up: CatchUp::Once,
            overlap: Overlap::Skip,
            outputs: Vec::new(),
            metadata: Json::null(),
        };
        if request.task.is_none() {
            return Err(missing("a task"));
        }
        self.apply(empty, request).await
    }

    /// What a schedule is from now on.
    pub(super) async fn changed_spec(
        &self,
        known: &Schedule,
        request: ScheduleRequest,
    ) -> Result<ScheduleSpec> {
        self.apply(known.spec.clone(), request).await
    }

    async fn apply(
        &self,
        mut spec: ScheduleSpec,
        request: ScheduleRequest,
    ) -> Result<ScheduleSpec> {
        let called = request.task.is_some() || request.input.is_some();
        if let Some(name) = request.name {
            spec.name = checked_name(name)?;
        }
        if let Some(task) = request.task {
            let key = task.parse().unwrap_or(Key::Name(task));
            spec.task = self.stores.tasks()?.get(key).await?.id;
        }
        if let Some(timezone) = request.timezone {
            // As the database spells it, since case does not matter to it.
            let zone = find_zone(&timezone)?;
            spec.timezone = zone.iana_name().unwrap_or(&timezone).to_owned();
        }
        spec.description = request.description.or(spec.description).filter(|it| !it.is_empty());
        spec.input = request.input.unwrap_or(spec.input);
        spec.timing = request.timing.unwrap_or(spec.timing);
        spec.enabled = request.enabled.unwrap_or(spec.enabled);
        spec.priority = request.priority.or(spec.priority);
        spec.max_runs = request.max_runs.or(spec.max_runs).filter(|most| *most > 0);
        spec.catch_up = request.catch_up.unwrap_or(spec.catch_up);
        spec.overlap = request.overlap.unwrap_or(spec.overlap);
        spec.outputs = request.outputs.unwrap_or(spec.outputs);
        spec.metadata = request.metadata.unwrap_or(spec.metadata);
        Clockwork::new(&spec.timing, &spec.timezone)?;
        if called {
            self.check_call(&spec).await?;
        }
        Ok(spec)
    }

    /// Whether the task can be called like that. A task that is disabled today may be enabled when
    /// the schedule is due.
    async fn check_call(&self, spec: &ScheduleSpec) -> Result<()> {
        let request = JobRequest {
            task: spec.task.to_string(),
            input: spec.input.clone(),
            ..JobRequest::default()
        };
        match self.jobs.prepare(request).await {
            Err(error) if error.code != Code::Conflict => Err(error),
            _ => Ok(()),
        }
    }
}

fn checked_name(name: String) -> Result<String> {
    let name = name.trim().to_owned();
    if name.is_empty() || name.chars().count() > LONGEST_NAME || name.contains(char::is_control) {
        return Err(Error::invalid(format!(
            "`{}` cannot be a schedule's name; it is 1 to {LONGEST_NAME} characters long, on one \
             line",
            name.escape_debug()
        )));
    }
    match name.parse() {
        Ok(Key::Name(_)) => Ok(name),
        _ => Err(Error::invalid(format!(
            "`{name}` cannot be a schedule's name, since it reads as a number or an id"
        ))),
    }
}

/// Whether a schedule has made all the runs it makes.
pub(super) fn is_over(spec: &ScheduleSpec, runs: u64) -> bool {
    spec.max_runs.is_some_and(|most| runs >= most)
}

/// When a schedule that has made `runs` runs is due first after `after`; none while it is disabled
/// and when all its runs are made.
///
/// # Errors
/// `Invalid` when its timing never comes.
pub(super) fn first_time(
    spec: &ScheduleSpec,
    clockwork: &Clockwork,
    anchor: Timestamp,
    after: Timestamp,
    runs: u64,
) -> Result<Option<Timestamp>> {
    let next = clockwork.next(anchor, after);
    if next.is_none() && runs == 0 {
        let timing = match &spec.timing {
            Timing::Cron(expression) => expression.as_str(),
            Timing::EveryMs(_) => "its interval",
        };
        let message = format!("`{timing}` never comes: there is no such time from {after} on");
        return Err(Error::invalid(message).with_reason("schedule.never_due"));
    }
    Ok(next.filter(|_| spec.enabled && !is_over(spec, runs)))
}
