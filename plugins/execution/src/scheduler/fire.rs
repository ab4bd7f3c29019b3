//! Takes the times of schedules as they come.

use std::time::Duration;

use ratchet_plugin_api::model::{Id, Json, Key, NewJob, Schedule, Timestamp};
use ratchet_plugin_api::services::{Acceptance, Change, DueSchedules, FireSchedule};
use ratchet_plugin_api::{Context, Result, Stream};
use serde_json::{Value, json};

use super::Schedules;
use super::plan::{Order, Plan, plan};
use super::request::is_over;
use super::timing::Clockwork;

/// Schedules looked at in one go.
const BATCH: u32 = 100;

/// The longest time without a look at the store, whose clock may have been set.
pub(super) const LOOK_AT_LEAST: Duration = Duration::from_secs(30);

/// Before another try after the store failed.
const TRY_AGAIN: Duration = Duration::from_secs(1);

impl Schedules {
    /// Makes jobs until the plugin shall stop.
    pub(crate) async fn run(self, context: Context) {
        let stopping = context.stopping();
        tokio::pin!(stopping);
        let mut changes: Option<Stream<Change>> = None;
        loop {
            // Subscribed before the look, so that no change falls between the two.
            if changes.is_none() {
                changes = self.changes().await;
            }
            let quiet = match self.look_once().await {
                Ok(quiet) => quiet,
                Err(error) => {
                    tracing::warn!(%error, "schedules cannot be looked at; trying again");
                    TRY_AGAIN
                }
            };
            tokio::select! {
                () = &mut stopping => return,
                () = tokio::time::sleep(quiet) => {}
                there = next_change(&mut changes) => {
                    if !there {
                        changes = None;
                        // Without news, and without asking for it in a tight loop.
                        tokio::time::sleep(TRY_AGAIN.min(quiet)).await;
                    }
                }
            }
        }
    }

    async fn changes(&self) -> Option<Stream<Change>> {
        self.stores.jobs().ok()?.changes().await.ok()
    }

    /// Takes all that is due; gives the time until something may be due again.
    pub(super) async fn look_once(&self) -> Result<Duration> {
        loop {
            let due = self.stores.schedules()?.due(BATCH).await?;
            let DueSchedules { schedules, now, next_at } = due;
            let mut failed = false;
            for schedule in &schedules {
                let Some(seen) = schedule.next_run_at else { continue };
                if let Err(error) = self.fire(schedule, seen, now).await {
                    let schedule = &schedule.spec.name;
                    tracing::warn!(schedule, %error, "a schedule is due and made no job yet");
                    failed = true;
                }
            }
            if schedules.len() < BATCH as usize || failed {
                let longest = if failed { TRY_AGAIN } else { LOOK_AT_LEAST };
                return Ok(next_at.map_or(longest, |next| next.since(now).min(longest)));
            }
        }
    }

    /// Takes the time `seen` of a schedule, and all that have come since.
    pub(super) async fn fire(
        &self,
        schedule: &Schedule,
        seen: Timestamp,
        now: Timestamp,
    ) -> Result<()> {
        let (store, spec) = (self.stores.schedules()?, &schedule.spec);
        let clockwork = match Clockwork::new(&spec.timing, &spec.timezone) {
            Ok(clockwork) => clockwork,
            Err(error) => {
                let schedule_name = &spec.name;
                tracing::error!(schedule = schedule_name, %error, "a schedule has no next time");
                let fire = FireSchedule {
                    schedule: schedule.id,
                    seen,
                    next: None,
                    last: seen,
                    jobs: Vec::new(),
                    cancel: Vec::new(),
                };
                store.fire(fire).await?;
                return Ok(());
            }
        };
        let open = store.open_jobs(schedule.id).await?;
        let decided = plan(schedule, &clockwork, seen, now, !open.is_empty());
        let jobs = self.jobs_for(schedule, &decided, &open).await?;
        let over = is_over(spec, schedule.runs + jobs.len() as u64);
        let replaces = decided.order == Order::Instead && !jobs.is_empty();
        let fire = FireSchedule {
            schedule: schedule.id,
            seen,
            next: decided.next.filter(|_| !over),
            last: decided.last,
            jobs,
            cancel: if replaces { open } else { Vec::new() },
        };
        let Some(answers) = store.fire(fire).await? else {
            tracing::debug!(schedule = spec.name, "another host was first");
            return Ok(());
        };
        tell(&spec.name, &answers);
        let refused = answers.iter().any(|answer| matches!(answer, Acceptance::Refused(_)));
        if over && refused && decided.next.is_some() {
            // A run that was refused was not made, so this was not the last.
            store.update(Key::Id(schedule.id), spec.clone(), decided.next).await?;
        }
        Ok(())
    }

    /// The jobs of a plan; none when the task cannot be called, which is only told, because the
    /// time has come all the same.
    async fn jobs_for(&self, schedule: &Schedule, plan: &Plan, open: &[Id]) -> Result<Vec<NewJob>> {
        if plan.runs.is_empty() {
            return Ok(Vec::new());
        }
        let prepared = match self.prepared(schedule).await {
            Ok(job) => job,
            Err(error) if is_lasting(&error) => {
                let name = &schedule.spec.name;
                tracing::warn!(schedule = name, %error, "a schedule was due and made no job");
                return Ok(Vec::new());
            }
            Err(error) => return Err(error),
        };
        let mut before: Vec<Id> = open.to_vec();
        let mut jobs = Vec::with_capacity(plan.runs.len());
        for due in &plan.runs {
            let metadata = with_due(&prepared.metadata, &schedule.spec.name, *due);
            let mut job = NewJob { id: Id::new(), metadata, ..prepared.clone() };
            if plan.order != Order::Beside {
                job.depends_on = std::mem::replace(&mut before, vec![job.id]);
                job.runs_after_failure = true;
            }
            jobs.push(job);
        }
        Ok(jobs)
    }
}

/// Whether trying again in a moment would change nothing.
fn is_lasting(error: &ratchet_plugin_api::Error) -> bool {
    use ratchet_plugin_api::Code;
    matches!(error.code, Code::Invalid | Code::NotFound | Code::Conflict | Code::Denied)
}

/// The metadata of a job made for one time of a schedule.
fn with_due(metadata: &Json, schedule: &str, due: Timestamp) -> Json {
    let mut object = match metadata.to::<Value>() {
        Ok(Value::Object(object)) => object,
        _ => serde_json::Map::new(),
    };
    object.insert("schedule".to_owned(), json!({"name": schedule, "due": due}));
    Value::Object(object).into()
}

fn tell(schedule: &str, answers: &[Acceptance]) {
    for answer in answers {
        match answer {
            Acceptance::Accepted { number, .. } => {
                tracing::debug!(schedule, job = number, "a schedule was due");
            }
            Acceptance::Duplicate(job) => {
                tracing::debug!(schedule, %job, "a schedule was due, and its job there already");
            }
            Acceptance::Refused(error) => {
                tracing::warn!(schedule, %error, "a schedule was due and its job was refused");
            }
        }
    }
}

/// Ends when schedules may have changed; says whether there is still somebody who tells.
async fn next_change(changes: &mut Option<Stream<Change>>) -> bool {
    let Some(stream) = changes else {
        return std::future::pending().await;
    };
    loop {
        match stream.next().await {
            Some(Ok(Change::Schedules)) => return true,
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return false,
        }
    }
}
