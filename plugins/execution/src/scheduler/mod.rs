//! Makes jobs at their time.
//!
//! Every host looks for schedules that are due, and the store lets one of them take each time: a
//! time is taken, its jobs are accepted and the next time is set in one transaction. What counts
//! is the store's clock, so it does not matter what a host's own clock says or does.

mod cron;
mod field;
mod fire;
mod plan;
mod request;
mod timing;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use ratchet_plugin_api::model::{Job, Key, NewJob, Schedule, Timestamp, Timing};
use ratchet_plugin_api::services::{
    AcceptJobs, Acceptance, JobRequest, ScheduleRequest, Scheduler,
};
use ratchet_plugin_api::{Code, Error, Result, service};

use crate::stores::Stores;
use timing::{Clockwork, find_zone};

/// Times that are told at once at most.
const MOST_TIMES: u32 = 1_000;

/// Decides everything about a job that is asked for.
pub(crate) trait Prepare: Send + Sync + 'static {
    /// The job to accept.
    ///
    /// # Errors
    /// Those of `JobQueue::submit` before it reaches the store.
    fn prepare(&self, request: JobRequest) -> BoxFuture<'_, Result<NewJob>>;
}

/// The provider of `Scheduler`, and what makes the jobs. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Schedules {
    stores: Stores,
    jobs: Arc<dyn Prepare>,
}

impl Schedules {
    /// Keeps schedules in `stores` and makes what `jobs` prepares.
    pub(crate) fn new(stores: Stores, jobs: Arc<dyn Prepare>) -> Self {
        Self { stores, jobs }
    }

    async fn get(&self, key: Key) -> Result<Schedule> {
        self.stores.schedules()?.get(key).await
    }

    /// The job a schedule makes, for none of its times in particular.
    async fn prepared(&self, schedule: &Schedule) -> Result<NewJob> {
        let spec = &schedule.spec;
        let request = JobRequest {
            task: spec.task.to_string(),
            input: spec.input.clone(),
            priority: spec.priority,
            outputs: (!spec.outputs.is_empty()).then(|| spec.outputs.clone()),
            metadata: spec.metadata.clone(),
            ..JobRequest::default()
        };
        let job = self.jobs.prepare(request).await?;
        Ok(NewJob { schedule: Some(schedule.id), ..job })
    }
}

#[service]
impl Scheduler for Schedules {
    async fn create(&self, request: ScheduleRequest) -> Result<Schedule> {
        let spec = self.new_spec(request).await?;
        let clockwork = Clockwork::new(&spec.timing, &spec.timezone)?;
        let store = self.stores.schedules()?;
        let now = store.now().await?;
        let next = request::first_time(&spec, &clockwork, now, now, 0)?;
        store.create(spec, next).await
    }

    async fn update(&self, key: Key, request: ScheduleRequest) -> Result<Schedule> {
        let store = self.stores.schedules()?;
        let known = store.get(key).await?;
        let spec = self.changed_spec(&known, request).await?;
        let clockwork = Clockwork::new(&spec.timing, &spec.timezone)?;
        let now = store.now().await?;
        let same_times = (&spec.timing, &spec.timezone, spec.enabled)
            == (&known.spec.timing, &known.spec.timezone, known.spec.enabled);
        // A time that has come is taken as the schedule was, not forgotten.
        let taken = match known.next_run_at {
            Some(due) if due <= now && known.spec.enabled => {
                self.fire(&known, due, now).await?;
                true
            }
            _ => false,
        };
        let anchor = match known.next_run_at.or(known.last_run_at) {
            Some(time) if known.spec.timing == spec.timing => time,
            Some(_) => now,
            None => known.created_at,
        };
        let runs = known.runs + u64::from(taken);
        let next = match known.next_run_at {
            Some(next) if same_times && !taken && !request::is_over(&spec, runs) => Some(next),
            _ => request::first_time(&spec, &clockwork, anchor, now, runs)?,
        };
        let key = Key::Id(known.id);
        let schedule = store.update(key.clone(), spec.clone(), next).await?;
        // Another host may have taken that very time in between; it must not come again.
        match schedule.last_run_at.filter(|last| next.is_some_and(|next| next <= *last)) {
            Some(last) => {
                let next = request::first_time(&spec, &clockwork, anchor, last, schedule.runs)?;
                store.update(key, spec, next).await
            }
            None => Ok(schedule),
        }
    }

    async fn remove(&self, key: Key) -> Result<()> {
        self.stores.schedules()?.remove(key).await
    }

    async fn trigger(&self, key: Key) -> Result<Job> {
        let schedule = self.get(key).await?;
        if !schedule.spec.enabled {
            let name = &schedule.spec.name;
            let message = format!(
                "the schedule `{name}` is disabled; enable it with `ratchet schedule enable {name}`"
            );
            return Err(Error::new(Code::Conflict, message).with_reason("schedule.disabled"));
        }
        let job = self.prepared(&schedule).await?;
        let key = Key::Id(job.id);
        let request =
            AcceptJobs { jobs: vec![job], atomic: true, claim_for: None, max_waiting: None };
        let jobs = self.stores.jobs()?;
        match jobs.accept(request).await?.into_iter().next() {
            Some(Acceptance::Accepted { .. }) => jobs.get(key).await,
            Some(Acceptance::Duplicate(job)) => jobs.get(Key::Id(job)).await,
            Some(Acceptance::Refused(error)) => Err(error),
            None => Err(Error::internal("the store gave no answer for the job")),
        }
    }

    async fn next_runs(&self, key: Key, count: u32) -> Result<Vec<Timestamp>> {
        let (schedule, count) = (self.get(key).await?, checked(count)?);
        let spec = &schedule.spec;
        let Some(first) = schedule.next_run_at.filter(|_| spec.enabled) else {
            return Ok(Vec::new());
        };
        let clockwork = Clockwork::new(&spec.timing, &spec.timezone)?;
        let left = spec.max_runs.map_or(u64::MAX, |all| all.saturating_sub(schedule.runs));
        let count = count.min(usize::try_from(left).unwrap_or(usize::MAX));
        Ok(std::iter::successors(Some(first), |last| clockwork.next(first, *last))
            .take(count)
            .collect())
    }

    async fn preview(
        &self,
        timing: Timing,
        timezone: String,
        count: u32,
        from: Option<Timestamp>,
    ) -> Result<Vec<Timestamp>> {
        let (clockwork, count) = (Clockwork::new(&timing, &timezone)?, checked(count)?);
        let from = match from {
            Some(from) => from,
            None => self.stores.schedules()?.now().await?,
        };
        Ok(clockwork.next_many(from, from, count))
    }
}

fn checked(count: u32) -> Result<usize> {
    if !(1..=MOST_TIMES).contains(&count) {
        return Err(Error::invalid(format!(
            "{count} times are asked for; it is 1 to {MOST_TIMES}"
        )));
    }
    Ok(count as usize)
}

#[cfg(test)]
mod tests;
