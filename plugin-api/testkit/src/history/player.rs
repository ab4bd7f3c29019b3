//! Playing a history on two stores.

use std::future::Future;
use std::time::Duration;

use ratchet_plugin_api::model::{
    Id, Job, JobStatus, Key, Limiter, NewJob, Pause, RateLimit, Task, Timestamp, Uniqueness,
};
use ratchet_plugin_api::services::{
    AcceptJobs, Acceptance, ClaimJobs, ClaimedJob, JobPatch, JobStore, PutTask, Settlement,
    TaskStore,
};

use super::Database;
use super::command::{Command, Draft, Ending, LIMITERS, TASKS};
use super::compare::{same_answers, same_jobs, same_outcome};
use crate::contract::{self, Stores};
use crate::memory::{Clock, MemoryStore};

/// Milliseconds of a lease. All other times are whole minutes, so that nothing is due just as it
/// is looked at.
const LEASE_MS: u64 = 90_000;

/// One attempt, as each store knows it.
struct Attempt {
    host: Id,
    model: ClaimedJob,
    real: ClaimedJob,
}

/// Two stores and what has happened to them.
struct Player<D> {
    database: D,
    model: MemoryStore,
    real: Stores,
    tasks: Vec<Task>,
    jobs: Vec<Id>,
    hosts: Vec<Id>,
    attempts: Vec<Attempt>,
    /// When jobs of the limiters with a rate began, in the model's time.
    starts: Vec<Timestamp>,
    ids: u128,
}

/// Plays a history on the store in memory and on a database that is empty at first. At the end
/// everything that waits is run.
///
/// # Errors
/// The first thing that is not as it must be, with the commands up to it.
pub async fn play<D: Database>(history: &[Command], mut database: D) -> Result<(), String> {
    let start = Timestamp::from_microseconds(1_764_000_000_000_000);
    let model = MemoryStore::with_clock(Clock::stopped_at(start));
    let real = database.open().await;
    let mut player = Player {
        database,
        model,
        real,
        tasks: Vec::new(),
        jobs: Vec::new(),
        hosts: Vec::new(),
        attempts: Vec::new(),
        starts: Vec::new(),
        ids: 0,
    };
    player.prepare().await?;
    for (place, command) in history.iter().enumerate() {
        // As in the other store, no two things happen at the same time.
        player.pass(Duration::from_micros(1));
        let outcome = async {
            player.perform(command).await?;
            same_jobs(&player.model, &player.real).await
        };
        outcome.await.map_err(|why| format!("command {place}, {command:?}: {why}"))?;
    }
    player.drain().await.map_err(|why| format!("running what is left: {why}"))
}

/// The one that a number names, if there are any.
fn pick<T>(all: &[T], number: usize) -> Option<&T> {
    all.get(number.checked_rem(all.len())?)
}

impl<D: Database> Player<D> {
    fn id(&mut self) -> Id {
        self.ids += 1;
        Id::from_u128(0x0197_0000_0000_7000_8000_0000_0000_0000 | self.ids)
    }

    async fn prepare(&mut self) -> Result<(), String> {
        for place in 0..TASKS {
            let mut definition = contract::definition(&format!("task-{place}"));
            definition.id = Some(self.id());
            let (task, if_checksum, note) = (None, None, None);
            let put = PutTask { task, definition, enabled: None, if_checksum, note };
            let task = TaskStore::put(&self.model, put.clone()).await;
            let real = self.real.tasks.put(put).await;
            same_outcome(&task, &real)?;
            self.tasks.extend(task.ok());
        }
        Ok(())
    }

    async fn perform(&mut self, command: &Command) -> Result<(), String> {
        match command {
            Command::Accept { jobs, atomic, claim_for, max_waiting } => {
                let jobs = jobs.iter().map(|draft| self.job(draft)).collect();
                let claim_for = claim_for.and_then(|host| pick(&self.hosts, host)).copied();
                let (atomic, max_waiting) = (*atomic, *max_waiting);
                self.accept(AcceptJobs { jobs, atomic, claim_for, max_waiting }).await
            }
            Command::AcceptAbandoned { jobs, patience } => {
                let jobs: Vec<NewJob> = jobs.iter().map(|draft| self.job(draft)).collect();
                self.accept_abandoned(jobs, *patience).await
            }
            Command::Claim { host, max } => match pick(&self.hosts, *host) {
                Some(host) => self.claim(*host, *max).await,
                None => Ok(()),
            },
            Command::Settle(endings) => self.settle(endings).await,
            Command::SettleAbandoned { attempt, patience } => {
                self.settle_abandoned(*attempt, *patience).await
            }
            Command::Cancel(job) => {
                let Some(job) = pick(&self.jobs, *job).map(|job| Key::Id(*job)) else {
                    return Ok(());
                };
                let model = JobStore::cancel(&self.model, job.clone(), None).await;
                same_outcome(&model, &self.real.jobs.cancel(job, None).await)
            }
            Command::Replay(job) => {
                let Some(job) = pick(&self.jobs, *job).map(|job| Key::Id(*job)) else {
                    return Ok(());
                };
                let model = JobStore::replay(&self.model, job.clone(), None).await;
                same_outcome(&model, &self.real.jobs.replay(job, None).await)
            }
            Command::Patch { job, priority, minutes } => {
                let Some(job) = pick(&self.jobs, *job).map(|job| Key::Id(*job)) else {
                    return Ok(());
                };
                let patch = |now: Timestamp| JobPatch {
                    priority: Some(*priority),
                    run_at: minutes.map(|minutes| now.after(in_minutes(minutes))),
                    ..JobPatch::default()
                };
                let (model_now, real_now) = self.now().await?;
                let model = JobStore::patch(&self.model, job.clone(), patch(model_now)).await;
                same_outcome(&model, &self.real.jobs.patch(job, patch(real_now)).await)
            }
            Command::Pause(minutes) => self.pause(None, Some(*minutes)).await,
            Command::Resume => self.pause(None, None).await,
            Command::PauseTask(task, minutes) => self.pause(Some(*task), Some(*minutes)).await,
            Command::ResumeTask(task) => self.pause(Some(*task), None).await,
            Command::Enable(task, enabled) => {
                let Some(task) = pick(&self.tasks, *task).map(|task| Key::Id(task.id)) else {
                    return Ok(());
                };
                let model = TaskStore::enable(&self.model, task.clone(), *enabled).await;
                same_outcome(&model, &self.real.tasks.enable(task, *enabled).await)
            }
            Command::Enter => self.enter().await.map(drop),
            Command::Renew(host) => match pick(&self.hosts, *host) {
                Some(host) => self.renew(*host).await,
                None => Ok(()),
            },
            Command::Leave(host) => {
                let Some(host) = pick(&self.hosts, *host).copied() else {
                    return Ok(());
                };
                let model = JobStore::leave(&self.model, host).await;
                same_outcome(&model, &self.real.jobs.leave(host).await)
            }
            Command::Pass(minutes) => {
                self.pass(in_minutes(*minutes));
                Ok(())
            }
            Command::Restart => {
                self.real = self.database.open().await;
                Ok(())
            }
        }
    }

    fn pass(&self, time: Duration) {
        self.model.advance(time);
        self.real.advance(time);
    }

    async fn now(&self) -> Result<(Timestamp, Timestamp), String> {
        let real = self.real.schedules.now().await.map_err(|error| error.to_string())?;
        Ok((self.model.clock().now(), real))
    }

    fn job(&mut self, draft: &Draft) -> NewJob {
        let depends_on = draft.depends_on.iter().filter_map(|job| pick(&self.jobs, *job));
        let mut depends_on: Vec<Id> = depends_on.copied().collect();
        depends_on.dedup();
        let id = self.id();
        self.jobs.push(id);
        let limiter = draft.limiter.map(|place| {
            let (concurrency, rate) = LIMITERS[usize::from(place) % LIMITERS.len()];
            let rate = rate.map(|count| RateLimit { count, period_ms: 120_000 });
            Limiter { key: format!("limiter-{place}"), concurrency, rate }
        });
        let unique = draft.key.map(|key| Uniqueness {
            key: format!("key-{key}"),
            window_ms: draft.window.map(|minutes| u64::from(minutes) * 60_000),
            fingerprint: None,
        });
        let task = &self.tasks[draft.task % self.tasks.len()];
        NewJob {
            id,
            priority: draft.priority,
            delay_ms: u64::from(draft.minutes) * 60_000,
            unique,
            limiter,
            depends_on,
            runs_after_failure: draft.runs_after_failure,
            ..contract::job(task)
        }
    }

    async fn accept(&mut self, request: AcceptJobs) -> Result<(), String> {
        let real = self.real.jobs.accept(request.clone()).await;
        let claim_for = request.claim_for;
        let model = AcceptJobs { claim_for: None, ..request };
        let model = JobStore::accept(&self.model, model).await;
        same_answers(&model, &real)?;
        let claimed = real.into_iter().flatten().filter_map(|answer| match answer {
            Acceptance::Accepted { claim, .. } => claim.map(|claim| *claim),
            _ => None,
        });
        let claimed: Vec<ClaimedJob> = claimed.collect();
        match claim_for {
            Some(host) => self.given(host, claimed, None),
            None if claimed.is_empty() => Ok(()),
            None => Err(format!("{} jobs were given to nobody", claimed.len())),
        }
    }

    /// Jobs whose caller goes away are accepted, or not, but all of them or none.
    async fn accept_abandoned(&mut self, jobs: Vec<NewJob>, patience: u8) -> Result<(), String> {
        let request = AcceptJobs { jobs, atomic: true, claim_for: None, max_waiting: None };
        let store = std::sync::Arc::clone(&self.real.jobs);
        let asked = request.clone();
        abandon(patience, async move { store.accept(asked).await }).await;
        // What was begun may still be done until the store is closed.
        self.real = self.database.open().await;
        let mut there = Vec::new();
        for job in &request.jobs {
            let found = self.real.jobs.get(Key::Id(job.id)).await;
            there.extend(found.ok().map(|found| found.id));
        }
        if there.is_empty() {
            // Nothing came of it; or nothing that is new.
            return Ok(());
        }
        let model = JobStore::accept(&self.model, request).await;
        let accepted = model.into_iter().flatten();
        let accepted = accepted.filter(|it| matches!(it, Acceptance::Accepted { .. })).count();
        if accepted == there.len() {
            return Ok(());
        }
        Err(format!("{} of {accepted} jobs of one batch are there", there.len()))
    }

    async fn claim(&mut self, host: Id, max: u32) -> Result<(), String> {
        let real = self.real.jobs.claim(ClaimJobs { host, max }).await;
        match real {
            Ok(claims) => self.given(host, claims.jobs, Some(max)),
            Err(_) => {
                let model = JobStore::claim(&self.model, ClaimJobs { host, max: 0 }).await;
                same_outcome(&model, &real)
            }
        }
    }

    /// The other store gave these jobs to a host.
    fn given(&mut self, host: Id, real: Vec<ClaimedJob>, max: Option<u32>) -> Result<(), String> {
        let ids: Vec<Id> = real.iter().map(|claimed| claimed.job).collect();
        let model = self.model.follow(host, &ids, max)?;
        for (model, real) in model.into_iter().zip(real) {
            let facts = |it: &ClaimedJob| {
                let limits = (it.timeout_ms, it.lifetime_left_ms, it.retry.clone());
                (it.job, it.attempt, it.crashes, it.priority, it.task, limits)
            };
            if facts(&model) != facts(&real) || model.input != real.input {
                return Err(format!("{real:?} was given; {model:?} is right"));
            }
            self.began(model.job)?;
            self.attempts.push(Attempt { host, model, real });
        }
        Ok(())
    }

    /// Counts a start against its rate. What was let through before anyone was there to take it
    /// may start together with what the rate allows then.
    fn began(&mut self, job: Id) -> Result<(), String> {
        let all = self.model.jobs();
        let limiter = all.into_iter().find(|it| it.id == job).and_then(|job| job.limiter);
        let Some(rate) = limiter.and_then(|limiter| limiter.rate) else {
            return Ok(());
        };
        let now = self.model.clock().now();
        self.starts.push(now);
        let period = Duration::from_millis(rate.period_ms);
        let lately = self.starts.iter().filter(|start| start.after(period) > now).count();
        let most = 2 * rate.count as usize;
        if lately > most {
            return Err(format!("{lately} jobs began within {period:?}; {most} is the most"));
        }
        Ok(())
    }

    async fn settle(&mut self, endings: &[(usize, Ending)]) -> Result<(), String> {
        let picked: Vec<_> = endings
            .iter()
            .filter_map(|(number, ending)| Some((pick(&self.attempts, *number)?, *ending)))
            .collect();
        let settlements = |claimed: fn(&Attempt) -> &ClaimedJob| -> Vec<Settlement> {
            let each = picked.iter().map(|(attempt, ending)| {
                contract::settlement(attempt.host, claimed(attempt), ending.verdict())
            });
            each.collect()
        };
        let model = settlements(|attempt| &attempt.model);
        let real = settlements(|attempt| &attempt.real);
        let model = JobStore::settle(&self.model, model).await.map_err(|e| e.to_string())?;
        let real = self.real.jobs.settle(real).await.map_err(|error| error.to_string())?;
        contract::expect("the answer", real, model)
    }

    /// A settlement whose host goes away is recorded, or not.
    async fn settle_abandoned(&mut self, attempt: usize, patience: u8) -> Result<(), String> {
        let Some(attempt) = pick(&self.attempts, attempt) else {
            return Ok(());
        };
        let settlement =
            |claimed| contract::settlement(attempt.host, claimed, Ending::Completed.verdict());
        let (store, real) = (std::sync::Arc::clone(&self.real.jobs), settlement(&attempt.real));
        abandon(patience, async move { store.settle(vec![real]).await }).await;
        self.real = self.database.open().await;
        let job = self.real.jobs.get(Key::Id(attempt.real.job)).await;
        let job: Job = job.map_err(|error| error.to_string())?;
        if job.status == JobStatus::Completed && job.execution == attempt.real.execution {
            let model = vec![settlement(&attempt.model)];
            // It may have been completed before.
            JobStore::settle(&self.model, model).await.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    async fn pause(&self, task: Option<usize>, pause: Option<Option<u8>>) -> Result<(), String> {
        let make = |now: Timestamp| {
            let until = |minutes: u8| now.after(in_minutes(minutes));
            pause.map(|minutes| Pause { until: minutes.map(until), ..Pause::default() })
        };
        let (model_now, real_now) = self.now().await?;
        let Some(task) = task.and_then(|task| pick(&self.tasks, task)).map(|task| task.id) else {
            let model = JobStore::pause(&self.model, make(model_now)).await;
            return same_outcome(&model, &self.real.jobs.pause(make(real_now)).await);
        };
        let model = TaskStore::pause(&self.model, Key::Id(task), make(model_now)).await;
        same_outcome(&model, &self.real.tasks.pause(Key::Id(task), make(real_now)).await)
    }

    async fn enter(&mut self) -> Result<Id, String> {
        let info = contract::host_info();
        let info = ratchet_plugin_api::services::HostInfo { id: self.id(), ..info };
        let host = info.id;
        let model = JobStore::enter(&self.model, info.clone(), LEASE_MS).await;
        same_outcome(&model, &self.real.jobs.enter(info, LEASE_MS).await)?;
        self.hosts.push(host);
        Ok(host)
    }

    async fn renew(&mut self, host: Id) -> Result<(), String> {
        let model = JobStore::renew(&self.model, host, LEASE_MS).await.map_err(text)?;
        let real = self.real.jobs.renew(host, LEASE_MS).await.map_err(text)?;
        contract::expect("whether the host is dead", real.expired, model.expired)?;
        contract::expect("the jobs rescued", real.rescued, model.rescued)?;
        let jobs = |executions: &[Id], own: fn(&Attempt) -> &ClaimedJob| {
            let job = |execution: &Id| {
                let mut all = self.attempts.iter().rev().map(own);
                all.find(|claimed| claimed.execution == *execution).map(|claimed| claimed.job)
            };
            let mut jobs: Vec<Option<Id>> = executions.iter().map(job).collect();
            jobs.sort_unstable();
            jobs
        };
        let model = jobs(&model.cancel, |attempt| &attempt.model);
        contract::expect("what to cancel", jobs(&real.cancel, |attempt| &attempt.real), model)
    }

    /// Lets everything go on, and runs it until nothing is left.
    async fn drain(&mut self) -> Result<(), String> {
        self.pause(None, None).await?;
        for place in 0..TASKS {
            self.perform(&Command::ResumeTask(place)).await?;
            self.perform(&Command::Enable(place, true)).await?;
        }
        // A rate lets two start at once.
        for _ in 0..self.jobs.len() + 10 {
            self.pass(Duration::from_secs(600));
            let host = self.enter().await?;
            self.renew(host).await?;
            let before = self.attempts.len();
            self.claim(host, 1000).await?;
            let mine: Vec<_> =
                (before..self.attempts.len()).map(|place| (place, Ending::Completed)).collect();
            self.settle(&mine).await?;
            same_jobs(&self.model, &self.real).await?;
            if self.model.jobs().iter().all(|job| job.status.is_final()) {
                return Ok(());
            }
        }
        let left = self.model.jobs().into_iter().filter(|job| !job.status.is_final());
        Err(format!("jobs are stuck: {:?}", left.map(|job| (job.id, job.hold)).collect::<Vec<_>>()))
    }
}

fn text(error: ratchet_plugin_api::Error) -> String {
    error.to_string()
}

fn in_minutes(minutes: u8) -> Duration {
    Duration::from_secs(u64::from(minutes) * 60)
}

/// Begins something and goes away.
async fn abandon<T: Send + 'static>(
    patience: u8,
    work: impl Future<Output = ratchet_plugin_api::Result<T>> + Send + 'static,
) {
    let mut work = Box::pin(work);
    for _ in 0..patience {
        if futures_util::FutureExt::now_or_never(work.as_mut()).is_some() {
            return;
        }
        tokio::task::yield_now().await;
    }
}
