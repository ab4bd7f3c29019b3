//! `JobQueue`: jobs as their users see them.

use std::sync::Arc;
use std::time::Duration;

use ratchet_plugin_api::model::{Explanation, Job, JobStats, Json, Key, Pause};
use ratchet_plugin_api::services::{
    Answer, ClearJobs, JobPatch, JobQueue, JobRequest, JsRuntime, Situation, Submitted,
};
use ratchet_plugin_api::{Error, Result, service};
use tokio::time::{Instant, timeout_at};

use crate::shared::Shared;
use crate::why::{RuntimeNeed, explain};
use crate::{Execution, accept};

/// How long a cancelled job is waited for.
const CANCELLED_WITHIN: Duration = Duration::from_secs(1);

/// How often a job is looked at while it is waited for, at least: what ends in another process may
/// not be told here.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How soon it is looked at for the second time; the pauses double from here.
const LOOK_FIRST: Duration = Duration::from_millis(25);

#[service]
impl JobQueue for Execution {
    async fn submit(&self, request: JobRequest) -> Result<Submitted> {
        accept::submit(&self.shared, request).await
    }

    async fn submit_many(&self, requests: Vec<JobRequest>, atomic: bool) -> Result<Vec<Answer>> {
        accept::submit_many(&self.shared, requests, atomic, None).await
    }

    async fn cancel(&self, key: Key, reason: Option<String>) -> Result<Job> {
        cancel(&self.shared, key, reason).await
    }

    async fn retry(&self, key: Key, input: Option<Json>) -> Result<Job> {
        retry(&self.shared, key, input).await
    }

    async fn patch(&self, key: Key, patch: JobPatch) -> Result<Job> {
        self.shared.stores.jobs()?.patch(key, patch).await
    }

    async fn pause(&self, task: Option<Key>, pause: Pause) -> Result<()> {
        set_pause(&self.shared, task, Some(pause)).await
    }

    async fn resume(&self, task: Option<Key>) -> Result<()> {
        set_pause(&self.shared, task, None).await
    }

    async fn clear(&self, request: ClearJobs) -> Result<u64> {
        if let Some(status) = request.statuses.iter().find(|status| !status.is_final()) {
            return Err(Error::invalid(format!(
                "jobs that are `{status}` have not ended; those that are `completed`, `failed` or \
                 `cancelled` can be cleared away"
            )));
        }
        self.shared.stores.jobs()?.clear(request).await
    }

    async fn stats(&self) -> Result<JobStats> {
        self.shared.stores.jobs()?.stats().await
    }

    async fn why(&self, key: Key) -> Result<Explanation> {
        let situation = self.shared.stores.jobs()?.situation(key).await?;
        Ok(explain_here(&self.shared, &situation).await)
    }

    async fn wait(&self, key: Key, timeout_ms: u64) -> Result<Job> {
        let timeout = Duration::from_millis(timeout_ms);
        wait(&self.shared, key, Instant::now().checked_add(timeout)).await
    }
}

/// Gives a job up and stops it where it runs.
pub(crate) async fn cancel(shared: &Arc<Shared>, key: Key, reason: Option<String>) -> Result<Job> {
    let store = shared.stores.jobs()?;
    let dispatch = shared.dispatch();
    let _remembered = match (dispatch, &reason) {
        (Some(dispatch), Some(reason)) => {
            let execution = store.get(key.clone()).await?.execution;
            Some(dispatch.remember(execution, reason.clone()))
        }
        _ => None,
    };
    let job = store.cancel(key, reason).await?;
    shared.waits.tell(job.id);
    if job.status.is_final() {
        shared.bus.tell_once((&job).into(), job.status);
        return Ok(job);
    }
    if let Some(dispatch) = dispatch {
        dispatch.cancel(job.execution).await;
    }
    wait(shared, Key::Id(job.id), Instant::now().checked_add(CANCELLED_WITHIN)).await
}

/// Makes an ended job wait again, with another input if one is given.
pub(crate) async fn retry(shared: &Arc<Shared>, key: Key, input: Option<Json>) -> Result<Job> {
    let store = shared.stores.jobs()?;
    let mut key = key;
    if let Some(input) = input.as_ref().filter(|_| shared.config.execution.validate_schemas) {
        let job = store.get(key).await?;
        shared.tasks.find(&shared.stores, &Key::Id(job.task)).await?.check_input(input)?;
        key = Key::Id(job.id);
    }
    let job = store.replay(key, input).await?;
    shared.bus.tell_once((&job).into(), job.status);
    Ok(job)
}

async fn set_pause(shared: &Shared, task: Option<Key>, pause: Option<Pause>) -> Result<()> {
    match task {
        Some(task) => {
            shared.stores.tasks()?.pause(task, pause).await?;
            shared.tasks.changed();
        }
        None => shared.stores.jobs()?.pause(pause).await?,
    }
    Ok(())
}

/// Waits until a job has ended or the time is over; the job as it then is.
pub(crate) async fn wait(shared: &Arc<Shared>, key: Key, end: Option<Instant>) -> Result<Job> {
    let store = shared.stores.jobs()?;
    let mut job = store.get(key).await?;
    if job.status.is_final() {
        return Ok(job);
    }
    let waiting = shared.waits.begin(job.id);
    let mut pause = LOOK_FIRST;
    loop {
        // From before the look on, so that no word is lost between the two.
        let told = waiting.told();
        tokio::pin!(told);
        told.as_mut().enable();
        job = store.get(Key::Id(job.id)).await?;
        if job.status.is_final() || end.is_some_and(|end| Instant::now() >= end) {
            return Ok(job);
        }
        let look = Instant::now() + pause;
        let until = end.map_or(look, |end| end.min(look));
        // Whether it was told or the time has come, it is looked at.
        let _ = timeout_at(until, told).await;
        pause = (pause * 2).min(LOOK_EVERY);
    }
}

/// Explains how a job stands, with what is known in this process about runtimes.
async fn explain_here(shared: &Shared, situation: &Situation) -> Explanation {
    if shared.dispatch().is_none() {
        return explain(situation, RuntimeNeed::Unknown);
    }
    let task = shared.tasks.find(&shared.stores, &Key::Id(situation.job.task)).await;
    let wanted = match &task {
        Ok(task) => task.task.definition.policy.runtime.as_ref(),
        Err(_) => return explain(situation, RuntimeNeed::Unknown),
    };
    let present: Vec<String> =
        shared.context.all::<dyn JsRuntime>().into_iter().map(|(name, _)| name).collect();
    match wanted.or(shared.config.execution.runtime.as_ref()) {
        Some(name) if !present.contains(name) => {
            explain(situation, RuntimeNeed::Missing { name, present: &present })
        }
        None if present.is_empty() => {
            explain(situation, RuntimeNeed::Missing { name: "boa", present: &present })
        }
        _ => explain(situation, RuntimeNeed::Present),
    }
}
