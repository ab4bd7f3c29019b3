//! `Executor`: running tasks now and waiting for them.

use ratchet_plugin_api::model::{Execution as Attempt, ExecutionStatus, Id, Json, Key};
use ratchet_plugin_api::services::{
    BatchReport, BatchRequest, Executor, HostState, JobRequest, Worker,
};
use ratchet_plugin_api::{Code, Error, Result, service};

use crate::{Execution, accept, batch, engine, queue, workers};

#[service]
impl Executor for Execution {
    async fn execute(&self, request: JobRequest) -> Result<Attempt> {
        engine::ensure_running(&self.shared).await?;
        let job = accept::submit(&self.shared, request).await?.job;
        let job = engine::wait_for(&self.shared, job.id).await?;
        self.shared.stores.executions()?.get(Key::Id(job.execution)).await
    }

    async fn execute_batch(&self, batch: BatchRequest) -> Result<BatchReport> {
        engine::ensure_running(&self.shared).await?;
        batch::execute(&self.shared, batch).await
    }

    async fn cancel(&self, key: Key, reason: Option<String>) -> Result<Attempt> {
        let executions = self.shared.stores.executions()?;
        let execution = executions.get(key).await?;
        if is_over(&execution) {
            let message = format!(
                "execution {} is {} already; only one that waits or runs can be cancelled",
                execution.number, execution.status
            );
            return Err(Error::new(Code::Conflict, message).with_reason("execution.ended"));
        }
        let job = job_of(&execution)?;
        queue::cancel(&self.shared, Key::Id(job), reason).await?;
        executions.get(Key::Id(execution.id)).await
    }

    async fn retry(&self, key: Key, input: Option<Json>) -> Result<Attempt> {
        let executions = self.shared.stores.executions()?;
        let execution = executions.get(key).await?;
        if !is_over(&execution) {
            let message = format!(
                "execution {} is {}; it can be run once more when it has ended",
                execution.number, execution.status
            );
            return Err(Error::new(Code::Conflict, message).with_reason("execution.not_ended"));
        }
        let job = queue::retry(&self.shared, Key::Id(job_of(&execution)?), input).await?;
        executions.get(Key::Id(job.execution)).await
    }

    async fn workers(&self) -> Result<Vec<Worker>> {
        workers::list(&self.shared)
    }

    async fn hosts(&self) -> Result<Vec<HostState>> {
        self.shared.stores.jobs()?.hosts().await
    }
}

fn is_over(execution: &Attempt) -> bool {
    !matches!(execution.status, ExecutionStatus::Pending | ExecutionStatus::Running)
}

fn job_of(execution: &Attempt) -> Result<Id> {
    execution.job.ok_or_else(|| {
        let message = format!("execution {} was stored without a job", execution.number);
        Error::new(Code::Conflict, message).with_reason("execution.without_job")
    })
}
