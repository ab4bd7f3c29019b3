//! A database under test, with what checks need all the time.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ratchet_plugin_api::Result;
use ratchet_plugin_api::model::{
    FailureKind, Id, Job, Json, Key, Limiter, NewJob, Priority, Program, RetryPolicy, Schemas,
    Task, TaskDefinition, TaskError, TaskPolicy,
};
use ratchet_plugin_api::services::{
    AcceptJobs, Acceptance, ClaimJobs, ClaimedJob, ExecutionStore, HostInfo, JobStore, PutTask,
    ResultStore, ScheduleStore, Settled, Settlement, TaskStore, Verdict,
};

use super::{Report, succeeds, through_waist};

/// A lease no check outlives unless it means to.
pub(super) const LONG_LEASE_MS: u64 = 604_800_000;

/// The stores of one database, which must be empty at first.
#[derive(Clone)]
pub struct Stores {
    pub(crate) tasks: Arc<dyn TaskStore>,
    pub(crate) jobs: Arc<dyn JobStore>,
    pub(crate) executions: Arc<dyn ExecutionStore>,
    pub(crate) schedules: Arc<dyn ScheduleStore>,
    pub(crate) results: Arc<dyn ResultStore>,
    advance: Arc<dyn Fn(Duration) + Send + Sync>,
}

impl Stores {
    /// The stores that `store` provides, called through the waist. `advance` sets its clock
    /// forward by so much.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn new<S>(store: &Arc<S>, advance: impl Fn(Duration) + Send + Sync + 'static) -> Self
    where
        S: TaskStore + JobStore + ExecutionStore + ScheduleStore + ResultStore + 'static,
    {
        Self {
            tasks: through_waist::<dyn TaskStore>(Arc::<S>::clone(store)),
            jobs: through_waist::<dyn JobStore>(Arc::<S>::clone(store)),
            executions: through_waist::<dyn ExecutionStore>(Arc::<S>::clone(store)),
            schedules: through_waist::<dyn ScheduleStore>(Arc::<S>::clone(store)),
            results: through_waist::<dyn ResultStore>(Arc::<S>::clone(store)),
            advance: Arc::new(advance),
        }
    }

    /// Sets the store's clock forward.
    pub(crate) fn advance(&self, by: Duration) {
        (self.advance)(by);
    }
}

/// Makes an empty database and opens it.
pub type MakeStores = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Stores> + Send>> + Send + Sync>;

/// Makes a [`MakeStores`] of an async closure.
pub fn make_stores<F, A>(make: F) -> MakeStores
where
    F: Fn() -> A + Send + Sync + 'static,
    A: Future<Output = Stores> + Send + 'static,
{
    Arc::new(move || Box::pin(make()))
}

/// What a check comes to.
pub(super) type Checked = Result<(), String>;

impl Report {
    /// Runs one check on a database of its own.
    pub(super) async fn on<A>(
        &mut self,
        make: &MakeStores,
        name: &'static str,
        check: impl FnOnce(World) -> A,
    ) where
        A: Future<Output = Checked>,
    {
        let world = async { check(World { stores: make().await }).await };
        self.check(name, world).await;
    }
}

/// One database under test.
pub(super) struct World {
    pub(super) stores: Stores,
}

impl World {
    /// Lets so many milliseconds pass on the store's clock.
    pub(super) fn pass_ms(&self, milliseconds: u64) {
        self.stores.advance(Duration::from_millis(milliseconds));
    }

    /// A new task of this name.
    pub(super) async fn task(&self, name: &str) -> Result<Task, String> {
        let put = PutTask {
            task: None,
            definition: definition(name),
            enabled: None,
            if_checksum: None,
            note: None,
        };
        succeeds(self.stores.tasks.put(put).await)
    }

    /// A host that has entered.
    pub(super) async fn host(&self) -> Result<Id, String> {
        self.host_for(LONG_LEASE_MS).await
    }

    /// A host that has entered with this lease.
    pub(super) async fn host_for(&self, lease_ms: u64) -> Result<Id, String> {
        let info = host_info();
        let host = info.id;
        succeeds(self.stores.jobs.enter(info, lease_ms).await)?;
        Ok(host)
    }

    /// Accepts these jobs, each by itself.
    pub(super) async fn accept(&self, jobs: Vec<NewJob>) -> Result<Vec<Acceptance>, String> {
        let request = AcceptJobs { jobs, atomic: false, claim_for: None, max_waiting: None };
        succeeds(self.stores.jobs.accept(request).await)
    }

    /// Accepts one job, which must not be refused; gives its id.
    pub(super) async fn add(&self, job: NewJob) -> Result<Id, String> {
        let id = job.id;
        match self.accept(vec![job]).await?.as_slice() {
            [Acceptance::Accepted { .. }] => Ok(id),
            other => Err(format!("the job was not accepted: {other:?}")),
        }
    }

    /// Gives the host up to so many jobs.
    pub(super) async fn claim(&self, host: Id, max: u32) -> Result<Vec<ClaimedJob>, String> {
        Ok(succeeds(self.stores.jobs.claim(ClaimJobs { host, max }).await)?.jobs)
    }

    /// Gives the host the one job there is for it.
    pub(super) async fn claim_one(&self, host: Id) -> Result<ClaimedJob, String> {
        let mut claimed = self.claim(host, 10).await?;
        match claimed.len() {
            1 => Ok(claimed.remove(0)),
            count => Err(format!("{count} jobs were given; 1 is right")),
        }
    }

    /// The ids of the jobs the host is given, in order.
    pub(super) async fn claimed_ids(&self, host: Id, max: u32) -> Result<Vec<Id>, String> {
        Ok(self.claim(host, max).await?.iter().map(|claimed| claimed.job).collect())
    }

    /// Settles an attempt.
    pub(super) async fn settle(
        &self,
        host: Id,
        claimed: &ClaimedJob,
        verdict: Verdict,
    ) -> Result<Settled, String> {
        self.settle_with(settlement(host, claimed, verdict)).await
    }

    /// Settles an attempt, with everything that can be said of it.
    pub(super) async fn settle_with(&self, settlement: Settlement) -> Result<Settled, String> {
        match succeeds(self.stores.jobs.settle(vec![settlement]).await)?.as_slice() {
            [settled] => Ok(*settled),
            other => Err(format!("one settlement has {} answers", other.len())),
        }
    }

    /// Claims the one job there is and completes it.
    pub(super) async fn complete_one(&self, host: Id) -> Result<ClaimedJob, String> {
        let claimed = self.claim_one(host).await?;
        super::expect(
            "the settlement",
            self.settle(host, &claimed, done()).await?,
            Settled::Recorded,
        )?;
        Ok(claimed)
    }

    /// The job as it is now.
    pub(super) async fn job(&self, job: Id) -> Result<Job, String> {
        succeeds(self.stores.jobs.get(Key::Id(job)).await)
    }
}

/// What a host says of itself.
pub(crate) fn host_info() -> HostInfo {
    HostInfo { id: Id::new(), name: "contract".into(), slots: 4, version: "1.0.0".into() }
}

/// A task of this name that gives back its input.
pub(crate) fn definition(name: &str) -> TaskDefinition {
    TaskDefinition {
        id: None,
        name: name.to_owned(),
        label: None,
        version: "1.0.0".into(),
        description: None,
        tags: Vec::new(),
        program: Program {
            entry: "main.js".into(),
            source: "(input) => input".into(),
            modules: Default::default(),
        },
        schemas: Schemas::default(),
        policy: TaskPolicy::default(),
        tests: Default::default(),
        metadata: Json::from_trusted("{}"),
    }
}

/// A job of normal priority that nothing holds.
pub(crate) fn job(task: &Task) -> NewJob {
    NewJob {
        id: Id::new(),
        task: task.id,
        input: Json::from_trusted(r#"{"a":1}"#),
        priority: Priority::Normal,
        delay_ms: 0,
        not_before: None,
        lifetime_ms: None,
        timeout_ms: None,
        retry: RetryPolicy::default(),
        unique: None,
        limiter: None,
        depends_on: Vec::new(),
        runs_after_failure: false,
        batch: None,
        schedule: None,
        outputs: Vec::new(),
        metadata: Json::from_trusted("{}"),
    }
}

/// A limiter that lets so many run at the same time.
pub(super) fn at_most(concurrency: u32) -> Option<Limiter> {
    Some(Limiter { key: "contract".into(), concurrency: Some(concurrency), rate: None })
}

/// A settlement with nothing but a verdict.
pub(crate) fn settlement(host: Id, claimed: &ClaimedJob, verdict: Verdict) -> Settlement {
    Settlement {
        host,
        job: claimed.job,
        execution: claimed.execution,
        verdict,
        task_version: Some("1.0.0".into()),
        began_ms_ago: None,
        duration_us: 1_000,
        logs: Vec::new(),
        logs_dropped: 0,
        http: Vec::new(),
        deliveries: Vec::new(),
    }
}

/// Success, with an output.
pub(crate) fn done() -> Verdict {
    Verdict::Completed(Json::from_trusted(r#"{"sum":15}"#))
}

/// Failure for good.
pub(crate) fn failure() -> Verdict {
    Verdict::Failed(thrown())
}

/// Failure, to be tried again.
pub(crate) fn retry(delay_ms: u64) -> Verdict {
    Verdict::Retry { error: thrown(), delay_ms, crashed: false }
}

/// An attempt lost with its worker, to be made again at once.
pub(crate) fn crash() -> Verdict {
    let error = TaskError { kind: FailureKind::WorkerLost, ..thrown() };
    Verdict::Retry { error, delay_ms: 0, crashed: true }
}

/// What a task threw.
pub(crate) fn thrown() -> TaskError {
    TaskError {
        kind: FailureKind::Thrown,
        class: "TypeError".into(),
        message: "no number".into(),
        stack: Vec::new(),
        violations: Vec::new(),
        details: None,
        causes: Vec::new(),
    }
}
